"""Splitting pieces of bone that hold several vertebrae, because no disc was found between them.

Problem: vertebrae are separated by planes through the discs. Where the network misses a disc, two
or more vertebrae are one piece, and all names below it are wrong by as many levels.

Model: vertebrae change their height slowly along the spine, so a piece is compared with the ones
around it. Its length is measured along the course of the spine, as the number of rows with a full
cross-section; crumbs that touch a body do not count. A piece of n vertebrae, with n - 1 discs
between them of `DISC_RATIO` times the height of a body, has the length n + (n - 1) `DISC_RATIO` in
units of the usual length, which gives n. The piece is cut where its cross-section is smallest near
the border of each n-th part: the missed disc is a constriction there, while the waist of a body,
which is narrow as well, is half a part away.

Effort: linear in voxels of bone.

Arrays have the axes sagittal slice, posterior to anterior, inferior to superior. Source: ours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.components import component_centroids

LONG_RATIO: Final = 1.65
"""Length, as a multiple of the usual one around it, above which a piece is several vertebrae."""
LONG_RATIO_ON_TOP: Final = 2.5
"""The same for the uppermost piece, which may be C2 with its dens."""
NEIGHBOURS: Final = 4
"""Pieces on either side that give the usual length."""
DISC_RATIO: Final = 0.3
"""Height of a disc as a multiple of that of a body."""
FULL_ROW_SHARE: Final = 0.4
"""Share of a full cross-section from which on a row counts for the length of a piece."""
FULL_ROW_PERCENTILE: Final = 80
"""Percentile of the cross-sections of a piece that is a full one."""
CUT_TOLERANCE: Final = 0.25
"""Distance of a cut from equal parts of a piece up to which the thinnest row is looked for, as a
multiple of such a part."""
MIN_PIECES: Final = 4
"""With fewer pieces the usual length is not known."""


def split_long_pieces(
    vertebrae: NDArray[np.int16], *, ratio_on_top: float = LONG_RATIO_ON_TOP
) -> NDArray[np.int16]:
    """Cut pieces of several times the usual length where they are thinnest.

    The lowest piece stays as it is: S1 may be one piece with the rest of the sacrum.

    Parameters
    ----------
    vertebrae
        Pieces numbered from the top, 0 elsewhere.
    ratio_on_top
        Multiple of the usual length above which the uppermost piece is cut; `LONG_RATIO` if it
        cannot be C2.

    Returns
    -------
    array
        Pieces numbered anew from the top.
    """
    count = int(vertebrae.max())
    if count < MIN_PIECES:
        return vertebrae
    points = np.argwhere(vertebrae)
    numbers = vertebrae[tuple(points.T)]
    # Position of each voxel along the course of the spine, from the centroid of its piece, so that
    # pieces of a curved spine are measured along their own axis.
    centroids = component_centroids(vertebrae)[1:, 1:]
    course = np.gradient(centroids, axis=0)
    course /= np.maximum(np.linalg.norm(course, axis=1, keepdims=True), 1e-6)
    heights = ((points[:, 1:] - centroids[numbers - 1]) * course[numbers - 1]).sum(axis=1)
    rows = [_full_rows(heights[numbers == n]) for n in range(1, count + 1)]
    lengths = np.array([len(full) for full in rows])
    part = np.zeros(len(points), dtype=int)
    for n in range(1, count):
        around = np.r_[lengths[max(n - 1 - NEIGHBOURS, 0) : n - 1], lengths[n : n + NEIGHBOURS]]
        usual = size_weighted_median(around)
        if lengths[n - 1] > (ratio_on_top if n == 1 else LONG_RATIO) * usual > 0:
            own = numbers == n
            pieces = max(2, round((lengths[n - 1] / usual + DISC_RATIO) / (1 + DISC_RATIO)))
            cuts = _thinnest_rows(heights[own], rows[n - 1][[0, -1]], pieces)
            part[own] = np.searchsorted(cuts, heights[own])
    # The course runs downward, so that parts of a piece are numbered from the top as pieces are.
    renumbered = np.unique(np.stack([numbers, part]), axis=1, return_inverse=True)[1]
    out = np.zeros_like(vertebrae)
    out[tuple(points.T)] = renumbered.ravel() + 1
    return out


def size_weighted_median(sizes: NDArray[Any]) -> float:
    """Median of sizes, each weighted by itself: crumbs and halves of vertebrae count little."""
    ordered = np.sort(sizes)
    return float(ordered[np.searchsorted(np.cumsum(ordered), ordered.sum() / 2)])


def _full_rows(heights: NDArray[Any]) -> NDArray[np.intp]:
    """Rows, as heights in whole voxels, in which the cross-section of a piece is a full one."""
    first = int(np.floor(heights.min()))
    sizes = np.bincount(np.floor(heights).astype(int) - first)
    return first + np.flatnonzero(
        sizes >= FULL_ROW_SHARE * np.percentile(sizes, FULL_ROW_PERCENTILE)
    )


def _thinnest_rows(heights: NDArray[Any], ends: NDArray[Any], pieces: int) -> list[float]:
    """Heights of the smallest cross-sections around the borders of equal parts.

    Parameters
    ----------
    heights
        Heights of all voxels of the piece.
    ends
        First and last full row.
    pieces
        Number of vertebrae in the piece.
    """
    sizes, edges = np.histogram(heights, bins=np.arange(ends[0], ends[1] + 1))
    sizes = ndimage.uniform_filter1d(sizes.astype(float), 3)  # single noisy rows decide nothing
    step = len(sizes) / pieces
    cuts = []
    for k in range(1, pieces):
        low = int(step * (k - CUT_TOLERANCE))
        high = max(int(step * (k + CUT_TOLERANCE)), low + 1)
        cuts.append(float(edges[low + int(sizes[low:high].argmin())] + 0.5))
    return cuts
