"""The grid of a scan, read from its header alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ScanHeader:
    """Grid of a scan.

    Parameters
    ----------
    shape
        Voxels of each axis.
    zooms
        Spacing of the three spatial axes [mm].
    axis_codes
        Direction in which these axes grow, as letters of R/L, A/P, S/I.
    warnings
        What is odd about the header, in sentences.
    """

    shape: tuple[int, ...]
    zooms: tuple[float, float, float]
    axis_codes: tuple[str, str, str]
    warnings: tuple[str, ...] = ()


def read_header(path: str | Path) -> ScanHeader:
    """Read the grid of a NIfTI file without reading its voxels.

    Raises
    ------
    InputError
        If there is no file, it is not NIfTI, its voxels are no numbers, or its header does not say
        where they lie.
    """
    import nibabel as nib
    import numpy as np

    from ..core.image_checks import check_voxel_type
    from ..core.nifti_files import read_stored_header
    from ..core.stored_space import space_of

    path = Path(path)
    header = read_stored_header(path)
    check_voxel_type(header.get_data_dtype(), path)
    space = space_of(header, path)
    zooms = np.linalg.norm(space.affine[:3, :3], axis=0)
    codes = nib.aff2axcodes(space.affine)
    return ScanHeader(
        tuple(int(n) for n in header.get_data_shape()),
        (float(zooms[0]), float(zooms[1]), float(zooms[2])),
        (str(codes[0]), str(codes[1]), str(codes[2])),
        space.warnings,
    )


def grid_of(path: Path) -> tuple[tuple[int, ...], NDArray[Any]]:
    """Voxels along the three axes in space, and voxel indices to world coordinates (RAS+, mm).

    Raises
    ------
    InputError
        As for `read_header`.
    """
    from ..core.nifti_files import read_stored_header
    from ..core.stored_space import space_of

    header = read_stored_header(path)
    return tuple(int(n) for n in header.get_data_shape()[:3]), space_of(header, path).affine
