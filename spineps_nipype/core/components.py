"""Connected components and morphology with the exact rules of SPINEPS.

All functions take and return numpy arrays. Connectivity is given as in SPINEPS: 1 (faces, 6
neighbours), 2 (faces and edges, 18) or 3 (faces, edges and corners, 26). Components are numbered
in the memory order of cc3d; morphology treats everything outside the array as background.
"""

from __future__ import annotations

from collections.abc import Iterable

import cc3d
import fill_voids
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]
Box = tuple[slice, slice, slice]

_CC3D_CONNECTIVITY = {1: 6, 2: 18, 3: 26}


def label_components(mask: NDArray[np.generic], connectivity: int) -> tuple[IntArray, int]:
    """Number the connected components of a mask or label map; different labels never join.

    Returns
    -------
    components : array of the shape of `mask`, 0 is background
    count : number of components
    """
    arr = np.asarray(mask)
    if arr.dtype == bool:
        arr = arr.view(np.uint8)
    components, count = cc3d.connected_components(
        arr, connectivity=_CC3D_CONNECTIVITY[connectivity], return_N=True
    )
    return components, int(count)


def component_sizes(components: IntArray, count: int) -> IntArray:
    """Voxel count of every component; index 0 is the background."""
    return np.bincount(components.ravel(), minlength=count + 1)


def component_centroids(components: IntArray) -> NDArray[np.float64]:
    """Unweighted voxel mean of every component, shape (count + 1, 3); row 0 is background."""
    stats = cc3d.statistics(components.astype(np.uint32, copy=False))
    return np.asarray(stats["centroids"], dtype=np.float64)


def much_smaller_than_neighbours(
    sizes: IntArray, heights: NDArray[np.float64], reach: float, share: float
) -> BoolArray:
    """Whether each piece is smaller than a given share of the largest piece near it.

    Parameters
    ----------
    sizes, heights
        Size and height of each piece, shape (n,), in any unit.
    reach
        Largest difference of heights at which two pieces are near each other.
    share
        Share of the largest piece near by.

    Returns
    -------
    array, shape (n,)
    """
    near = np.abs(np.subtract.outer(heights, heights)) <= reach
    return np.asarray(sizes < share * np.where(near, sizes, 0).max(axis=1, initial=0))


def components_by_size(mask: NDArray[np.generic], connectivity: int) -> tuple[IntArray, int]:
    """Number components from the largest to the smallest; equal sizes keep the order of cc3d."""
    components, count = label_components(mask, connectivity)
    if count < 2:
        return components, count
    order = np.argsort(-component_sizes(components, count)[1:], kind="stable")
    rank = np.zeros(count + 1, dtype=components.dtype)
    rank[order + 1] = np.arange(1, count + 1, dtype=components.dtype)
    return rank[components], count


def remove_small_components(
    arr: IntArray, labels: Iterable[int], min_voxels: int, connectivity: int = 1
) -> IntArray:
    """Delete the components of each label that have fewer than `min_voxels` voxels."""
    out = arr.copy()
    present = set(np.unique(arr).tolist())
    for label in labels:
        if label not in present:
            continue
        box = bounding_box(arr == label)
        part = out[box]
        components, count = label_components(arr[box] == label, connectivity)
        small = component_sizes(components, count) < min_voxels
        small[0] = False
        part[small[components]] = 0
    return out


def bounding_box(mask: NDArray[np.generic], margin: float = 0) -> Box:
    """Smallest box around all non-zero voxels, widened by floor(margin) voxels and clipped.

    Raises
    ------
    ValueError
        If the mask has no non-zero voxel.
    """
    grow = int(margin)
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        if hits.size == 0:
            raise ValueError("the mask is empty: there is no bounding box")
        start, stop = max(int(hits[0]) - grow, 0), min(int(hits[-1]) + 1 + grow, mask.shape[axis])
        box.append(slice(start, stop))
    return tuple(box)  # type: ignore[return-value]


def everywhere(array: NDArray[np.generic]) -> Box:
    """Box of all voxels."""
    slow, middle, fast = array.shape
    return slice(0, slow), slice(0, middle), slice(0, fast)


def structure(connectivity: int) -> BoolArray:
    """Structuring element of 3 x 3 x 3 voxels."""
    return np.asarray(ndimage.generate_binary_structure(3, connectivity))


def erode(mask: BoolArray, iterations: int, connectivity: int) -> BoolArray:
    """Erode a binary mask; the outside of the array counts as background."""
    if iterations <= 0:
        return np.asarray(mask, dtype=bool).copy()
    eroded = ndimage.binary_erosion(mask, structure(connectivity), iterations, border_value=0)
    return np.asarray(eroded)


def dilate(mask: BoolArray, iterations: int, connectivity: int) -> BoolArray:
    """Dilate a binary mask."""
    if iterations <= 0:
        return np.asarray(mask, dtype=bool).copy()
    return np.asarray(ndimage.binary_dilation(mask, structure(connectivity), iterations))


def fill_holes(arr: IntArray, labels: Iterable[int]) -> IntArray:
    """Fill the closed 3-D cavities of each label in turn; other labels are never overwritten."""
    out = arr.copy()
    for label in labels:
        own = out == label
        if not own.any():
            continue
        box = bounding_box(own, 1)
        filled = fill_voids.fill(own[box])
        part = out[box]
        part[filled & (part == 0)] = label
    return out
