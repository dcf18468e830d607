"""Samples for the instance network: cut-outs of semantic masks around one vertebra.

In use the network gets the mask of a semantic network, so the true masks are corrupted on purpose:
ragged borders, confused parts, holes, lost processes, bodies joined over a disc, thin slabs and
windows that cut vertebrae.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from spineps_nipype.core import anatomy
from spineps_nipype.models.config import DEFAULT_MAPPING
from spineps_nipype.phantom import Phantom, generate
from spineps_nipype.phantom.render import smooth_noise
from spineps_nipype.phantom.tissues import MIRROR_PAIRS
from training.common.loop import Batch
from training.common.phantom_seeds import phantom_seed

SPACING: Final = (2.0, 2.0, 2.0)
"""Model grid in P, I, R (mm). Fine enough that bodies survive the erosion that finds seeds."""
CUTOUT: Final = (72, 80, 40)
"""Cut-out in voxels (144 x 160 x 80 mm): a lumbar vertebra and both its neighbours."""
CHANNELS: Final = 11
"""Values of the input, 0 among them."""
ABOVE, CENTRE, BELOW = 1, 2, 3
"""Classes of the target."""
SAMPLES_PER_PHANTOM: Final = 14
MIN_BODY_VOXELS: Final = 40
"""A body of which less is in view is not the centre of a sample."""

_IS_PART = np.array([label in anatomy.VERTEBRA_PARTS for label in range(256)])
_INPUT_VALUE = np.zeros(256, np.uint8)
for _label, _value in DEFAULT_MAPPING.items():
    _INPUT_VALUE[_label] = _value
_MIRRORED = np.arange(256, dtype=np.uint8)
for _left, _right in MIRROR_PAIRS:
    _MIRRORED[_left], _MIRRORED[_right] = _right, _left

Array = np.ndarray


class LabelledSpine:
    """Masks of a phantom, with the nearest vertebra of every voxel.

    With ``owner`` a false voxel of bone (in a disc, say) is taught as part of the vertebra that it
    touches.

    Parameters
    ----------
    spine, vert
        Semantic and instance mask (P, I, R).
    order
        Numbers of the vertebrae from the top.
    spacing
        Voxel size, mm.
    """

    def __init__(
        self, spine: Array, vert: Array, order: list[int], spacing: Sequence[float]
    ) -> None:
        self.spine, self.order = spine, order
        self.spacing = np.asarray(spacing)
        part = _IS_PART[spine] & (vert > 0) & (vert < 29) & (vert != anatomy.SACRUM)
        nearest = distance_transform_edt(
            ~part, sampling=spacing, return_distances=False, return_indices=True
        )
        self.owner = vert[tuple(nearest)]

    @classmethod
    def from_phantom(cls, phantom: Phantom) -> LabelledSpine:
        """Masks of a phantom."""
        order = [v.label for v in phantom.plan.vertebrae]
        return cls(phantom.spine, phantom.vert, [anatomy.C1, *order], phantom.spacing)


def make_group(seed: int, group: int) -> list[Batch]:
    """Training samples of one phantom."""
    rng = np.random.default_rng((seed, 2, group))
    p, i, r = rng.uniform(1.7, 2.1, 3).tolist()
    phantom = generate(phantom_seed(seed, group), spacing=(p, i, r))
    spine = LabelledSpine.from_phantom(phantom)
    samples: list[Batch] = []
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
) -> Batch | None:
    """Cut-out around a vertebra, or None if its body is not in view.

    Parameters
    ----------
    label
        The vertebra's number in the instance mask.
    centre
        Middle of its body, in voxels of the masks.
    augment
        Turn, scale and warp the masks, limit the view and corrupt the labels.

    Returns
    -------
    dict
        ``x``: values of the input, ``y``: 0 none, 1 above, 2 centre, 3 below; uint8, `CUTOUT`.
    """
    semantic, owner = _cut_out(spine, centre, rng, augment=augment)
    view = _draw_view(rng) if augment else np.ones(CUTOUT, bool)
    if augment:
        semantic = corrupt(semantic, rng)
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
    part = _IS_PART[semantic]
    position = spine.order.index(label)
    for step, value in ((-1, ABOVE), (0, CENTRE), (1, BELOW)):
        if 0 <= position + step < len(spine.order):
            target[part & (owner == spine.order[position + step])] = value
    return {"x": _INPUT_VALUE[semantic], "y": target}


def _cut_out(
    spine: LabelledSpine, centre: Array, rng: np.random.Generator, *, augment: bool
) -> tuple[Array, Array]:
    """Semantic labels and owners on the grid of a cut-out, which is turned, scaled and warped."""
    matrix = np.diag(np.asarray(SPACING) / spine.spacing)
    flip = False
    if augment:
        turn = _rotation(rng.normal(0, np.deg2rad((6, 6, 10))))
        scale = rng.uniform(0.82, 1.2) * rng.uniform(0.94, 1.06, 3)
        matrix = np.diag(1 / spine.spacing) @ turn @ np.diag(np.asarray(SPACING) / scale)
        flip = bool(rng.random() < 0.5)
        if flip:  # left and right change places, and so do their labels below
            matrix[:, 2] *= -1
    grid = [np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) for n in CUTOUT]
    index, inside = [], np.ones(CUTOUT, bool)
    roughness = rng.uniform(0, 0.9) if augment else 0.0  # ragged borders
    for axis in range(3):
        place = (
            np.float32(centre[axis])
            + np.float32(matrix[axis, 0]) * grid[0][:, None, None]
            + np.float32(matrix[axis, 1]) * grid[1][None, :, None]
            + np.float32(matrix[axis, 2]) * grid[2][None, None, :]
        )
        if roughness:
            place = place + np.float32(roughness) * smooth_noise(CUTOUT, (3, 3, 3), rng)
        nearest = np.rint(place).astype(np.int32)
        size = spine.spine.shape[axis]
        inside &= (nearest >= 0) & (nearest < size)
        index.append(np.clip(nearest, 0, size - 1))
    where = tuple(index)
    semantic = np.where(inside, spine.spine[where], 0)
    return (_MIRRORED[semantic] if flip else semantic), spine.owner[where]


def _rotation(angles: Array) -> Array:
    """Rotation matrix from three small angles (radians) about P, I and R."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (k for k in range(3) if k != axis)
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


