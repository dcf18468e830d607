"""Line through the canal, and the region in front of it.

Source: TotalSpineSeg 20251028, labeller (centreline, anterior mask, order of components).
Arrays have the axes right, anterior, superior.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import BoolArray, bounding_box

Points = NDArray[np.int64]


def slice_extents(mask: BoolArray, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last index of a mask along axis 0 or 1 in each slice; -1 where it is empty.

    Returns
    -------
    first, last
        One number for each index along axis 2.
    """
    hits = np.asarray(mask.any(axis=1 - axis))
    some = hits.any(axis=0)
    first = np.where(some, hits.argmax(axis=0), -1)
    last = np.where(some, len(hits) - 1 - hits[::-1].argmax(axis=0), -1)
    return first, last


def slice_centres(mask: BoolArray) -> tuple[Points, NDArray[np.int64]]:
    """Centre of the box of a mask in each slice in which the mask holds that voxel.

    Returns
    -------
    points
        Shape (n, 3), sorted by the first, then the second, then the third coordinate.
    middle
        Centre along axis 1 for each slice; -1 where the mask is empty.
    """
    left, right = slice_extents(mask, 0)
    back, front = slice_extents(mask, 1)
    middle = np.where(back < 0, -1, (back + front) // 2)
    across = np.where(left < 0, -1, (left + right) // 2)
    height = np.flatnonzero(left >= 0)
    points = np.stack([across[height], middle[height], height], axis=1)
    points = points[mask[tuple(points.T)]]
    return points[np.lexsort(points.T[::-1])], middle


def slice_centroids(mask: BoolArray) -> Points:
    """Mean voxel of a mask in each slice that it reaches, shape (n, 3), sorted as those above."""
    box = bounding_box(mask)
    across, depth, height = slice_means(mask[box])
    points = np.stack([np.round(across), np.round(depth), height], axis=1).astype(np.int64)
    points += [side.start for side in box]
    return points[np.lexsort(points.T[::-1])]


def slice_means(
    mask: BoolArray,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Mean along axis 0 and along axis 1 in each slice that a mask reaches, and these slices."""
    counts = mask.sum(axis=(0, 1))
    height = np.flatnonzero(counts)
    across, depth = (
        (np.arange(mask.shape[axis]) @ mask.sum(axis=1 - axis))[height] / counts[height]
        for axis in (0, 1)
    )
    return across, depth, height


def anterior_mask(middle: NDArray[np.int64], size: int) -> BoolArray:
    """Whether a position (y, z) is in front of the centre of the canal in its slice.

    In slices without canal all positions are.

    Parameters
    ----------
    middle
        As `slice_centres` returns it.
    size
        Length of the anterior axis.
    """
    return np.asarray(np.arange(size)[:, None] > middle[None, :])


def height_on_line(centre: NDArray[Any], line: Points) -> int:
    """Height (axis 2) of the point of the line nearest to a position; the first one if equal.

    For a position that is NaN, the first point of the line counts.
    """
    distance = ((line - centre) ** 2).sum(axis=1)
    return int(line[distance.argmin(), 2])
