"""Resampling of results to another grid: nearest, smooth, linear, or point by point.

Source: TotalSpineSeg 20251028, transform of segmentations to the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.label_sampling import heaviest_labels
from ..core.volume import Volume, make_volume
from .grid import cropped_affine, grid_transform, sample_linear, sample_nearest, spacing

Mode = Literal["nearest", "smooth", "linear", "label"]


def to_grid(
    nii: Volume, shape: Sequence[int], affine: NDArray[Any], mode: Mode = "nearest"
) -> Volume:
    """Bring a result to the grid of an image.

    Parameters
    ----------
    nii
        Label map, soft map or map of single labelled voxels.
    shape, affine
        Grid of the image; only the first three axes of a 4-D image count.
    mode
        ``nearest`` for label maps as in the original, ``smooth`` for label maps by trilinear
        weight, ``linear`` for soft maps (float32), ``label`` for maps of single voxels, of which
        each keeps one voxel however coarse the grid is.
    """
    array, have, size = nii.get_array(), nii.affine, tuple(shape)[:3]
    if mode == "linear":
        soft = sample_linear(array, have, size, affine).astype(np.float32)
        return make_volume(soft, affine, seg=False)
    sample = points_to_grid if mode == "label" else sample_nearest
    out = sample(array, have, size, affine)
    if mode == "smooth":
        out = heaviest_labels(out, array, grid_transform(have, affine))
    return make_volume(out, affine, seg=True)


def points_to_grid(
    points: NDArray[Any], source: NDArray[Any], shape: Sequence[int], target: NDArray[Any]
) -> NDArray[Any]:
    """Move single labelled voxels to another grid, one voxel a label.

    Points grow to cubes that the coarser grid cannot miss, are sampled there, and shrink to the
    voxel at their centre of mass. If two labels fall into one voxel, the higher one wins.
    """
    coarse = spacing(target).astype(np.float32)
    fine = spacing(source).astype(np.float32)
    reach = int(np.ceil((coarse / fine).max()))
    pad = reach * int(np.ceil((fine / coarse).max()))
    out = np.zeros(tuple(shape), dtype=points.dtype)
    if not points.any():
        return out
    cubes, corner = _cubes_around(points, reach, pad)
    wide = tuple(n + 2 * pad for n in shape)
    sampled = sample_nearest(
        cubes, cropped_affine(source, corner), wide, cropped_affine(target, [-pad, -pad, -pad])
    )
    boxes = ndimage.find_objects(sampled)
    for label, box in enumerate(boxes, start=1):
        if box is None:
            continue
        inside = sampled[box] == label
        start = [side.start for side in box]
        centre = np.array(ndimage.center_of_mass(inside)) + start
        low, high = pad, np.array(wide) - pad - 1
        voxel = np.clip(np.rint(centre).astype(int), low, high) - pad
        out[tuple(voxel)] = label
    return out


def _cubes_around(
    points: NDArray[Any], reach: int, pad: int
) -> tuple[NDArray[Any], NDArray[np.integer]]:
    """Cubes around the points within the box that holds them, and the first voxel of that box.

    Where cubes overlap, the higher label wins. Cubes end `pad` voxels outside the array.
    """
    voxels = np.argwhere(points)
    low = np.maximum(voxels.min(axis=0) - reach, -pad)
    high = np.minimum(voxels.max(axis=0) + reach, np.array(points.shape) + pad - 1)
    out = np.zeros(high - low + 1, dtype=points.dtype)
    for voxel in voxels:
        first = np.maximum(voxel - reach - low, 0)
        cube = tuple(slice(a, b + 1) for a, b in zip(first, voxel + reach - low, strict=True))
        out[cube] = np.maximum(out[cube], points[tuple(voxel)])
    return out, low