def _draw_view(rng: np.random.Generator) -> Array:
    """What the scan shows of the cut-out (bool): sagittal slabs, and windows that end nearby."""
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
    if rng.random() < 0.15:  # or close behind the spine
        view[int(CUTOUT[0] / 2 + rng.uniform(5, 30)) :] = False
    return view


def corrupt(semantic: Array, rng: np.random.Generator) -> Array:
    """Corrupt a semantic mask in the way that segmentation networks fail.

    Parameters
    ----------
    semantic
        Labels (P, I, R); the array is not changed.
    """
    out = semantic.copy()
    shape = semantic.shape
    if rng.random() < 0.3:  # endplates taken for what lies beside them
        out[out == anatomy.ENDPLATE] = rng.choice([anatomy.CORPUS_BORDER, anatomy.DISC])
    patchy = smooth_noise(shape, (4, 4, 3), rng)
    if rng.random() < 0.35:  # bodies joined over the disc, in places
        bridge = (out == anatomy.DISC) | (out == anatomy.ENDPLATE)
        out[bridge & (patchy > rng.uniform(0.8, 2.2))] = anatomy.CORPUS_BORDER
    posterior = (out >= anatomy.ARCUS) & (out <= anatomy.ARTICULAR_INFERIOR_RIGHT)
    other = smooth_noise(shape, (4, 4, 3), rng)
    if rng.random() < 0.6:  # parts confused, in places
        wrong = rng.integers(anatomy.ARCUS, anatomy.ARTICULAR_INFERIOR_RIGHT + 1)
        out[posterior & (other > rng.uniform(0.6, 2.0))] = wrong
    if rng.random() < 0.15:  # all of them taken for the arch
        out[posterior] = anatomy.ARCUS
    if rng.random() < 0.4:  # holes, bodies left whole
        out[(patchy < -rng.uniform(1.0, 2.4)) & (out != anatomy.CORPUS_BORDER)] = 0
    if rng.random() < 0.25:  # holes anywhere
        out[patchy < -rng.uniform(1.6, 2.6)] = 0
    for label in range(anatomy.ARCUS, anatomy.ARTICULAR_INFERIOR_RIGHT + 1):
        if rng.random() < 0.06:  # a part not found at all
            out[out == label] = 0
    if rng.random() < 0.4:  # false bone beside true bone
        beside = np.roll(out, int(rng.choice([-1, 1])), int(rng.integers(0, 3)))
        added = (out == 0) & (beside > 0) & (other < rng.uniform(-1.5, 0))
        out[added] = beside[added]
    return out


def _shifted(array: Array, shift: Array) -> Array:
    """Array moved by whole voxels; zeros move in."""
    out = np.zeros_like(array)
    source, target = [], []
    for step, size in zip(shift.tolist(), array.shape, strict=True):
        source.append(slice(max(step, 0), size + min(step, 0)))
        target.append(slice(max(-step, 0), size + min(-step, 0)))
    out[tuple(target)] = array[tuple(source)]
    return out
