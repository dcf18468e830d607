"""Samples for the semantic network: patches of phantoms and of real scans.

Patches are (P, I, R) on the model grid until the end, when the axes are reversed for the network.
Every sample is a function of its seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates

from spineps_nipype.core.anatomy import CANAL
from spineps_nipype.phantom import FieldOfView, Phantom, draw_plan, generate
from spineps_nipype.phantom.render import render_tissue, smooth_noise
from spineps_nipype.phantom.slices import common_slices, take_slices
from spineps_nipype.phantom.tissues import label_table, mirror_table
from training.common.loop import Batch, phantom_seed
from training.common.real_scans import RealScan
from training.common.spider_masks import CANAL as CANAL_VALUE
from training.common.spider_masks import DISC as DISC_VALUE
from training.common.spider_masks import large_discs
from training.semantic.marginal_loss import CLASS_OF, CLASSES, SPIDER_SETS

SPACING: Final = (1.0, 1.0, 2.0)
FINEST: Final = (1.0, 1.0, 1.0)
"""Bounds of the model grid, mm in P, I, R: slices thinner than 2 mm keep their thickness."""
FINEST_SHARE: Final = 0.4
"""Share of samples on the finest grid; the others lie anywhere between the bounds."""
PATCH: Final = (96, 128, 24)
"""Voxels in P, I, R."""
SAMPLES: Final = 10
"""Samples made from one phantom, and from one round of real scans."""
CONTRASTS: Final = ("T2w", "T1w", "CT", "random")
CONTRAST_SHARES: Final = (0.60, 0.12, 0.14, 0.14)
OUTSIDE: Final = 255
CAUDA: Final = 4
"""Value for the canal where no cord can be, see `with_cauda`."""
SPIDER_CODE: Final = {
    **{value: CLASSES + i for i, value in enumerate(SPIDER_SETS)},
    CAUDA: CLASS_OF[CANAL],
}
CODES: Final = np.array([CLASS_OF.get(value, 0) for value in range(256)])
"""Code of every SPINEPS label."""
CAUDA_DISC: Final = 4
"""Disc from below, L2 to L3, under which there are nerve roots and no cord."""
LUMBAR_SHARE: Final = 0.65
NEAR_THE_SPINE: Final = 0.6
NEAR_A_REAL_SPINE: Final = 0.5
"""Shares of patches around the spine; the others lie anywhere, also in the fat of the back."""
THICK_SHARE: Final = 0.4
"""Share of phantom patches in slices thicker than the model grid, as scanners make them."""
THICK: Final = (2.2, 4.8)
"""Their thickness in mm; each is the mean of `JOINED` thin ones."""
JOINED: Final = 3
CLUTTERED: Final = 0.5
"""Share of phantom patches whose soft tissue gets streaks and blobs of any brightness."""

Array = np.ndarray


@dataclass(frozen=True)
class SemanticSamples:
    """Maker of groups of samples.

    Parameters
    ----------
    real
        Real scans on the finest grid; without them all groups are phantoms.
    phantom_share
        Fraction of groups that are phantoms.
    patch
        Size of a sample in voxels (P, I, R).
    """

    real: Sequence[RealScan] = ()
    phantom_share: float = 0.5
    patch: tuple[int, int, int] = PATCH

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group."""
        rng = np.random.default_rng((seed, 2, group))
        if self.real and rng.random() >= self.phantom_share:
            return [self._real(rng) for _ in range(SAMPLES)]
        phantom = draw_phantom(phantom_seed(seed, group), rng)
        return [self._phantom(phantom, rng) for _ in range(SAMPLES)]

    def _real(self, rng: np.random.Generator) -> Batch:
        scan = self.real[int(rng.integers(len(self.real)))]
        centre = patch_centre(scan.mask, self.patch, rng, NEAR_A_REAL_SPINE)
        places = patch_places(self.patch, centre, rng, widest=1.35)
        places = apart(places, centre, draw_step(rng))
        image = map_coordinates(scan.image, places, order=1, cval=-1e3)
        values = map_coordinates(scan.mask, places, order=0, cval=OUTSIDE)
        outside = (values == OUTSIDE) | (image < -1e2)
        codes = np.zeros(values.shape, np.int64)
        for value, code in SPIDER_CODE.items():
            codes[values == value] = code
        image[outside] = scan.image.min()
        if rng.random() < 0.5:
            image, codes, outside = image[..., ::-1], codes[..., ::-1], outside[..., ::-1]
        return finished(image.copy(), codes.copy(), outside.copy(), rng)

    def _phantom(self, phantom: Phantom, rng: np.random.Generator) -> Batch:
        centre = patch_centre(phantom.spine, self.patch, rng, NEAR_THE_SPINE)
        contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
        drawn = thick_patch if rng.random() < THICK_SHARE else thin_patch
        image, labels, outside = drawn(phantom, centre, self.patch, contrast, rng)
        codes = CODES[labels]
        image = (image - image.mean()) / (image.std() + 1e-6)
        if rng.random() < CLUTTERED:
            image = cluttered(image, codes == 0, rng)
        # The network sees a scan normalised as a whole, of which a patch is an uneven part.
        image = image * np.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.3)
        return finished(image, codes, outside, rng)


