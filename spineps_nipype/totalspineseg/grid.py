"""Resampling from one voxel grid to another.

A voxel extends half a voxel to both sides of its centre: positions from -0.5 up to, but not
including, N - 0.5 lie inside an axis of N voxels. Between the centre of a border voxel and that
edge its value holds; outside the result is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Affine = NDArray[np.float64]

TIE: Final = 1e-9
"""Voxels added to positions before rounding, so that a rounding error of the affine does not
decide about positions exactly between two voxels."""


def spacing(affine: NDArray[Any]) -> NDArray[np.float64]:
    """Voxel sizes in mm: lengths of the columns of the affine."""
    columns = np.asarray(affine, dtype=np.float64)[:3, :3]
    return np.asarray(np.sqrt((columns**2).sum(axis=0)))


def cropped_affine(affine: NDArray[Any], start: Sequence[float] | NDArray[Any]) -> Affine:
    """Affine of a grid whose first voxel is voxel `start` of the given one."""
    out = np.array(affine, dtype=float)
    out[:3, 3] += out[:3, :3] @ np.asarray(start, dtype=float)
    return out


def grid_transform(source: NDArray[Any], target: NDArray[Any]) -> Affine:
    """Matrix from voxel positions of the target grid to those of the source grid."""
    matrix: Affine = np.asarray(np.linalg.solve(source, target), dtype=np.float64)
    return matrix


def sample_nearest(
    array: NDArray[Any], source: NDArray[Any], shape: Sequence[int], target: NDArray[Any]
) -> NDArray[Any]:
    """Nearest value at every voxel of the target grid, same type; halves round up."""
    matrix = grid_transform(source, target)
    out = ndimage.affine_transform(
        np.ascontiguousarray(array),
        matrix[:3, :3],
        matrix[:3, 3] + TIE,
        output_shape=tuple(shape),
        order=0,
        mode="nearest",
    )
    return _zero_outside(out, matrix, array.shape)


def sample_linear(
    array: NDArray[Any], source: NDArray[Any], shape: Sequence[int], target: NDArray[Any]
) -> NDArray[np.float64]:
    """Trilinear values at every voxel of the target grid, in double precision."""
    matrix = grid_transform(source, target)
    out = ndimage.affine_transform(
        np.asarray(array, dtype=np.float64),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=tuple(shape),
        output=np.float64,
        order=1,
        mode="nearest",
    )
    return _zero_outside(out, matrix, array.shape)


def _zero_outside(out: NDArray[Any], matrix: Affine, source_shape: Sequence[int]) -> NDArray[Any]:
    """Set voxels whose positions are outside the source to 0, plane by plane to save memory."""
    axes = [np.arange(n, dtype=float) for n in out.shape]
    for i, plane in enumerate(out):
        for row, size in zip(matrix[:3], source_shape, strict=True):
            position = (row[0] * i + row[3]) + np.add.outer(row[1] * axes[1], row[2] * axes[2])
            plane[(position < -0.5 - TIE) | (position >= size - 0.5 - TIE)] = 0
    return out
