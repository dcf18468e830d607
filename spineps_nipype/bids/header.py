"""The grid of a scan, read from its header alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spineps_nipype.errors import InputError

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
    """

    shape: tuple[int, ...]
    zooms: tuple[float, float, float]
    axis_codes: tuple[str, str, str]


def read_header(path: str | Path) -> ScanHeader:
    """Read the grid of a NIfTI file without reading its voxels.

    Raises
    ------
    InputError
        If there is no file, it is not NIfTI, or its voxels or their grid cannot be used.
    """
    import nibabel as nib
    import numpy as np

    from ..core.image_checks import check_geometry, check_voxel_type

    path = Path(path)
    if not path.exists():
        raise InputError(
            "The file is not there." if not path.is_symlink() else "The link leads nowhere.",
            file=path,
            remedy="Fetch the data of the dataset first (datalad get, git annex get).",
        )
    try:
        image = nib.load(path)
        shape = tuple(int(n) for n in image.shape)
        affine = np.asarray(image.affine, float)
        lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
        codes = nib.aff2axcodes(affine)
    except Exception as fault:  # nibabel raises errors of many kinds for broken files
        raise InputError(
            f"The file is not readable as NIfTI: {fault}.",
            file=path,
            remedy="Copy or export the scan again.",
        ) from fault
    check_voxel_type(image.get_data_dtype(), path)
    if not np.isfinite(lengths).all() or (lengths <= 0).any() or None in codes:
        raise InputError(
            "The header describes no grid in space.",
            file=path,
            remedy="Export the scan again, or repair its header.",
        )
    check_geometry(image, path)
    zooms = (float(lengths[0]), float(lengths[1]), float(lengths[2]))
    return ScanHeader(shape, zooms, (str(codes[0]), str(codes[1]), str(codes[2])))


def grid_of(path: Path) -> tuple[tuple[int, ...], NDArray[Any]]:
    """Voxels along the three axes in space, and voxel indices to world coordinates (RAS+, mm).

    The file is one that `read_header` has read.
    """
    import nibabel as nib

    image = nib.load(path)
    return tuple(int(n) for n in image.shape[:3]), image.affine
