"""Samples for the semantic network: patches of phantoms and of real scans.

Patches are (P, I, R) on the grid of the model until the end, when the axes are reversed for the
network. Every sample is a function of its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import affine_transform, map_coordinates

from spineps_nipype.core.anatomy import CANAL, CORD
from spineps_nipype.phantom import Phantom
from spineps_nipype.phantom.render import render_tissue
from spineps_nipype.phantom.slices import common_slices, mean_slices, take_slices
from spineps_nipype.phantom.tissues import label_table, mirror_table
from training.common.canal_contents import CAUDA, CORD_SEEN
from training.common.loop import Batch
from training.common.patch_images import finish_patch, normalise_phantom
from training.common.patches import (
    FINEST,
    NEAR_A_PHANTOM_SPINE,
    NEAR_A_REAL_SPINE,
    draw_phantom,
    patch_centre,
    patch_grid,
    with_slice_distance,
)
from training.common.phantom_seeds import phantom_seed
from training.common.real_scans import RealScan
from training.semantic.marginal_loss import (
    CLASS_OF,
    CLASSES,
    NO_VERTEBRA_CODE,
    SPIDER_SETS,
    UNKNOWN_CODE,
)
from training.semantic.slices import (
    NO_VERTEBRA,
    OUTSIDE,
    UNKNOWN,
    SliceScan,
    slab_patch,
)

SPACING: Final = (1.0, 1.0, 2.0)
"""Coarsest grid of the model, mm in P, I, R: slices thinner than 2 mm keep their thickness."""
FINEST_SHARE: Final = 0.4
"""Share of samples on the finest grid; the others lie anywhere between the bounds."""
PATCH: Final = (96, 128, 24)
"""Voxels in P, I, R."""
SAMPLES: Final = 10
"""Samples made from one phantom, and from one round of real scans."""
CONTRASTS: Final = ("T2w", "T1w", "CT", "random")
CONTRAST_SHARES: Final = (0.60, 0.12, 0.14, 0.14)
SPIDER_CODE: Final = {
    **{value: CLASSES + i for i, value in enumerate(SPIDER_SETS)},
    CAUDA: CLASS_OF[CANAL],
    CORD_SEEN: CLASS_OF[CORD],
    NO_VERTEBRA: NO_VERTEBRA_CODE,
    UNKNOWN: UNKNOWN_CODE,
}
"""Code of every mask value; what a scan does not show is background."""
CODES: Final = np.array([CLASS_OF.get(value, 0) for value in range(256)])
"""Code of every SPINEPS label."""
WIDEST_REAL, WIDEST_PHANTOM = 1.35, 1.15
"""Largest factors by which slices of patches are moved together or apart."""
THICK_SHARE: Final = 0.4
"""Share of patches in slices thicker than the grid of the model, as scanners make them."""
THICK: Final = (2.2, 4.8)
"""Their thickness in mm; each is the mean of `JOINED` thin ones."""
JOINED: Final = 3
THICK_REAL_PATCH: Final = (112, 176, 12)
"""Size of such patches of real scans, which are narrow slabs."""
OTHER_CONTRAST: Final = 0.15
"""Share of real patches whose grey values get another order: other sequences look like that."""
KNOTS: Final = 5
"""Points of the curve that does so."""

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
    slices
        Real slices, kind by kind, each kind equally likely; without them all other groups are
        real scans.
    slice_share
        Fraction of the other groups that are slices.
    patch
        Size of a sample in voxels (P, I, R).
    """

    real: Sequence[RealScan] = ()
    phantom_share: float = 0.5
    patch: tuple[int, int, int] = PATCH
    slices: Sequence[Sequence[SliceScan]] = ()
    slice_share: float = 0.0

    def __call__(self, seed: int, group: int) -> list[Batch]:
        """Samples of one group."""
        rng = np.random.default_rng((seed, 2, group))
        if (self.real or self.slices) and rng.random() >= self.phantom_share:
            make = self._slice if rng.random() < self.slice_share else self._real
            return [make(rng) for _ in range(SAMPLES)]
        phantom = draw_phantom(phantom_seed(seed, group), rng)
        return [self._phantom(phantom, rng) for _ in range(SAMPLES)]

    def _real(self, rng: np.random.Generator) -> Batch:
        scan = self.real[int(rng.integers(len(self.real)))]
        if rng.random() < THICK_SHARE:
            image, values, outside = thick_real_patch(scan, THICK_REAL_PATCH, rng)
        else:
            image, values, outside = _real_patch(scan, self.patch, draw_slice_distance(rng), rng)
        return _finish_real(image, values, outside, float(scan.image.min()), rng)

    def _slice(self, rng: np.random.Generator) -> Batch:
        kind = self.slices[int(rng.integers(len(self.slices)))]
        shown = kind[int(rng.integers(len(kind)))]
        image, values, outside = slab_patch(shown, self.patch, draw_slice_distance(rng), rng)
        return _finish_real(image, values, outside, float(shown.scan.image.min()), rng)

    def _phantom(self, phantom: Phantom, rng: np.random.Generator) -> Batch:
        centre = patch_centre(phantom.spine, self.patch, rng, NEAR_A_PHANTOM_SPINE)
        contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
        make = thick_patch if rng.random() < THICK_SHARE else thin_patch
        image, labels, outside = make(phantom, centre, self.patch, contrast, rng)
        codes = CODES[labels]
        return finish_patch(normalise_phantom(image, codes == 0, rng), codes, outside, rng)


