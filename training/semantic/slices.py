"""Single thick slices with masks (routine T1 and T2 series of SPIDER) as slabs of model slices.

A slice is the mean of what lies in it, so it stands for every model slice within its thickness.
Slices and slabs are (P, I, R); a slice has one voxel along R.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.ndimage import map_coordinates

from spineps_nipype.core.geometry import PIR, rescale
from spineps_nipype.core.images import load_map, load_mask
from spineps_nipype.core.volume import Volume, make_volume
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.settings import PreprocessSettings
from training.common.patches import FINEST, patch_centre, patch_grid
from training.common.real_scans import (
    VERTEBRA_MASK,
    RealScan,
    kept_from_training,
    slice_pairs,
)
from training.common.spider_masks import VERTEBRA

NO_VERTEBRA, UNKNOWN, OUTSIDE = 5, 254, 255
"""Further mask values: anything but a vertebra, anything at all, and what no scan shows."""
COPIES: Final = 3
"""A slice is prepared as a volume of so many."""
WITHIN_SHARE: Final = 0.35
"""Share of samples in which a slice lies within a slab of other slices, which teach nothing."""
MOST_COPIES: Final = 5
"""Largest thickness of the other slabs, in thicknesses of the slice."""
NARROW: Final = (112, 176)
"""Size (P, I) of patches of `NARROW_SLICES` slices: as large as tiles at the spine."""
NARROW_SLICES: Final = 8
"""Least number of slices. With four a single one is left at the coarsest level, where bfloat16
gradients of oneDNN overwrite foreign memory on processors with AMX (torch 2.13)."""
STRIDE: Final = 4
"""Slices of a patch are a multiple of it, as the network halves them twice."""
DRIFT: Final = 0.3
"""How far (voxels, sd) such a slab moves from slice to slice, along P and along I."""
NEAR_THE_SPINE: Final = 0.6
"""Share of patches around a label."""
NO_SQUEEZE: Final = 1.0
"""Slices are not moved together or apart, as all are alike."""

Array = np.ndarray


@dataclass(frozen=True)
class SliceScan:
    """A slice on the finest grid.

    Parameters
    ----------
    scan
        Image (normalised) and mask values, both (P, I, 1).
    thickness
        mm.
    """

    scan: RealScan
    thickness: float


def slice_scans(root: Path, masks: Path | None = None) -> list[SliceScan]:
    """Slices of a BIDS folder that have masks, without patients that training never sees.

    Slices whose pixels are not square are left out: what they show has no true shape.

    Parameters
    ----------
    root
        With a table ``slices.tsv`` that says which pixels are square.
    masks
        Folder of the masks, ``derivatives/manual`` in `root` if left out.
    """
    kept = kept_from_training()
    return [
        prepared(subject, load_map(image), load_mask(mask), only_bone=VERTEBRA_MASK in mask.name)
        for subject, image, mask in slice_pairs(root, masks or root / "derivatives" / "manual")
        if subject not in kept
    ]


def prepared(subject: str, image: Volume, mask: Volume, *, only_bone: bool = False) -> SliceScan:
    """A slice, pre-processed as in the pipeline, on the finest grid.

    Parameters
    ----------
    image, mask
        One slice each.
    only_bone
        Whether the mask shows vertebrae alone.
    """
    values = mask.reorient(PIR)
    thickness = float(image.reorient(PIR).zoom[2])
    spacing = (*FINEST[:2], thickness)
    labels = rescale(values, spacing).get_array().astype(np.uint8)
    if only_bone:
        labels = np.where(labels == VERTEBRA, VERTEBRA, NO_VERTEBRA).astype(np.uint8)
    # the vertebra that the upper border cuts has no label
    rows = np.flatnonzero((labels == VERTEBRA).any(axis=(0, 2)))
    labels[:, : int(np.min(rows, initial=labels.shape[1]))] = UNKNOWN
    return SliceScan(RealScan(subject, prepared_image(image), labels), thickness)


def prepared_image(image: Volume) -> Array:
    """A slice, pre-processed as in the pipeline, on the finest grid: normalised, (P, I, 1)."""
    grey = image.reorient(PIR)
    volume = make_volume(np.repeat(grey.get_array(), COPIES, axis=2), grey.affine, seg=False)
    ready = preprocess_input(volume, PreprocessSettings(proc_pad_size=0), is_ct=False)
    fine = rescale(ready, (*FINEST[:2], float(grey.zoom[2]))).get_array()
    middle = fine[..., COPIES // 2, None].astype(np.float32)
    return np.asarray((middle - middle.mean()) / middle.std())


def slab_patch(
    shown: SliceScan, patch: tuple[int, int, int], distance: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Patch of a slab that shows a slice: its copies alone, or other slices around it.

    Parameters
    ----------
    patch
        Largest size (P, I, R); thin slabs have fewer slices and larger planes.
    distance
        Of model slices, mm.

    Returns
    -------
    image, values, outside
        Grey values, mask values, and what lies outside the scan.
    """
    if rng.random() < WITHIN_SHARE:
        size = patch
        half = max(shown.thickness / distance, 1.0) / 2
        known = np.abs(np.arange(size[2]) - int(rng.integers(2, size[2] - 2))) <= half
        inside = np.ones(size[2], bool)
        drift = rng.normal(0, DRIFT, (2, size[2])).cumsum(axis=1)
        drift = (drift - drift[:, known].mean(axis=1, keepdims=True)) * ~known
    else:
        thick = shown.thickness * int(rng.integers(1, MOST_COPIES + 1))
        size = _slab_size(round(thick / distance) + int(rng.integers(0, 3)), patch)
        count = min(max(round(thick / distance), 1), size[2])
        first = int(rng.integers(0, size[2] - count + 1))
        known = inside = (np.arange(size[2]) >= first) & (np.arange(size[2]) < first + count)
        drift = np.zeros((2, size[2]))
    scan = shown.scan
    centre = patch_centre(np.where(scan.mask == UNKNOWN, 0, scan.mask), size, rng, NEAR_THE_SPINE)
    p, i, _ = patch_grid(size, [*centre[:2], 0.0], rng, NO_SQUEEZE)
    grid = [p + drift[0], i + drift[1], np.zeros_like(p)]
    image = map_coordinates(scan.image, grid, order=1, cval=-1e3)
    values = map_coordinates(scan.mask, grid, order=0, cval=OUTSIDE)
    outside = (values == OUTSIDE) | (image < -1e2) | ~inside
    values[..., ~known] = UNKNOWN
    image[outside] = scan.image.min()
    return image, values, outside


def _slab_size(slices: int, patch: tuple[int, int, int]) -> tuple[int, int, int]:
    """Size of a patch that holds so many slices."""
    deep = min(max(STRIDE * -(-slices // STRIDE), NARROW_SLICES), patch[2])
    return (*NARROW, deep) if deep <= NARROW_SLICES else (*patch[:2], deep)
