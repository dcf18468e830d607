"""What the pure functions need of an image: an array that knows where in the body it lies.

`Volume` is what TPTBox's ``NII`` offers of it. TPTBox has no type information of its own, so that
``NII`` in a signature means anything at all to a type checker; `Volume` says what is used, and in
which units, and keeps TPTBox out of the imports of modules that only pass images on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Volume(Protocol):
    """A 3-D image or label map on a grid; methods return new volumes and leave this one as it is.

    World coordinates are mm to the right, to the front and up (RAS+), as in NIfTI.
    """

    seg: bool
    """Whether it is a label map: resampled by the nearest voxel, stored as integers."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each array axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels."""

    @property
    def affine(self) -> NDArray[Any]:
        """Matrix (4, 4) from voxel indices to world coordinates."""

    @property
    def zoom(self) -> tuple[float, float, float]:
        """Voxel size along each array axis, mm, rounded to seven digits."""

    @property
    def orientation(self) -> tuple[str, str, str]:
        """Direction in which each array axis grows, as letters: ("P", "I", "R")."""

    @property
    def origin(self) -> tuple[float, float, float]:
        """World coordinates of the centre of voxel 0, rounded to seven digits."""

    @property
    def rotation(self) -> NDArray[Any]:
        """Directions of the array axes in the world, (3, 3): the affine without its zoom."""

    def get_array(self) -> NDArray[Any]:
        """A copy of the voxels, shape `shape`."""

    def set_array(self, arr: NDArray[Any], *, seg: bool | None = None) -> Self:
        """Other voxels on the same grid; in a label map floats become int32.

        Parameters
        ----------
        seg
            Whether the new voxels are labels; as now by default.
        """

    def copy(self) -> Self:
        """The same voxels on the same grid."""

    def reorient(self, axcodes_to: Sequence[str]) -> Self:
        """Axes turned and flipped so that they grow as the letters say; no voxel is resampled."""

    def rescale(self, voxel_spacing: tuple[float, ...]) -> Self:
        """Resampled to a voxel size (mm): cubic splines, nearest voxel for label maps.

        The centre of voxel 0 stays where it is.
        """

    def apply_crop(self, ex_slice: tuple[slice, ...]) -> Self:
        """The part in a box of voxels, with the affine of that part."""

    def to_gird(self) -> Any:  # TPTBox spells it so
        """Shape and affine alone; the affine is made of the rounded zoom, origin and rotation."""


def make_volume(array: NDArray[Any], affine: NDArray[Any], *, seg: bool) -> Volume:
    """Make a volume of an array and its affine.

    Parameters
    ----------
    array
        3-D; 64-bit integers become 32-bit ones, labels given as floats become integers.
    affine
        Voxel indices to world coordinates (RAS+, mm), shape (4, 4).
    seg
        Whether it is a label map.
    """
    from TPTBox import NII

    volume: Volume = NII.from_numpy(array, affine, seg)
    return volume
