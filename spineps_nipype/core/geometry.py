"""Physical thresholds in voxels, and conversions between grids.

Thresholds of SPINEPS are given in mm here; its reference voxel is 0.75 x 0.75 x 1.65 mm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .label_sampling import heaviest_labels, nearest_labels
from .volume import Volume, make_volume

PIR: Final = ("P", "I", "R")
"""Orientation in which the rules of SPINEPS work: axis 1 runs from cranial to caudal."""
SAME_GRID: Final = 1e-6
SAME_GRID_TURNED: Final = 1e-5
SAME_ORIGIN_MM: Final = 1e-4
SAME_SPACING_MM: Final = 1e-3
SPACING_RTOL: Final = 1e-5


def volume_voxels(mm3: float, zoom: Sequence[float]) -> int:
    """Number of voxels in a volume, at least 1."""
    return max(round(mm3 / math.prod(zoom)), 1)


def distance_voxels(mm: float, zoom: Sequence[float]) -> int:
    """Number of voxels in a distance along the finest axis."""
    return max(round(mm / min(zoom)), 0)


def area_voxels(mm2: float, zoom: Sequence[float]) -> int:
    """Number of voxel faces in an area, at least 1."""
    return max(round(mm2 / math.prod(zoom) ** (2 / 3)), 1)


def margin_voxels(mm: float, zoom: Sequence[float]) -> int:
    """Margin of a crop box in voxels of the finest axis, rounded down; the same on all axes."""
    return int(mm / min(zoom))


def rescale(nii: Volume, spacing: Sequence[float]) -> Volume:
    """Bring an image (cubic splines) or label map (nearest) to another spacing.

    The centre of voxel 0 stays where it is; sizes are round(n * old / new).

    Parameters
    ----------
    spacing
        mm along each array axis; nothing changes if every axis agrees within 0.001 mm.
    """
    zoom = np.asarray(nii.zoom, dtype=float)
    if np.allclose(zoom, spacing, atol=SAME_SPACING_MM, rtol=SPACING_RTOL):
        return nii
    return nii.rescale(tuple(float(s) for s in spacing))


def to_input_grid(
    mask: Volume,
    reference: Volume,
    *,
    smooth: bool = False,
    border_smeared: bool = False,
    rounded_grid: bool = False,
) -> Volume:
    """Resample a label map onto the grid of an image.

    Parameters
    ----------
    mask
        Label map with any orientation, spacing and field of view.
    reference
        Image whose grid is wanted.
    smooth
        Labels by trilinear weight, which keeps borders smooth; else by the nearest voxel. Grids
        that differ by whole voxels need neither.
    border_smeared
        Outside the field of view of the mask its border labels are continued, instead of 0.
    rounded_grid
        The grid of the image is taken with rounded numbers, as TPTBox has it, which decides where
        positions lie half-way between two voxels.
    """
    if _same_grid(mask, reference, SAME_GRID):
        return mask
    turned = mask.reorient(reference.orientation)
    if _same_grid(turned, reference, SAME_GRID_TURNED):
        return _on_grid_of(reference, turned.get_array())
    moved = _shifted(turned, reference, border_smeared)
    if moved is None:
        source, grid = (mask, reference.to_gird()) if rounded_grid else (turned, reference)
        to_mask = np.linalg.inv(source.affine) @ grid.affine
        labels = source.get_array()
        if border_smeared:
            moved = ndimage.affine_transform(
                labels,
                to_mask[:3, :3],
                to_mask[:3, 3],
                output_shape=reference.shape,
                order=0,
                mode="nearest",
            )
        else:
            moved = nearest_labels(labels, to_mask, reference.shape)
        if smooth:
            moved = heaviest_labels(moved, labels, to_mask)
    return _on_grid_of(reference, moved)


def _on_grid_of(reference: Volume, labels: NDArray[Any]) -> Volume:
    return make_volume(labels, reference.affine, seg=True)


def _same_grid(one: Volume, other: Volume, tolerance: float) -> bool:
    return tuple(one.shape) == tuple(other.shape) and bool(
        np.allclose(one.affine, other.affine, atol=tolerance, rtol=0)
    )


def _shifted(mask: Volume, reference: Volume, border_smeared: bool) -> NDArray[Any] | None:
    """Labels moved by whole voxels, None when the grids differ by more than that."""
    if not np.allclose(mask.affine[:3, :3], reference.affine[:3, :3], atol=SAME_GRID, rtol=0):
        return None
    offset = np.linalg.solve(mask.affine[:3, :3], reference.affine[:3, 3] - mask.affine[:3, 3])
    whole = np.rint(offset).astype(int)
    rest = mask.affine[:3, :3] @ (offset - whole)
    if np.abs(rest).max() > SAME_ORIGIN_MM:
        return None
    array = mask.get_array()
    indices = []
    inside = []
    for start, size, have in zip(whole, reference.shape, array.shape, strict=True):
        wanted = np.arange(start, start + size)
        inside.append((wanted >= 0) & (wanted < have))
        indices.append(np.clip(wanted, 0, have - 1))
    out: NDArray[Any] = array[np.ix_(*indices)]
    if not border_smeared:
        out[~(inside[0][:, None, None] & inside[1][None, :, None] & inside[2])] = 0
    return out
