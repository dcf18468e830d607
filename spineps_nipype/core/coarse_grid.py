"""A coarse grid over an image, axis by axis: means of its voxels there, and the way back.

Both grids share their axes and their middle, so that three small matrix products make the means
and three lists of indices lead back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def coarse_mean(
    array: NDArray[Any], zoom: Sequence[float], spacing: Sequence[float]
) -> NDArray[np.float32]:
    """Weighted means of the voxels around those of the coarse grid.

    Parameters
    ----------
    array
        3-D.
    zoom
        Its voxel size along each axis, mm.
    spacing
        Voxel size of the coarse grid, mm. Along axes where the array is coarser, its voxels are
        interpolated.

    Returns
    -------
    ndarray
        One voxel at least along each axis.
    """
    first, second, third = (
        _hat_weights(size, mm, wanted)
        for size, mm, wanted in zip(array.shape, zoom, spacing, strict=True)
    )
    # each product takes the array as it lies in memory
    out = np.ascontiguousarray(array, dtype=np.float32)
    out = (first @ out.reshape(out.shape[0], -1)).reshape(-1, *out.shape[1:])
    return np.asarray(np.matmul(second, out) @ third.T)


def from_coarse(
    coarse: NDArray[Any], shape: Sequence[int], zoom: Sequence[float], spacing: Sequence[float]
) -> NDArray[Any]:
    """Nearest coarse voxel of every voxel.

    Parameters
    ----------
    coarse
        On the grid that `coarse_mean` makes for `shape`, `zoom` and `spacing`.
    shape, zoom
        Voxels and their size [mm] of the result.
    spacing
        Voxel size of `coarse`, mm.
    """
    indices = []
    for size, count, mm, wanted in zip(shape, coarse.shape, zoom, spacing, strict=True):
        position = (_centres(size, mm) / wanted) + (count - 1) / 2
        indices.append(np.clip(np.rint(position).astype(int), 0, count - 1))
    return np.ascontiguousarray(coarse[np.ix_(*indices)])


def _centres(size: int, mm: float) -> NDArray[np.float64]:
    """Positions of voxels from the middle of the axis, mm."""
    return np.asarray((np.arange(size) - (size - 1) / 2) * mm, dtype=np.float64)


def _hat_weights(size: int, mm: float, spacing: float) -> NDArray[np.float32]:
    """Weights (coarse voxels, voxels): a hat as wide as the larger of both voxels on each side."""
    count = max(round(size * mm / spacing), 1)
    away = np.abs(_centres(count, spacing)[:, None] - _centres(size, mm)[None])
    weights = np.maximum(1 - away / max(mm, spacing), 0)
    # a single coarse voxel may lie between voxels that are further away than that
    weights[weights.sum(axis=1) == 0] = 1
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
