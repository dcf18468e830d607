"""Loading, checking and storing of images.

Images are passed on as `Volume`: an array with its affine. Loading refuses images that cannot
be segmented, with a message that says what to do about it.
"""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyResultError, InputError
from .files import whole_file
from .image_checks import check_memory, check_shape, check_voxel_type, volume_shape
from .intensities import usable_intensities
from .marks import mark_image
from .nifti_files import read_stored_header, read_voxels
from .stored_space import StoredSpace, read_space, space_of
from .volume import Volume, make_volume

logger = logging.getLogger(__name__)

CT_BACKGROUND: Final = -1024.0
"""Value of empty space in CT images [HU]."""
GZIP_LEVEL: Final = 4
PASSING_MASK_LEVEL, PASSING_IMAGE_LEVEL = 1, 0
"""For files that only go from one step to the next: grey values take long and hardly become
smaller, so they are not compressed at all."""
LABEL_NOISE: Final = 0.01
"""Distance from a whole number that a label may have: programs scale labels, or store floats."""
STORED_TYPES: Final = tuple(np.dtype(t) for t in ("f4", "u1", "i1", "u2", "i2", "u4", "i4"))
"""Voxel types of grey images that are written unchanged; others become float32."""


def background_value(path: str | Path) -> float:
    """Value of empty space: -1024 if the suffix of the file name says CT, else 0."""
    stem = Path(path).name.split(".")[0]
    return CT_BACKGROUND if "ct" in stem.rpartition("_")[2].lower() else 0.0


def is_ct_name(path: str | Path) -> bool:
    """Whether the name of a scan says that its voxels are Hounsfield units."""
    return background_value(path) != 0


def load_scan(
    path: str | Path,
    *,
    average_4d: bool = False,
    max_gib: float | None = None,
    integer_voxels: bool = False,
) -> Volume:
    """Load a scan as it comes from its owner; see `load_image`, which has the parameters.

    What is odd about its header is told in the log. Padding is recognised, and grey values are
    brought into a range that cannot overflow, unless integers are kept as the originals do.
    """
    path = Path(path)
    stored = _stored(path, warn=True)
    return _load(path, stored, average_4d, max_gib, integer_voxels, clean=not integer_voxels)


def load_image(
    path: str | Path,
    *,
    average_4d: bool = False,
    max_gib: float | None = None,
    integer_voxels: bool = False,
) -> Volume:
    """Load and check a grey image.

    Parameters
    ----------
    path
        A .nii or .nii.gz file.
    average_4d
        Average the volumes of a 4-D image instead of refusing it.
    max_gib
        Refuse images whose estimated working memory exceeds this.
    integer_voxels
        Keep the stored integer type, which cuts fractions off, as the original systems do.

    Returns
    -------
    Volume
        float32 (or the stored integers), finite, in its own orientation and grid.

    Raises
    ------
    InputError
        If the file is missing, damaged, not 3-D or too large, or its geometry is invalid.
    EmptyResultError
        If all voxels have the same value.
    """
    path = Path(path)
    return _load(path, _stored(path), average_4d, max_gib, integer_voxels, clean=False)


def _stored(path: Path, *, warn: bool = False) -> tuple[Any, StoredSpace, tuple[int, ...]]:
    """Header of a file, its place, and its shape; what is odd is told in the log if wanted."""
    header = read_stored_header(path)
    space = space_of(header, path)
    for warning in space.warnings if warn else ():
        logger.warning("%s: %s", path.name, warning)
    return header, space, volume_shape(header.get_data_shape())


