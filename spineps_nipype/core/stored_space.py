"""Where a NIfTI header says that its voxels lie, and how sure that is.

A header has two places for it, qform and sform, each with a code that says whether it counts. Of
two that count the sform is used, as nibabel does; ITK and others may use the qform. A header that
says nothing, or that contradicts itself about left and right, is refused: nobody but the owner of
the scan knows what is right.

Source: definition of NIfTI-1, "3D image (volume) orientation and location in space".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ..errors import InputError
from .nifti_files import (
    name_contradicts_content,
    odd_scaling,
    read_stored_header,
    voxels_begin,
)

Affine = NDArray[np.float64]

MAX_SHEAR: Final = 1e-2
"""Largest cosine between two axes of a grid that still counts as orthogonal."""
MIN_SPACING_MM, MAX_SPACING_MM = 0.02, 50.0
SAME_PLACE_MM: Final = 0.1
"""Distance up to which two places are the same, since programs round affines [mm]."""
SAME_SPACING: Final = 0.01
"""Relative difference up to which two voxel spacings are the same."""
FAR_MM: Final = 1e4
"""Nothing in a scanner is this far from its centre."""
RESOLVED: Final = 0.1
"""Share of a voxel that single precision must resolve at its place, as headers store it so."""
QUATERNION: Final = (
    *(f"quatern_{axis}" for axis in "bcd"),
    *(f"qoffset_{axis}" for axis in "xyz"),
)
SET_CODES: Final = (
    "Export it again, or set the position: fslorient -setsformcode 1 where the stored matrix is "
    "right, else nibabel's img.set_sform(affine, 1)."
)


@dataclass(frozen=True, eq=False)
class StoredSpace:
    """Place of a grid in the world, as a header tells it.

    Parameters
    ----------
    affine
        Voxel indices to world coordinates (RAS+, mm), shape (4, 4); the one that counts.
    qform_code, sform_code
        Codes of the header, which results carry on.
    qform
        What the qform says where it says something else than `affine` and counts as well.
    spacing
        Spacing in the header [mm] where it is not that of `affine`.
    shape
        Voxels along the three axes in space.
    quaternion
        Fields of the header that hold the qform, where no sform is stored.
    warnings
        What a reader of the results has to know, in sentences.
    """

    affine: Affine
    qform_code: int
    sform_code: int
    qform: Affine | None
    spacing: NDArray[np.float64] | None
    shape: tuple[int, ...]
    quaternion: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    def write_to(self, header: Any, affine: Affine, shape: tuple[int, ...]) -> None:
        """Say in a header that a grid lies as this one does for every reader.

        Parameters
        ----------
        header
            nibabel header of a result.
        affine, shape
            Grid of the result, in the world of `affine` of this space.
        """
        header.set_sform(affine, code=self.sform_code)
        other = affine
        if self.qform is not None:  # the same step from one world to the other as in the scan
            other = self.qform @ np.linalg.inv(self.affine) @ affine
        header.set_qform(other, code=self.qform_code)
        same = tuple(shape[:3]) == self.shape[:3] and np.allclose(
            affine, self.affine, atol=1e-4, rtol=0
        )
        if not same:
            return
        if self.quaternion:  # rounded anew, it would be another grid
            for field, value in self.quaternion.items():
                header[field] = value
        if self.spacing is not None:
            header["pixdim"][1:4] = self.spacing


def same_grid(
    shape: Sequence[int], affine: NDArray[Any], other_shape: Sequence[int], other: NDArray[Any]
) -> bool:
    """Whether two grids have the same voxels at the same places.

    Parameters
    ----------
    shape, other_shape
        Numbers of voxels.
    affine, other
        Voxel indices to world coordinates (RAS+, mm), shape (4, 4).
    """
    same_voxels = tuple(shape) == tuple(other_shape)
    return same_voxels and bool(np.allclose(affine, other, atol=SAME_PLACE_MM))


def read_space(path: str | Path) -> StoredSpace:
    """Place of the grid of a NIfTI file, from its header alone; see `space_of`.

    Raises
    ------
    InputError
        If the file cannot be read, or its place is not known.
    """
    path = Path(path)
    return space_of(read_stored_header(path), path)


def space_of(header: Any, path: Path) -> StoredSpace:
    """Place of a grid in the world, checked.

    Parameters
    ----------
    header
        nibabel header with its fields as stored.
    path
        Its file, for messages.

    Raises
    ------
    InputError
        If no position is stored, both places contradict each other about the direction of an
        axis, spacings are no spacings of a body scan, the position is not finite or too far off
        for single precision, or the grid is sheared.
    """
    spacing = np.asarray(header["pixdim"], dtype=float)[1:4]
    shape = tuple(int(n) for n in header.get_data_shape()[:3])
    codes = int(header["qform_code"]), int(header["sform_code"])
    _check_spacing(spacing, path)
    qform = _qform(header) if codes[0] > 0 else None
    sform = _sform(header) if codes[1] > 0 else None
    affine, warnings = _chosen(codes, qform, sform, path)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    _check_grid(affine, lengths, path)
    warnings += _check_distance(affine, lengths, shape, path)
    stated = None
    if not np.allclose(lengths, spacing, rtol=SAME_SPACING, atol=0):
        stated = spacing
        warnings.append(
            f"The header states voxels of {_listed(spacing)} mm and a position of voxels of "
            f"{_listed(lengths)} mm; the position counts."
        )
    other = None
    if sform is not None and qform is not None and affine is sform:
        if not _tells_qfac(header) and _mirrored(sform, qform):
            warnings.append(
                "The qform of the header lacks its sign (pixdim[0]); the sform counts."
            )
        else:
            other, said = _compared(sform, qform, shape, path)
            warnings += said
    warnings += _of_the_file(header, path)
    quaternion = {} if affine is not qform or sform is not None else _quaternion(header)
    return StoredSpace(affine, *codes, other, stated, shape, quaternion, tuple(warnings))


def _of_the_file(header: Any, path: Path) -> list[str]:
    """What is odd about the file in which a header is stored; nothing if there is none."""
    if not path.is_file():
        return []
    odd = name_contradicts_content(path)
    said = [f"{odd}; it is read by its content."] if odd else []
    if float(header["vox_offset"]) < voxels_begin(header):
        said.append(
            "The header does not say where the voxels begin; they are read right behind it."
        )
    if scaling := odd_scaling(header):
        said.append(f"The header scales the numbers by {scaling}; they are taken as stored.")
    return said


def _chosen(
    codes: tuple[int, int], qform: Affine | None, sform: Affine | None, path: Path
) -> tuple[Affine, list[str]]:
    """The position that counts, and what is odd about the other one."""
    if max(codes) <= 0:
        raise InputError(
            "The header does not say how the image lies in the body (qform_code and sform_code "
            "are 0).",
            file=path,
            remedy=SET_CODES,
        )
    if sform is not None and _is_grid(sform):
        if qform is not None and not _is_grid(qform):
            return sform, ["The qform of the header is no position; the sform counts."]
        return sform, []
    if qform is not None and _is_grid(qform):
        odd = sform is not None
        return qform, ["The sform of the header is no position; the qform counts."] * odd
    finite = all(np.isfinite(m).all() for m in (qform, sform) if m is not None)
    raise InputError(
        "The position in the header is no grid: an axis has no length."
        if finite
        else "The header holds non-finite spacings or positions.",
        file=path,
        remedy="Export the scan again, or repair the header.",
    )


def _compared(
    sform: Affine, qform: Affine, shape: tuple[int, ...], path: Path
) -> tuple[Affine | None, list[str]]:
    """The qform, if it is usable and says something else than the sform, and words about it."""
    if not _is_grid(qform):
        return None, []
    ends = [(0, max(n - 1, 0)) for n in (*shape, 1, 1)[:3]]
    corners = np.array([*itertools.product(*ends)])
    ones = np.column_stack([corners, np.ones(len(corners))])
    apart = np.linalg.norm((ones @ (sform - qform).T)[:, :3], axis=1).max()
    if apart <= SAME_PLACE_MM:
        return None, []
    directions = ["".join(nib.aff2axcodes(m)) for m in (sform, qform)]
    if directions[0] != directions[1]:
        raise InputError(
            f"The header contradicts itself: its axes are {directions[0]} by the sform and "
            f"{directions[1]} by the qform.",
            file=path,
            remedy="Find out which is right, and store it as both: fslorient -copysform2qform or "
            "-copyqform2sform.",
        )
    return qform, [
        f"The header contradicts itself: sform and qform are up to {apart:.3g} mm and "
        f"{_angle(sform, qform):.1f} degrees apart; the sform counts."
    ]


def _mirrored(one: Affine, other: Affine) -> bool:
    """Whether what is left in one grid is right in the other."""
    if not (_is_grid(one) and _is_grid(other)):
        return False
    return bool(np.linalg.det(one[:3, :3]) * np.linalg.det(other[:3, :3]) < 0)


def _angle(one: Affine, other: Affine) -> float:
    """Largest angle between axes that should be the same [degrees]."""
    units = [m[:3, :3] / np.linalg.norm(m[:3, :3], axis=0) for m in (one, other)]
    cosines = np.clip((units[0] * units[1]).sum(axis=0), -1, 1)
    return float(np.degrees(np.arccos(cosines.min())))


def _check_spacing(spacing: NDArray[np.float64], path: Path) -> None:
    """Refuse spacings that are none: nibabel corrects them without a word."""
    if not np.isfinite(spacing).all():
        raise InputError(
            "The header holds non-finite spacings or positions.",
            file=path,
            remedy="Export the scan again, or repair the header.",
        )
    if (spacing <= 0).any():
        raise InputError(
            f"The voxel spacing is not positive ({_listed(spacing)} mm).",
            file=path,
            remedy="Export the scan again, or repair pixdim in the header.",
        )


def _check_grid(affine: Affine, lengths: NDArray[np.float64], path: Path) -> None:
    if lengths.min() < MIN_SPACING_MM or lengths.max() > MAX_SPACING_MM:
        raise InputError(
            f"The voxel spacing is not that of a body scan ({_listed(lengths)} mm).",
            file=path,
            remedy="Repair the header; often the unit is wrong, as metres for millimetres.",
        )
    unit = affine[:3, :3] / lengths
    cosines = np.abs(unit.T @ unit - np.eye(3))
    if cosines.max() > MAX_SHEAR:
        angle = math.degrees(math.asin(min(1.0, cosines.max())))
        raise InputError(
            f"The grid is sheared: its axes are {angle:.1f} degrees off the right angle.",
            file=path,
            remedy="Resample the image to a grid with right angles.",
        )


def _check_distance(
    affine: Affine, lengths: NDArray[np.float64], shape: tuple[int, ...], path: Path
) -> list[str]:
    """Refuse positions that single precision cannot tell; warn of those that no scanner has."""
    size = float(np.dot(lengths[: len(shape)], shape))
    far = float(np.abs(affine[:3, 3]).max()) + size
    step = float(np.spacing(np.float32(min(far, float(np.finfo(np.float32).max)))))
    if step > RESOLVED * lengths.min():
        raise InputError(
            f"The position of the scan, {far:.3g} mm from the origin, cannot be right.",
            file=path,
            remedy="Export the scan again, or repair the offsets in the header.",
        )
    if far - size > FAR_MM:
        return [f"The scan lies {far:.3g} mm from the origin, where no scanner reaches."]
    return []


def _qform(header: Any) -> Affine | None:
    """The qform, None if its numbers are no rotation."""
    if not _tells_qfac(header):
        header = header.copy()
        header["pixdim"][0] = 1.0  # what the definition of NIfTI-1 says of any other number
    try:
        with np.errstate(all="ignore"):
            return np.asarray(header.get_qform(coded=False), dtype=float)
    except (ValueError, ArithmeticError, HeaderDataError):
        return np.full((4, 4), np.nan)


def _tells_qfac(header: Any) -> bool:
    """Whether the header says on which side the third axis of the qform lies."""
    return float(header["pixdim"][0]) in (1.0, -1.0)


def _quaternion(header: Any) -> dict[str, Any]:
    """Fields that make up the qform, beside those of the spacing."""
    return {name: header[name].copy() for name in QUATERNION}


def _sform(header: Any) -> Affine:
    return np.asarray(header.get_sform(coded=False), dtype=float)


def _is_grid(affine: Affine) -> bool:
    """Whether a matrix places voxels: finite numbers, three axes that differ."""
    if not np.isfinite(affine).all():
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return bool((lengths > 0).all()) and abs(float(np.linalg.det(affine[:3, :3] / lengths))) > 1e-3


def _listed(numbers: NDArray[np.float64]) -> str:
    return ", ".join(f"{n:g}" for n in numbers)