def thin_patch(
    phantom: Phantom,
    centre: Sequence[float],
    patch: tuple[int, int, int],
    contrast: str,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Image, labels and what lies outside the phantom, on any model grid."""
    step = draw_step(rng)
    tissue, outside = _tissue_patch(phantom, centre, patch, step, rng)
    blurred = float(rng.uniform(2.5, 5.0)) if rng.random() < 0.5 else None
    image = render_tissue(
        tissue, (*FINEST[:2], step), rng, contrast=contrast, slice_thickness=blurred
    )
    return image, label_table()[tissue], outside


def thick_patch(
    phantom: Phantom,
    centre: Sequence[float],
    patch: tuple[int, int, int],
    contrast: str,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """The same from thick slices, brought to the coarsest model grid as the pipeline does it."""
    thick = float(rng.uniform(*THICK))
    step = SPACING[2] / thick
    count = int(np.ceil(patch[2] * step)) + 1
    size = (*patch[:2], count * JOINED)
    tissue, outside = _tissue_patch(phantom, centre, size, thick / JOINED, rng)
    image = render_tissue(
        tissue, (*FINEST[:2], thick / JOINED), rng, contrast=contrast, joined=JOINED
    )
    labels = label_table()[tissue]
    chosen = common_slices(labels, JOINED)
    first = float(rng.uniform(0, count - 1 - (patch[2] - 1) * step))

    def regular(array: Array, order: int) -> Array:
        return affine_transform(array, (1, 1, step), (0, 0, first), patch, order=order)

    return (
        regular(image, 3),
        regular(take_slices(labels, chosen, JOINED), 0),
        regular(take_slices(outside, chosen, JOINED), 0),
    )


def _tissue_patch(
    phantom: Phantom,
    centre: Sequence[float],
    patch: tuple[int, int, int],
    step: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Tissue of a moved patch, mirrored half the time, and what lies outside the phantom."""
    places = apart(patch_places(patch, centre, rng, widest=1.15), centre, step)
    tissue = map_coordinates(phantom.tissue, places, order=0, cval=0)
    ones = np.ones(phantom.tissue.shape, np.uint8)
    outside = map_coordinates(ones, places, order=0, cval=0) == 0
    if rng.random() < 0.5:
        tissue, outside = mirror_table()[tissue][..., ::-1], outside[..., ::-1]
    return tissue, outside.copy()


def with_cauda(scan: RealScan) -> RealScan:
    """The scan with `CAUDA` for what its mask calls canal below L2 to L3.

    SPIDER's masks join cord and canal, and roots look like a cord; its lowest disc is L5 to S1.
    """
    _, _, rows = large_discs(scan.mask == DISC_VALUE, FINEST)
    if len(rows) <= CAUDA_DISC:
        return scan
    mask = scan.mask.copy()
    low = mask[:, round(np.sort(rows)[-CAUDA_DISC]) :]
    low[low == CANAL_VALUE] = CAUDA
    return replace(scan, mask=mask)


def draw_step(rng: np.random.Generator) -> float:
    """Distance of slices (mm) between the bounds of the model grid."""
    return FINEST[2] if rng.random() < FINEST_SHARE else float(rng.uniform(FINEST[2], SPACING[2]))


def draw_phantom(
    seed: int, rng: np.random.Generator, spacing: tuple[float, float, float] = FINEST
) -> Phantom:
    """A window on a phantom: mostly lumbar, from thin slabs to wide volumes.

    Bone that is drawn in thick slices is nearly all cortex, hence the fine grid.
    """
    names = draw_plan(seed).levels
    count = len(names)
    if rng.random() < LUMBAR_SHARE:
        top, bottom = int(rng.integers(count - 9, count - 4)), "sacrum"
    else:
        top = int(rng.integers(0, count - 6))
        low = min(top + int(rng.integers(4, 9)), count - 1)
        bottom = "sacrum" if low == count - 1 else names[low]
    fov = FieldOfView(
        top=names[top],
        bottom=bottom,
        width=float(rng.choice([rng.uniform(14, 30), rng.uniform(30, 80)])),
        offset=float(rng.normal(0, 5)),
    )
    return generate(seed, spacing=spacing, fov=fov)


def patch_centre(
    labels: Array, patch: tuple[int, int, int], rng: np.random.Generator, near: float
) -> list[float]:
    """Middle of a patch, with probability `near` around a label, each label as often."""
    if rng.random() < near:
        coarse = labels[::4, ::4]
        rows = np.argwhere(coarse == rng.choice(np.unique(coarse[coarse > 0])))
        p, i, r = rows[int(rng.integers(len(rows)))] * (4, 4, 1)
        return [
            p + rng.uniform(-0.3, 0.3) * patch[0],
            i + rng.uniform(-0.3, 0.3) * patch[1],
            r + rng.uniform(-3, 3),
        ]
    return [float(rng.uniform(0, n - 1)) for n in labels.shape]


def patch_places(
    patch: tuple[int, int, int], centre: Sequence[float], rng: np.random.Generator, widest: float
) -> list[Array]:
    """Voxel coordinates of a turned, scaled and sheared patch."""
    p, i, r = np.meshgrid(
        *[np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in patch], indexing="ij"
    )
    angle = np.deg2rad(rng.normal(0, 8))
    scale, aspect = np.exp(rng.normal(0, 0.12)), np.exp(rng.normal(0, 0.05))
    across = np.exp(rng.uniform(-np.log(widest), np.log(widest)))
    tilt = rng.normal(0, 0.03)
    cos, sin = np.cos(angle), np.sin(angle)
    return [
        (cos * p - sin * i) * scale * aspect + centre[0],
        (sin * p + cos * i) * scale / aspect + centre[1],
        r * across + tilt * i + centre[2],
    ]


def apart(places: Sequence[Array], centre: Sequence[float], step: float) -> list[Array]:
    """Places of a patch of the finest grid, with slices `step` mm apart."""
    p, i, r = places
    return [p, i, centre[2] + (r - centre[2]) * step / FINEST[2]]


def finished(image: Array, codes: Array, outside: Array, rng: np.random.Generator) -> Batch:
    """Intensity changes, limited view and padding; then the axes of the network."""
    floor = float(image[~outside].min()) if (~outside).any() else 0.0
    for change, chance in CHANGES:
        if rng.random() < chance:
            image = change(image, rng, floor)
    outside = outside | _hidden(image.shape, rng)
    image[outside] = floor
    codes[outside] = 0
    return {
        "image": np.ascontiguousarray(image.T[None], dtype=np.float32),
        "target": np.ascontiguousarray(codes.T, dtype=np.int64),
    }


def cluttered(image: Array, background: Array, rng: np.random.Generator) -> Array:
    """Streaks and blobs outside the spine, where real soft tissue is richer than a phantom."""
    low, high = np.quantile(image, (0.02, 0.995))
    for _ in range(int(rng.integers(1, 4))):
        cells = (int(rng.integers(6, 20)), int(rng.integers(8, 40)), int(rng.integers(3, 10)))
        field = smooth_noise(image.shape, cells, rng)
        if rng.random() < 0.5:
            shape = np.abs(field) < rng.uniform(0.05, 0.3)
        else:
            shape = field > rng.uniform(0.6, 1.8)
        weight = gaussian_filter((shape & background).astype(np.float32), rng.uniform(0.3, 0.8))
        image = image + weight * (rng.uniform(low, high) - image) * rng.uniform(0.5, 1.0)
    return image


def _bias(image: Array, rng: np.random.Generator, floor: float) -> Array:
    field = np.exp(smooth_noise(image.shape, (50, 60, 10), rng) * rng.uniform(0, 0.3))
    return (image - floor) * field + floor


def _gamma(image: Array, rng: np.random.Generator, floor: float) -> Array:
    span = float(image.max()) - floor + 1e-6
    return np.clip((image - floor) / span, 0, 1) ** np.exp(rng.normal(0, 0.3)) * span + floor


def _blur(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    return gaussian_filter(image, (*[rng.uniform(0, 1.2)] * 2, rng.uniform(0, 0.6)))


def _thicken(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    """Slices of two or three voxels."""
    step = int(rng.integers(2, 4))
    for start in range(0, image.shape[2], step):
        image[..., start : start + step] = image[..., start : start + step].mean(
            axis=2, keepdims=True
        )
    return image


def _noise(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    return image + rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0, 0.2)


def _window(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    """Bright and dark ends cut off, as 8-bit exports do."""
    low, high = np.quantile(image, [rng.uniform(0, 0.05), rng.uniform(0.97, 1)])
    return np.clip(image, low, high)


CHANGES: Final[tuple[tuple[Callable[[Array, np.random.Generator, float], Array], float], ...]] = (
    (_bias, 0.5),
    (_gamma, 0.4),
    (_window, 0.2),
    (_blur, 0.25),
    (_thicken, 0.12),
    (_noise, 0.35),
)


def _hidden(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Voxels behind the edges of a limited view or in the padding of the volume."""
    hidden = np.zeros(shape, dtype=bool)
    if rng.random() < 0.5:
        return hidden
    for _ in range(int(rng.integers(1, 4))):
        axis, end = int(rng.integers(3)), int(rng.integers(2))
        size = int(rng.uniform(0, 0.4) * shape[axis])
        where = [slice(None)] * 3
        where[axis] = slice(0, size) if end == 0 else slice(shape[axis] - size, None)
        hidden[tuple(where)] = True
    return hidden