def _load(
    path: Path,
    stored_as: tuple[Any, StoredSpace, tuple[int, ...]],
    average_4d: bool,
    max_gib: float | None,
    integer_voxels: bool,
    *,
    clean: bool,
) -> Volume:
    header, space, shape = stored_as
    check_shape(shape, path, average_4d)
    check_memory(shape, path, max_gib)
    data = _numbers(path).reshape(shape)
    stored = header.get_data_dtype()
    if clean:
        data = _usable(data, header, path)
    if data.ndim == 4:
        with np.errstate(invalid="ignore", over="ignore"):
            data = data.mean(axis=3, dtype=np.float32)
    if integer_voxels and np.issubdtype(stored, np.integer):
        data = _as_stored_integers(data, stored)
    else:
        data = _finite(_single_precision(data), path)
    if data.min() == data.max():
        raise EmptyResultError(
            f"The image is constant: every voxel is {data.flat[0]:g}.",
            file=path,
            remedy="Export the scan again; there is nothing in this file to segment.",
        )
    return make_volume(data, space.affine, seg=False)


def load_volumes(path: str | Path, *, max_gib: float | None = None) -> list[Volume]:
    """Load and check every volume of a 4-D scan; a 3-D scan is one volume.

    Raises
    ------
    InputError, EmptyResultError
        As for `load_scan`; constant volumes are refused, too.
    """
    path = Path(path)
    header, space, shape = stored = _stored(path, warn=True)
    if len(shape) == 3:
        return [_load(path, stored, False, max_gib, False, clean=True)]
    check_shape(shape, path, True)
    check_memory(shape[:3], path, max_gib)
    usable = _usable(_numbers(path).reshape(shape), header, path)
    data = _finite(_single_precision(usable), path)
    for number, volume in enumerate(np.moveaxis(data, 3, 0)):
        if volume.min() == volume.max():
            raise EmptyResultError(
                f"Volume {number} of {shape[3]} is constant: every voxel is {volume.flat[0]:g}.",
                file=path,
                remedy="Remove it from the series, or average the volumes.",
            )
    return [
        make_volume(np.ascontiguousarray(data[..., i]), space.affine, seg=False)
        for i in range(shape[3])
    ]


def load_map(path: str | Path) -> Volume:
    """Load a map of shares or probabilities, which unlike a scan may be 0 everywhere.

    Of a series the first volume counts.

    Raises
    ------
    InputError
        If the file is missing or damaged, or its geometry is invalid.
    """
    path = Path(path)
    header, data = read_voxels(path)
    space = space_of(header, path)
    while data.ndim > 3:
        data = data[..., 0]
    return make_volume(np.asarray(data, dtype=np.float32), space.affine, seg=False)


def load_mask(path: str | Path) -> Volume:
    """Load a label map in the smallest sufficient unsigned type.

    Labels may be stored as floats that are whole numbers but for noise.

    Raises
    ------
    InputError
        If the file is missing, damaged or not 3-D, or holds negative or fractional values.
    """
    path = Path(path)
    _, space, shape = _stored(path)
    if len(shape) != 3:
        raise InputError(
            f"The label map has {len(shape)} dimensions, not 3.",
            file=path,
            remedy="Give a 3-D label map.",
        )
    data = _numbers(path).reshape(shape)
    labels = _whole(data)
    if labels is None:
        raise InputError(
            "The label map holds fractional, negative or non-finite values.",
            file=path,
            remedy="Give a map of whole numbers, one a structure.",
        )
    return make_volume(shrink_labels(labels), space.affine, seg=True)


def _whole(data: NDArray[Any]) -> NDArray[Any] | None:
    """Labels of a map, rounded where they are floats; None if a value is no label."""
    if np.issubdtype(data.dtype, np.integer):
        return data if data.min(initial=0) >= 0 else None
    if not np.isfinite(data).all():
        return None
    labels = np.rint(data)
    near = np.abs(labels - data) <= LABEL_NOISE
    return labels if (near & (labels >= 0) & (labels < 2**32)).all() else None


def shrink_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """The same labels in the smallest unsigned type."""
    return labels.astype(np.min_scalar_type(int(labels.max(initial=0))), copy=False)


