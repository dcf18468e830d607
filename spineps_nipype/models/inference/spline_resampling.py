"""Images to another grid by splines, number by number as nnU-Net does it.

nnU-Net's own function needs pandas, batchgenerators and scikit-image, whose import costs as much
as the resampling of a scan. Source: nnU-Net v2, `resample_data_or_seg_to_shape`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spineps_nipype.errors import ModelError

THICK: Final = 3.0
"""Voxels that are longer by more than this factor are slices."""


def resample_by_splines(
    data: NDArray[Any],
    shape: Sequence[int],
    spacing: Sequence[float],
    target: Sequence[float],
    *,
    is_seg: bool = False,
    order: int = 3,
    order_z: int = 0,
    force_separate_z: bool | None = False,
    separate_z_anisotropy_threshold: float = THICK,
) -> NDArray[Any]:
    """Resample channels to a shape.

    Parameters
    ----------
    data
        Array (channels, z, y, x).
    shape
        Size of each channel afterwards.
    spacing, target
        Voxel spacing before and afterwards along the last three axes [mm].
    is_seg
        Whether data are labels, which this function is not for.
    order
        Order of the spline, within slices where these count by themselves.
    order_z
        Order across slices.
    force_separate_z
        Whether slices count by themselves; None: where they are thick.
    separate_z_anisotropy_threshold
        How many times longer voxels of thick slices are.

    Returns
    -------
    array (channels, *shape), with the type of `data`

    Raises
    ------
    ModelError
        If `is_seg`.
    """
    if is_seg:
        raise ModelError(
            "The plans resample images as if they were labels (is_seg).",
            remedy="Use a package whose plans set is_seg to false for images.",
        )
    axis = None
    if force_separate_z or force_separate_z is None:
        known = [spacing] if force_separate_z else [spacing, target]
        limit = 0.0 if force_separate_z else separate_z_anisotropy_threshold
        axis = _slice_axis(known, limit)
    out = np.zeros((len(data), *shape), dtype=data.dtype)
    for channel, result in zip(data.astype(np.float64), out, strict=True):
        if axis is None:
            result[...] = _resized(channel, shape, order)
        else:
            result[...] = _slice_by_slice(channel, shape, axis, order, order_z)
    return out


def _slice_axis(spacings: Sequence[Sequence[float]], limit: float) -> int | None:
    """Axis across the slices of the first grid that has thick ones; None for no such axis."""
    for spacing in spacings:
        if max(spacing) / min(spacing) > limit:
            longest = [axis for axis, length in enumerate(spacing) if length == max(spacing)]
            return longest[0] if len(longest) == 1 else None
    return None


def _resized(array: NDArray[np.float64], shape: Sequence[int], order: int) -> NDArray[np.float64]:
    """Array of another shape over the same extent; values stay in the range of its own."""
    factors = 1 / np.divide(array.shape, shape)
    out: NDArray[np.float64] = ndimage.zoom(
        array, factors, order=order, mode="nearest", grid_mode=True
    )
    np.clip(out, array.min(), array.max(), out=out)
    return out


def _slice_by_slice(
    channel: NDArray[np.float64], shape: Sequence[int], axis: int, order: int, order_z: int
) -> NDArray[np.float64]:
    """Each slice by itself, then across slices."""
    within = [size for a, size in enumerate(shape) if a != axis]
    parts = [_resized(one, within, order) for one in np.moveaxis(channel, axis, 0)]
    slices = np.stack(parts, axis)
    if slices.shape[axis] == shape[axis]:
        return slices
    places = np.indices(tuple(shape), dtype=np.float64)
    places[axis] = slices.shape[axis] / shape[axis] * (places[axis] + 0.5) - 0.5
    out: NDArray[np.float64] = ndimage.map_coordinates(
        slices, places, order=order_z, mode="nearest"
    )
    return out
