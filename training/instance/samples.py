"""Samples for the instance network: cut-outs of semantic masks around one vertebra.

The network will be fed what a semantic network says, so the true masks are spoilt on purpose:
ragged borders, confused parts, holes, lost processes, bodies joined over a disc, thin slabs and
windows that cut vertebrae.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from spineps_nipype.core import anatomy
from spineps_nipype.models.config import DEFAULT_MAPPING
from spineps_nipype.phantom import Phantom, generate
from spineps_nipype.phantom.render import smooth_noise
from spineps_nipype.phantom.tissues import MIRROR_PAIRS
from training.common.loop import phantom_seed

SPACING: Final = (2.0, 2.0, 2.0)
"""Model grid in P, I, R (mm). Fine enough that bodies survive the erosion that finds seeds."""
CUTOUT: Final = (72, 80, 40)
"""Cut-out in voxels (144 x 160 x 80 mm): a lumbar vertebra and both its neighbours."""
CHANNELS: Final = 11
ABOVE, CENTRE, BELOW = 1, 2, 3
SAMPLES_PER_PHANTOM: Final = 14
MIN_BODY_VOXELS: Final = 40
"""A body that shows less than this is nobody's centre."""

_PARTS = np.array([label in anatomy.VERTEBRA_PARTS for label in range(256)])
_INPUT = np.zeros(256, np.uint8)
for _label, _value in DEFAULT_MAPPING.items():
    _INPUT[_label] = _value
_SWAP = np.arange(256, dtype=np.uint8)
for _left, _right in MIRROR_PAIRS:
    _SWAP[_left], _SWAP[_right] = _right, _left

Array = np.ndarray


class LabelledSpine:
    """A phantom's masks, with the nearest vertebra of every voxel.

    ``owner`` lets false voxels (a disc taken for bone, say) be taught as part of the vertebra that
    they touch.
    """

    def __init__(self, spine: Array, vert: Array, order: list[int], spacing: tuple[float, ...]):
        self.spine, self.order = spine, order
        self.spacing = np.asarray(spacing)
        part = _PARTS[spine] & (vert > 0) & (vert < 29) & (vert != anatomy.SACRUM)
        nearest = distance_transform_edt(
            ~part, sampling=spacing, return_distances=False, return_indices=True
        )
        self.owner = vert[tuple(nearest)]

    @classmethod
    def from_phantom(cls, phantom: Phantom) -> LabelledSpine:
        """Masks of a phantom."""
        order = [v.label for v in phantom.plan.vertebrae]
        return cls(phantom.spine, phantom.vert, [anatomy.C1, *order], phantom.spacing)


def make_group(seed: int, group: int) -> list[dict[str, Array]]:
    """Training samples of one phantom."""
    rng = np.random.default_rng((seed, 2, group))
    spacing = tuple(rng.uniform(1.7, 2.1, 3).tolist())
    phantom = generate(phantom_seed(seed, group), spacing=spacing)  # type: ignore[arg-type]
    spine = LabelledSpine.from_phantom(phantom)
    samples: list[dict[str, Array]] = []
    while len(samples) < SAMPLES_PER_PHANTOM:
        vertebra = phantom.plan.vertebrae[int(rng.integers(len(phantom.plan.vertebrae)))]
        sample = draw_sample(spine, vertebra.label, np.array(phantom.centres[vertebra.name]), rng)
        if sample is not None:
            samples.append(sample)
    return samples


def draw_sample(
    spine: LabelledSpine,
    label: int,
    centre: Array,
    rng: np.random.Generator,
    *,
    augment: bool = True,
) -> dict[str, Array] | None:
    """Cut-out around a vertebra, or None if its body is not in view.

    Parameters
    ----------
    label
        The vertebra's number in the instance mask.
    centre
        Of its body, in voxels of the masks.

    Returns
    -------
    dict
        ``x``: network input values, ``y``: 0 none, 1 above, 2 centre, 3 below; uint8, `CUTOUT`.
    """
    semantic, owner = _gather(spine, centre, rng, augment=augment)
    view = _view(rng) if augment else np.ones(CUTOUT, bool)
    if augment:
        semantic = spoil(semantic, rng)
    semantic = np.where(view, semantic, 0)
    body = (semantic == anatomy.CORPUS_BORDER) & (owner == label)
    if np.count_nonzero(body) < MIN_BODY_VOXELS:
        return None
    # the pipeline centres on the middle of what it sees of the body
    shift = np.round(np.argwhere(body).mean(0) - (np.array(CUTOUT) - 1) / 2).astype(int)
    if augment:
        shift = shift + np.round(rng.normal(0, 0.8, 3)).astype(int)
    semantic, owner = _shifted(semantic, shift), _shifted(owner, shift)
    target = np.zeros(CUTOUT, np.uint8)
    part = _PARTS[semantic]
    position = spine.order.index(label)
    for step, value in ((-1, ABOVE), (0, CENTRE), (1, BELOW)):
        if 0 <= position + step < len(spine.order):
            target[part & (owner == spine.order[position + step])] = value
    return {"x": _INPUT[semantic], "y": target}


