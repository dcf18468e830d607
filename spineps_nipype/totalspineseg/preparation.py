"""Preparation of an image: a single volume with canonical axes and voxels of 1 mm.

Source: TotalSpineSeg 20251028, image preparation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from nibabel import orientations
from numpy.typing import NDArray

from ..core.volume import Volume, make_volume
from .grid import Affine, sample_linear, spacing
from .settings import Numerics
from .upstream import upstream

TARGET_MM: Final = 1.0
GRID_SLACK: Final = 1e-4
"""Voxels by which an axis may fall short of a whole number of mm without losing its last voxel;
affines are stored in single precision."""


def average_4d(image: NDArray[Any]) -> NDArray[Any]:
    """Mean over the last axis of a 4-D array in double precision; a 3-D array stays as it is."""
    return image if image.ndim < 4 else np.asarray(image.mean(axis=3, dtype=np.float64))


def to_canonical(image: NDArray[Any], affine: NDArray[Any]) -> tuple[NDArray[Any], Affine]:
    """Flip and swap axes so that they run to the right, to the front and up as far as possible."""
    turns = orientations.io_orientation(affine)
    turned = orientations.apply_orientation(image, turns)
    moved = np.asarray(affine, float) @ orientations.inv_ornt_aff(turns, image.shape[:3])
    return turned, moved


def iso_grid(
    shape: tuple[int, ...], affine: NDArray[Any], *, slack: float = GRID_SLACK
) -> tuple[tuple[int, ...], Affine]:
    """Shape and affine of the grid of 1 mm with the same directions and the same centre.

    Parameters
    ----------
    shape, affine
        Grid of the image.
    slack
        Voxels by which an axis may fall short of a whole number of mm and still get it; 0 in the
        original. An axis of one voxel keeps one voxel.
    """
    zooms = spacing(affine)
    sizes = tuple(
        1 if n == 1 else max(int(np.floor(n * z / TARGET_MM + slack)), 1)
        for n, z in zip(shape, zooms, strict=True)
    )
    directions = np.asarray(affine, float)[:3, :3] / zooms
    centre = np.asarray(affine, float) @ [*((np.array(shape) - 1) / 2), 1.0]
    out = np.eye(4)
    out[:3, :3] = directions * TARGET_MM
    out[:3, 3] = centre[:3] - out[:3, :3] @ ((np.array(sizes) - 1) / 2)
    return sizes, out


def resample_iso(
    image: NDArray[Any], affine: NDArray[Any], *, slack: float = GRID_SLACK
) -> tuple[NDArray[np.float64], Affine]:
    """Linear resampling to 1 mm, in double precision; see `iso_grid`."""
    sizes, target = iso_grid(image.shape, affine, slack=slack)
    return sample_linear(image, affine, sizes, target), target


def prepare(
    image: NDArray[Any], affine: NDArray[Any], *, numerics: Numerics = "corrected"
) -> tuple[NDArray[Any], Affine]:
    """Average the volumes, bring the axes to canonical order and resample to 1 mm.

    Parameters
    ----------
    image
        3-D or 4-D array in any orientation and spacing.
    affine
        Voxel to world, mm.
    numerics
        The original converts back to the type of the image after each step, which cuts fractions
        off, and may lose a border voxel to a rounding error.

    Returns
    -------
    array, affine
        RAS+, 1 mm; float32, or the type of the image under ``original``.
    """
    kind = image.dtype if upstream(numerics).integer_voxels else np.dtype(np.float32)
    volume, turned = to_canonical(average_4d(image).astype(kind, copy=False), affine)
    resampled, target = resample_iso(volume, turned, slack=_slack(numerics))
    return resampled.astype(kind), target


def prepared_grid(
    shape: Sequence[int], affine: NDArray[Any], *, numerics: Numerics = "corrected"
) -> tuple[tuple[int, ...], Affine]:
    """Shape and affine of what `prepare` makes of an image, known from its header.

    Parameters
    ----------
    shape
        Voxels along the three axes in space.
    affine
        Voxel to world, mm.
    numerics
        As for `prepare`.
    """
    turns = orientations.io_orientation(affine)
    moved = np.asarray(affine, float) @ orientations.inv_ornt_aff(turns, tuple(shape))
    turned = tuple(int(shape[axis]) for axis in np.argsort(turns[:, 0]))
    return iso_grid(turned, moved, slack=_slack(numerics))


def _slack(numerics: Numerics) -> float:
    return 0.0 if upstream(numerics).border_voxel_lost else GRID_SLACK


def prepare_image(image: Volume, *, numerics: Numerics = "corrected") -> Volume:
    """`prepare` for a loaded 3-D image."""
    array, affine = prepare(image.get_array(), image.affine, numerics=numerics)
    return make_volume(array, affine, seg=False)