def save_nii(
    nii: Volume,
    path: str | Path,
    *,
    like: str | Path | None = None,
    passing: bool = False,
) -> Path:
    """Write an image completely or not at all; its bytes depend on its content only.

    Parameters
    ----------
    like
        Image in whose world the grid lies. Its codes are carried on, and whichever of its
        positions another program takes, the new image lies on it.
    passing
        The file is no result but goes from one step to the next: a mask is compressed less, an
        image not at all.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    array = nii.get_array()
    if nii.seg:
        array = shrink_labels(array)
    elif array.dtype not in STORED_TYPES:
        array = array.astype(np.float32)
    passing_level = PASSING_MASK_LEVEL if nii.seg else PASSING_IMAGE_LEVEL
    level = passing_level if passing else GZIP_LEVEL
    return save_array(array, nii.affine, path, like=like, level=level)


def save_array(
    array: NDArray[Any],
    affine: NDArray[Any],
    path: str | Path,
    *,
    like: str | Path | None = None,
    level: int = GZIP_LEVEL,
) -> Path:
    """Write voxels of three or four axes as they are, compressed by gzip; else as `save_nii`."""
    path = Path(path)
    space = None if like is None else read_space(like)
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    if space is None:
        image.set_sform(affine, code=1)
        image.set_qform(affine, code=1)
    else:
        space.write_to(image.header, affine, array.shape)
    mark_image(image)
    with whole_file(path) as temporary, temporary.open("wb") as raw:
        if path.name.endswith(".gz"):
            with gzip.GzipFile("", "wb", level, raw, mtime=0) as stream:
                image.to_stream(stream)
        else:
            image.to_stream(raw)
    return path


def _numbers(path: Path) -> NDArray[Any]:
    """Voxels of one channel."""
    _, data = read_voxels(path)
    check_voxel_type(data.dtype, path)
    return data


def _usable(data: NDArray[Any], header: Any, path: Path) -> NDArray[Any]:
    """Grey values that every phase can compute with; what was done is told in the log."""
    stored = header.get_data_dtype()
    extremes: list[float] = []
    if stored.kind in "iu" and stored.itemsize > 1:
        slope, inter = header.get_slope_inter()
        extremes = [
            float(np.iinfo(stored).max) * (1.0 if slope is None else slope) + (inter or 0.0)
        ]
    elif stored.kind == "f":
        extremes = [float(np.finfo(stored).max)]
    usable, notes = usable_intensities(data, is_ct=is_ct_name(path), extremes=extremes)
    for note in notes:
        logger.warning("%s: %s", path.name, note)
    return usable


def _single_precision(data: NDArray[Any]) -> NDArray[np.float32]:
    """Convert to float32; values that are too large for it become infinite."""
    with np.errstate(over="ignore"):
        return data.astype(np.float32, copy=False)


def _finite(data: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """Replace NaN and infinite voxels by the smallest finite value."""
    bad = ~np.isfinite(data)
    count = int(bad.sum())
    if not count:
        return data
    if count == data.size:
        raise EmptyResultError(
            "The image holds no finite voxel.",
            file=path,
            remedy="Export the scan again; there is nothing in this file to segment.",
        )
    floor = data[~bad].min()
    logger.warning("%s: %d non-finite voxels were set to %g", path.name, count, floor)
    out: NDArray[np.float32] = np.where(bad, floor, data)
    return out


def _as_stored_integers(data: NDArray[Any], stored: np.dtype[Any]) -> NDArray[Any]:
    """Scaled values cast back to the stored integer type, or a wider one if they do not fit."""
    whole = np.trunc(data)
    low, high = float(whole.min()), float(whole.max())
    info = np.iinfo(stored)
    if info.min <= low and high <= info.max:
        kind = stored
    else:
        sides = (int(low), -int(high) - 1) if low < 0 else (int(high),)
        kind = np.result_type(*(np.min_scalar_type(v) for v in sides))
    if kind.itemsize > 4:  # SPINEPS knows no 64-bit images
        kind = np.dtype(np.uint32 if stored.kind == "u" else np.int32)
    out: NDArray[Any] = whole.astype(kind)
    return out
