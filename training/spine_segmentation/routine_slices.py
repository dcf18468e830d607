"""Routine slices without masks as samples, by what SPINEPS makes of them.

SPINEPS has the better bodies and discs on such slices, and where it names all vertebrae surely its
mask is whole. What it calls sacrum has no body of S1 in it, and is unknown here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.core import anatomy
from spineps_nipype.core.anatomy import BODY_PARTS, SACRUM, VERTEBRA_NAMES
from spineps_nipype.spine_segmentation.names import DISC, VERTEBRA
from training.common.surely_named import SureScan, sure_scans
from training.spine_segmentation.phantom_slices import CLASS_OF
from training.spine_segmentation.sliced_scan import IGNORED, Array, SlicedScan, on_pixels

COPIES: Final = 3
"""Slices of a sample: a slab of equal slices needs no more."""


def routine_slices(scans: Path, results: Path) -> Iterator[SlicedScan]:
    """Middle slices of the scans that are named surely.

    Parameters
    ----------
    scans
        BIDS folder of slabs (`benchmarks/slabs.py`): equal slices.
    results
        Derivatives of SPINEPS.
    """
    for scan in sure_scans(scans, results):
        yield middle_slices(scan)


def middle_slices(scan: SureScan) -> SlicedScan:
    """The middle of a slab on pixels of `PIXEL` mm, with its targets."""
    middle = scan.image.shape[2] // 2
    image, semantic, classes = (
        np.repeat(array[..., middle, None], COPIES, axis=2)
        for array in (scan.image, *sure_targets(scan))
    )
    return on_pixels(image, semantic, classes, scan.spacing)


def sure_targets(scan: SureScan) -> tuple[Array, Array]:
    """Semantic target and class of every voxel, (P, I, R)."""
    semantic = np.where(np.isin(scan.spine, BODY_PARTS), VERTEBRA, 0).astype(np.uint8)
    semantic[scan.spine == anatomy.DISC] = DISC
    table = np.full(256, IGNORED, np.uint8)
    table[0] = 0
    for label in scan.labels:
        table[label] = CLASS_OF.get(VERTEBRA_NAMES[label], IGNORED)
    classes = table[scan.bodies]
    # what the upper border cuts may have no label, and a sacrum is more than the body of S1
    rows = np.flatnonzero(np.isin(scan.bodies, scan.labels).any(axis=(0, 2)))
    for target in (semantic, classes):
        for outside in (target[:, : rows[0]], target[:, rows[-1] + 1 :]):
            outside[outside == 0] = IGNORED
        target[(scan.spine == SACRUM) & (target == 0)] = IGNORED
    return semantic, classes
