"""Several vertebrae in one piece, because no disc was found between them.

Arrays have the axes sagittal slice, posterior to anterior, inferior to superior. Source: ours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.components import component_centroids

LONG: Final = 1.65
"""Multiple of the usual length around it above which a vertebra is several whose disc was not
found."""
LONG_ON_TOP: Final = 2.5
"""The same for the uppermost, which may be C2 with its dens."""
AROUND: Final = 4
"""Neighbours on either side that give the usual length."""
DISC_SHARE: Final = 0.3
"""Height of a disc as a part of that of a body."""
FULL: Final = 0.4
"""Part of a full cross-section from which on a row counts for the length of a vertebra; crumbs
that touch a body do not."""
WIDE: Final = 80
"""Percentile of the cross-sections of a vertebra that is a full one."""
CUT_ROOM: Final = 0.25
"""How far from even parts of a long vertebra it may be cut, in such parts."""


def long_parted(vertebrae: NDArray[np.int16], *, on_top: float = LONG_ON_TOP) -> NDArray[np.int16]:
    """Cut vertebrae of several times the usual length where they are thinnest.

    The lowest is left as it is: S1 may be one with what is below it.

    Parameters
    ----------
    on_top
        Multiple of the usual length above which the uppermost is cut; `LONG` where it cannot
        be C2.
    """
    count = int(vertebrae.max())
    if count < 4:
        return vertebrae
    points = np.argwhere(vertebrae)
    numbers = vertebrae[tuple(points.T)]
    middles = component_centroids(vertebrae)[1:, 1:]
    course = np.gradient(middles, axis=0)
    course /= np.maximum(np.linalg.norm(course, axis=1, keepdims=True), 1e-6)
    heights = ((points[:, 1:] - middles[numbers - 1]) * course[numbers - 1]).sum(axis=1)
    rows = [_full_rows(heights[numbers == n]) for n in range(1, count + 1)]
    lengths = np.array([len(full) for full in rows])
    part = np.zeros(len(points), dtype=int)
    for n in range(1, count):
        around = np.r_[lengths[max(n - 1 - AROUND, 0) : n - 1], lengths[n : n + AROUND]]
        usual = usual_size(around)
        if lengths[n - 1] > (on_top if n == 1 else LONG) * usual > 0:
            own = numbers == n
            pieces = max(2, round((lengths[n - 1] / usual + DISC_SHARE) / (1 + DISC_SHARE)))
            cuts = _thinnest(heights[own], rows[n - 1][[0, -1]], pieces)
            part[own] = np.searchsorted(cuts, heights[own])
    renumbered = np.unique(np.stack([numbers, part]), axis=1, return_inverse=True)[1]
    out = np.zeros_like(vertebrae)
    out[tuple(points.T)] = renumbered.ravel() + 1
    return out


def usual_size(sizes: NDArray[Any]) -> float:
    """Median of sizes weighed by themselves: crumbs and halves of vertebrae count little."""
    ordered = np.sort(sizes)
    return float(ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)])


def _full_rows(heights: NDArray[Any]) -> NDArray[np.intp]:
    """Rows, whole numbers of voxels, in which a vertebra is about as wide as in most others."""
    first = int(np.floor(heights.min()))
    sizes = np.bincount(np.floor(heights).astype(int) - first)
    return first + np.flatnonzero(sizes >= FULL * np.percentile(sizes, WIDE))


def _thinnest(heights: NDArray[Any], ends: NDArray[Any], pieces: int) -> list[float]:
    """Heights at which to cut: the smallest cross-section around each even part."""
    sizes, edges = np.histogram(heights, bins=np.arange(ends[0], ends[1] + 1))
    sizes = ndimage.uniform_filter1d(sizes.astype(float), 3)
    step = len(sizes) / pieces
    cuts = []
    for k in range(1, pieces):
        low = int(step * (k - CUT_ROOM))
        high = max(int(step * (k + CUT_ROOM)), low + 1)
        cuts.append(float(edges[low + int(sizes[low:high].argmin())] + 0.5))
    return cuts
