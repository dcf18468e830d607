"""Targets of the nets of spine-segmentation from masks of SPIDER, and real scans as slices.

These masks lack the sacrum, so that what is known of it comes from the disc above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from spineps_nipype.spine_segmentation.names import DISC, VERTEBRA
from training.common import spider_masks
from training.common.real_scans import RealScan
from training.spine_segmentation.phantom_slices import CLASS_OF
from training.spine_segmentation.sacrum import SacrumPlace, locate_sacrum
from training.spine_segmentation.sliced_scan import IGNORED, PIXEL, Array, SlicedScan, on_pixels

REAL_SPACING: Final = (PIXEL, PIXEL, 1.0)
"""Grid to which real scans are resampled before they are sliced: P, I, R in mm."""


def spider_targets(
    mask: Array,
    spacing: Sequence[float],
    vertebrae: int | None = None,
    *,
    with_sacrum: bool = False,
) -> tuple[Array, Array]:
    """Semantic target and classes of a SPIDER mask, all axes (P, I, R).

    A body is what a vertebra has in front of the canal. Names count from the lowest disc, which is
    taken for that between L5 and S1.

    Parameters
    ----------
    spacing
        Voxel size, mm.
    vertebrae
        Number in the scan; if another number of bodies is found, names are unknown.
    with_sacrum
        Include the body of S1 below the lowest disc as far as it is certain.
    """
    bodies = spider_masks.number_bodies(mask, spacing)
    semantic = np.where(bodies > 0, VERTEBRA, 0).astype(np.uint8)
    semantic[mask == spider_masks.DISC] = DISC
    sacrum = locate_sacrum(mask, bodies, spacing)
    unknown = _unknown(mask, bodies, sacrum)
    semantic[(semantic == 0) & unknown] = IGNORED
    names = spider_masks.lumbar_names(int(bodies.max()))
    certain = len(names) == vertebrae and spider_masks.disc_below(bodies, mask) if names else False
    table = np.full(256, IGNORED, np.uint8)
    table[0] = 0
    for number, name in names.items() if certain else ():
        table[number] = CLASS_OF.get(name, IGNORED)
    classes = table[bodies]
    classes[(classes == 0) & unknown] = IGNORED
    if sacrum is not None and with_sacrum:
        semantic[sacrum.top] = VERTEBRA
        classes[sacrum.top] = CLASS_OF["S1"] if certain else IGNORED
    return semantic, classes


def _unknown(mask: Array, bodies: Array, sacrum: SacrumPlace | None) -> Array:
    """Where background of the mask may be bone that it does not show.

    That is what lies above or below all vertebrae, and below the plane of the lowest disc, but for
    the canal and what lies right in front of S1.
    """
    rows = np.arange(mask.shape[1])
    shown = np.flatnonzero((bodies > 0).any(axis=(0, 2)))
    outside = np.ones(len(rows), bool)
    if len(shown):
        outside = (rows < shown[0]) | (rows > shown[-1])
    unknown = np.broadcast_to(outside[None, :, None], mask.shape)
    if sacrum is not None:
        unknown = (unknown | sacrum.below) & ~sacrum.before
    return np.asarray(unknown & (mask != spider_masks.CANAL))


def slice_scan(scan: RealScan, spacing: Sequence[float], vertebrae: int | None) -> SlicedScan:
    """A real scan with its targets on pixels of `PIXEL` mm.

    Parameters
    ----------
    spacing
        Voxel size of the scan, mm.
    vertebrae
        Number in the scan, see `spider_targets`.
    """
    targets = spider_targets(scan.mask, spacing, vertebrae, with_sacrum=True)
    return on_pixels(scan.image, *targets, spacing)
