"""What is in the canal of real scans whose masks join cord and canal, as far as it can be told.

Problem: the canal of SPIDER holds cord above and nerve roots below, in one value. If training is
only told where no cord can be, the network learns that real canals hold none, and gives up most of
the cord of scans it has never seen.

Solution: below the disc of L2 and L3 all is canal (cauda equina). Above the disc of T12 and L1,
below which the cord of nearly everybody ends, fluid and cord differ in brightness on T2w images:
what is as dark as cord in the middle of the canal is cord, what is as bright as fluid is canal,
and what is neither stays joined. In between, nothing is told.

Arrays are (P, I, R). Source of the level: Saifuddin et al., Spine 23, 1998, doi
10.1097/00007632-199807010-00005 (504 adults; mean: lower third of L1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import ndimage

from spineps_nipype.core.components import components_by_size
from training.common import spider_masks
from training.common.patches import FINEST
from training.common.real_scans import RealScan

CAUDA, CORD_SEEN = 4, 6
"""Mask values of the canal where it holds no cord, and of the cord."""
CAUDA_DISC: Final = 4
"""Disc from below, L2 to L3, under which there are nerve roots and no cord."""
CORD_DISC: Final = 6
"""Disc from below, T12 to L1, above which there is cord."""
NEAR_ROWS_MM: Final = 8.0
"""Rows this far up and down say together how bright cord and fluid are."""
FROM_BORDER_MM: Final = 1.5
"""The border of the canal is dark, too (dura, flow): cord lies further inside."""
SEPARATION: Final = 0.68
"""Least share of the variance that two groups of grey values explain (Otsu); of noise alone they
explain 2 / pi."""
UNSURE: Final = 0.15
"""Share of the distance between the groups, on both sides of the threshold, that stays joined."""
AREA_MM2: Final = (25.0, 110.0)
"""A row with less or more cord than this tells nothing."""

Array = np.ndarray


def with_cauda(scan: RealScan, spacing: Sequence[float] = FINEST) -> RealScan:
    """The scan with `CAUDA` for what its mask calls canal below the disc of L2 and L3."""
    row = _row_of_disc(scan, spacing, CAUDA_DISC)
    if row is None:
        return scan
    mask = scan.mask.copy()
    low = mask[:, row:]
    low[low == spider_masks.CANAL] = CAUDA
    return replace(scan, mask=mask)


def with_cord(scan: RealScan, spacing: Sequence[float] = FINEST) -> RealScan:
    """The T2w scan with `CORD_SEEN` and `CAUDA` above the disc of T12 and L1.

    Parameters
    ----------
    scan
        With several slices, in which the canal is seen as a whole.
    """
    end = _row_of_disc(scan, spacing, CORD_DISC)
    if end is None:
        return scan
    canal = scan.mask[:, :end] == spider_masks.CANAL
    image = scan.image[:, :end]
    inner = ndimage.distance_transform_edt(canal, sampling=spacing) > FROM_BORDER_MM
    cord, fluid = np.zeros_like(canal), np.zeros_like(canal)
    reach = round(NEAR_ROWS_MM / spacing[1])
    for row in range(end):
        near = slice(max(row - reach, 0), row + reach + 1)
        bounds = _dark_and_bright(image[:, near][canal[:, near]])
        if bounds is not None:
            cord[:, row] = inner[:, row] & (image[:, row] < bounds[0])
            fluid[:, row] = canal[:, row] & (image[:, row] > bounds[1])
    cord = components_by_size(cord, 1)[0] == 1
    area = cord.sum(axis=(0, 2)) * spacing[0] * spacing[2]
    usual = (area >= AREA_MM2[0]) & (area <= AREA_MM2[1])
    mask = scan.mask.copy()
    upper = mask[:, :end]
    upper[cord & usual[None, :, None]] = CORD_SEEN
    upper[fluid & usual[None, :, None]] = CAUDA
    return replace(scan, mask=mask)


def _row_of_disc(scan: RealScan, spacing: Sequence[float], number: int) -> int | None:
    """Row of the middle of a disc that is counted from below; None if there are fewer.

    The lowest disc of these masks is that between L5 and S1.
    """
    _, _, rows = spider_masks.large_discs(scan.mask == spider_masks.DISC, spacing)
    return None if len(rows) <= number else round(np.sort(rows)[-number])


def _dark_and_bright(values: Array) -> tuple[float, float] | None:
    """Below what grey values are cord, and above what they are fluid; None if they do not part."""
    if values.size < 2:
        return None
    ordered = np.sort(values).astype(float)
    count = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)
    low = sums[:-1] / count
    high = (sums[-1] - sums[:-1]) / (ordered.size - count)
    between = count * (ordered.size - count) * (high - low) ** 2
    best = int(between.argmax())
    total = ordered.var() * ordered.size**2
    if total <= 0 or between[best] < SEPARATION * total:
        return None
    middle = (low[best] + high[best]) / 2
    margin = UNSURE * (high[best] - low[best])
    return middle - margin, middle + margin