def _real_patch(
    scan: RealScan, patch: tuple[int, int, int], distance: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Grey values, mask values, and what lies outside the scan, of a moved patch."""
    centre = patch_centre(scan.mask, patch, rng, NEAR_A_REAL_SPINE)
    grid = patch_grid(patch, centre, rng, WIDEST_REAL)
    grid = with_slice_distance(grid, centre, distance)
    image = map_coordinates(scan.image, grid, order=1, cval=-1e3)
    values = map_coordinates(scan.mask, grid, order=0, cval=OUTSIDE)
    # at the border the image is interpolated with what is outside, far below any grey value
    return image, values, (values == OUTSIDE) | (image < -1e2)


def thick_real_patch(
    scan: RealScan, patch: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Patch of a real scan as if scanned in thick slices, on the coarsest grid of the model.

    Parameters and result are those of `slices.slab_patch`.
    """
    thick, step, count, first = _thick_slices(patch, rng)
    size = (*patch[:2], count * JOINED)
    image, values, outside = _real_patch(scan, size, thick / JOINED, rng)
    image[outside] = scan.image.min()
    chosen = common_slices(values, JOINED)
    return (
        _resampled(mean_slices(image, JOINED), step, first, patch, 3),
        _resampled(take_slices(values, chosen, JOINED), step, first, patch, 0),
        _resampled(take_slices(outside, chosen, JOINED), step, first, patch, 0),
    )


def _finish_real(
    image: Array, values: Array, outside: Array, darkest: float, rng: np.random.Generator
) -> Batch:
    """Sample of a patch of a real scan, mirrored half the time."""
    codes = np.zeros(values.shape, np.int64)
    for value, code in SPIDER_CODE.items():
        codes[values == value] = code
    image[outside] = darkest
    if rng.random() < OTHER_CONTRAST:
        image = other_contrast(image, rng)
    if rng.random() < 0.5:
        image, codes, outside = image[..., ::-1], codes[..., ::-1], outside[..., ::-1]
    return finish_patch(image.copy(), codes.copy(), outside.copy(), rng)


def other_contrast(image: Array, rng: np.random.Generator) -> Array:
    """Image whose grey values follow a random curve; what is darkest stays so."""
    low, high = np.quantile(image, (0.0, 0.995))
    knots = np.linspace(low, high, KNOTS)
    heights = np.concatenate([[low], rng.uniform(low, high, KNOTS - 1)])
    return np.asarray(np.interp(image, knots, heights), np.float32)


def thin_patch(
    phantom: Phantom,
    centre: Sequence[float],
    patch: tuple[int, int, int],
    contrast: str,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Patch of a phantom on any grid of the model.

    Parameters
    ----------
    centre
        Voxel of the phantom (P, I, R).
    patch
        Size in voxels.

    Returns
    -------
    image, labels, outside
        Grey values, SPINEPS labels, and what lies outside the phantom.
    """
    distance = draw_slice_distance(rng)
    tissue, outside = _tissue_patch(phantom, centre, patch, distance, rng)
    blurred = float(rng.uniform(2.5, 5.0)) if rng.random() < 0.5 else None
    image = render_tissue(
        tissue, (*FINEST[:2], distance), rng, contrast=contrast, slice_thickness=blurred
    )
    return image, label_table()[tissue], outside


def thick_patch(
    phantom: Phantom,
    centre: Sequence[float],
    patch: tuple[int, int, int],
    contrast: str,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Patch of a phantom scanned in thick slices, resampled to the coarsest grid of the model.

    The pipeline resamples such scans in the same way. Parameters and result are those of
    `thin_patch`.
    """
    thick, step, count, first = _thick_slices(patch, rng)
    size = (*patch[:2], count * JOINED)
    tissue, outside = _tissue_patch(phantom, centre, size, thick / JOINED, rng)
    image = render_tissue(
        tissue, (*FINEST[:2], thick / JOINED), rng, contrast=contrast, joined=JOINED
    )
    labels = label_table()[tissue]
    chosen = common_slices(labels, JOINED)
    return (
        _resampled(image, step, first, patch, 3),
        _resampled(take_slices(labels, chosen, JOINED), step, first, patch, 0),
        _resampled(take_slices(outside, chosen, JOINED), step, first, patch, 0),
    )


def _thick_slices(
    patch: tuple[int, int, int], rng: np.random.Generator
) -> tuple[float, float, int, float]:
    """Thickness (mm), model slices as a share of it, number of slices, place of the first."""
    thick = float(rng.uniform(*THICK))
    step = SPACING[2] / thick
    count = int(np.ceil(patch[2] * step)) + 1
    return thick, step, count, float(rng.uniform(0, count - 1 - (patch[2] - 1) * step))


def _resampled(
    array: Array, step: float, first: float, patch: tuple[int, int, int], order: int
) -> Array:
    return np.asarray(affine_transform(array, (1, 1, step), (0, 0, first), patch, order=order))


def _tissue_patch(
    phantom: Phantom,
    centre: Sequence[float],
    patch: tuple[int, int, int],
    distance: float,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Tissue of a moved patch, mirrored half the time, and what lies outside the phantom."""
    grid = patch_grid(patch, centre, rng, WIDEST_PHANTOM)
    grid = with_slice_distance(grid, centre, distance)
    tissue = map_coordinates(phantom.tissue, grid, order=0, cval=0)
    ones = np.ones(phantom.tissue.shape, np.uint8)
    outside = map_coordinates(ones, grid, order=0, cval=0) == 0
    if rng.random() < 0.5:
        tissue, outside = mirror_table()[tissue][..., ::-1], outside[..., ::-1]
    return tissue, outside.copy()


def draw_slice_distance(rng: np.random.Generator) -> float:
    """Distance of slices (mm) between the bounds of the grid of the model."""
    return FINEST[2] if rng.random() < FINEST_SHARE else float(rng.uniform(FINEST[2], SPACING[2]))