def _gather(
    spine: LabelledSpine, centre: Array, rng: np.random.Generator, *, augment: bool
) -> tuple[Array, Array]:
    """Semantic labels and owners on a turned, scaled and warped cut-out grid."""
    matrix = np.diag(np.asarray(SPACING) / spine.spacing)
    flip = False
    if augment:
        turn = _rotation(rng.normal(0, np.deg2rad((6, 6, 10))))
        scale = rng.uniform(0.82, 1.2) * rng.uniform(0.94, 1.06, 3)
        matrix = np.diag(1 / spine.spacing) @ turn @ np.diag(np.asarray(SPACING) / scale)
        flip = bool(rng.random() < 0.5)
        if flip:
            matrix[:, 2] *= -1
    grid = [np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) for n in CUTOUT]
    index, inside = [], np.ones(CUTOUT, bool)
    rough = rng.uniform(0, 0.9) if augment else 0.0
    for axis in range(3):
        place = (
            np.float32(centre[axis])
            + np.float32(matrix[axis, 0]) * grid[0][:, None, None]
            + np.float32(matrix[axis, 1]) * grid[1][None, :, None]
            + np.float32(matrix[axis, 2]) * grid[2][None, None, :]
        )
        if rough:
            place = place + np.float32(rough) * smooth_noise(CUTOUT, (3, 3, 3), rng)
        nearest = np.rint(place).astype(np.int32)
        size = spine.spine.shape[axis]
        inside &= (nearest >= 0) & (nearest < size)
        index.append(np.clip(nearest, 0, size - 1))
    where = tuple(index)
    semantic = np.where(inside, spine.spine[where], 0)
    return (_SWAP[semantic] if flip else semantic), spine.owner[where]


def _rotation(angles: Array) -> Array:
    """Rotation matrix from three small angles (radians) about P, I and R."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (k for k in range(3) if k != axis)
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ one
    return matrix


def _view(rng: np.random.Generator) -> Array:
    """Mask of what the scan shows of the cut-out: slabs and cut windows."""
    view = np.ones(CUTOUT, bool)
    if rng.random() < 0.5:  # sagittal slab, 10 to 60 mm
        width = int(rng.integers(5, 31))
        middle = (CUTOUT[2] - 1) / 2 + rng.normal(0, 4)
        r = np.arange(CUTOUT[2])
        view &= (np.abs(r - middle) <= width / 2)[None, None]
    if rng.random() < 0.35:  # the scan ends above or below
        i = np.arange(CUTOUT[1])
        edge = CUTOUT[1] / 2 + rng.uniform(-5, 30)
        view &= (i < edge if rng.random() < 0.5 else i >= CUTOUT[1] - edge)[None, :, None]
    if rng.random() < 0.15:  # or close behind
        view[int(CUTOUT[0] / 2 + rng.uniform(5, 30)) :] = False
    return view


def spoil(semantic: Array, rng: np.random.Generator) -> Array:
    """Spoil a semantic mask the way segmentation networks do.

    Parameters
    ----------
    semantic
        Labels; the array is not changed.
    """
    out = semantic.copy()
    shape = semantic.shape
    if rng.random() < 0.3:  # end plates taken for what lies beside them
        out[out == anatomy.ENDPLATE] = rng.choice([anatomy.CORPUS_BORDER, anatomy.DISC])
    patchy = smooth_noise(shape, (4, 4, 3), rng)
    if rng.random() < 0.35:  # bodies joined over the disc, in places
        bridge = (out == anatomy.DISC) | (out == anatomy.ENDPLATE)
        out[bridge & (patchy > rng.uniform(0.8, 2.2))] = anatomy.CORPUS_BORDER
    posterior = (out >= anatomy.ARCUS) & (out <= anatomy.ARTICULAR_INFERIOR_RIGHT)
    other = smooth_noise(shape, (4, 4, 3), rng)
    if rng.random() < 0.6:  # parts confused
        wrong = rng.integers(anatomy.ARCUS, anatomy.ARTICULAR_INFERIOR_RIGHT + 1)
        out[posterior & (other > rng.uniform(0.6, 2.0))] = wrong
    if rng.random() < 0.15:
        out[posterior] = anatomy.ARCUS
    if rng.random() < 0.4:  # holes
        out[(patchy < -rng.uniform(1.0, 2.4)) & (out != anatomy.CORPUS_BORDER)] = 0
    if rng.random() < 0.25:
        out[patchy < -rng.uniform(1.6, 2.6)] = 0
    for label in range(anatomy.ARCUS, anatomy.ARTICULAR_INFERIOR_RIGHT + 1):
        if rng.random() < 0.06:  # a part not found at all
            out[out == label] = 0
    if rng.random() < 0.4:  # false bone beside true bone
        grow = np.roll(out, int(rng.choice([-1, 1])), int(rng.integers(0, 3)))
        add = (out == 0) & (grow > 0) & (other < rng.uniform(-1.5, 0))
        out[add] = grow[add]
    return out


def _shifted(array: Array, shift: Array) -> Array:
    """Array moved by whole voxels, zeros coming in."""
    out = np.zeros_like(array)
    source, target = [], []
    for step, size in zip(shift.tolist(), array.shape, strict=True):
        source.append(slice(max(step, 0), size + min(step, 0)))
        target.append(slice(max(-step, 0), size + min(-step, 0)))
    out[tuple(target)] = array[tuple(source)]
    return out


def as_tensors(batch: dict[str, Any]) -> tuple[Any, Any]:
    """One-hot input (float) and target (long) of a batch."""
    from torch.nn import functional

    x = functional.one_hot(batch["x"].long(), CHANNELS).movedim(-1, 1).float()
    return x, batch["y"].long()
