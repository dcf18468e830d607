"""Bytes of NIfTI files: the one place where images are opened.

A compressed file is read to its end in the same pass that reads its voxels, so that its check sum
and its length are verified. Whether a file is compressed is told by its first bytes, not its name.
"""

from __future__ import annotations

import gzip
import logging
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from ..errors import InputError

logger = logging.getLogger(__name__)

SUFFIXES: Final = (".nii.gz", ".nii")
GZIP_MAGIC: Final = b"\x1f\x8b"
MAX_RATIO: Final = 1100
"""Deflate packs at most 1032 bytes into one."""
CHUNK: Final = 1 << 20
"""Bytes that are read at a time where only the check sum is wanted."""
POINTERS: Final = (
    (b"version https://git-lfs", "Git LFS", "git lfs pull"),
    (b"/annex/objects/", "git-annex", "datalad get, or git annex get"),
)
"""Text in small files that stand for a file that is elsewhere, and how to fetch it."""
POINTER_BYTES: Final = 1024
"""Pointers are shorter than this."""
HEADERS: Final = {348: nib.Nifti1Image, 540: nib.Nifti2Image}
"""Kind of image by the size of its header, which is the first number in a file."""
FLAG_BYTES: Final = 4
"""Between header and voxels; the first of them says whether extensions follow."""
LENGTH_BYTES: Final = 4
"""At the end of a gzip member: how many bytes it holds, modulo 2^32 (RFC 1952)."""
BROKEN: Final = (
    ImageFileError,
    HeaderDataError,
    WrapStructError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    OverflowError,
    KeyError,
    zlib.error,
)
"""What nibabel, gzip and zlib raise for files that are damaged or no images."""


def read_stored_header(path: Path) -> Any:
    """Header of a NIfTI file with its fields as they are stored, none corrected.

    Raises
    ------
    InputError
        If the file is missing, a pointer to a file elsewhere, or no NIfTI image.
    """
    check_file(path)
    try:
        with open_bytes(path) as stream:
            _, header = _sniffed(stream)
    except BROKEN as fault:
        raise damaged(path, fault) from fault
    return header


def read_voxels(path: Path) -> tuple[Any, NDArray[Any]]:
    """Header of a NIfTI file as it is stored, and its voxels with slope and intercept applied.

    Raises
    ------
    InputError
        If the file is missing, damaged anywhere, or does not fit in memory.
    """
    check_file(path)
    try:
        with open_bytes(path) as stream:
            kind, header = _sniffed(stream)
            _check_size(header, path, isinstance(stream, gzip.GzipFile))
            header["vox_offset"] = voxels_begin(header)
            voxels = np.asanyarray(kind.ImageArrayProxy(stream, header, mmap=False))
            _read_to_the_end(stream, path)
    except BROKEN as fault:
        raise damaged(path, fault) from fault
    except MemoryError as fault:
        raise InputError(
            f"The image of {_listed_shape(header)} voxels does not fit in memory.",
            file=path,
            remedy="Crop or downsample it, or run on a machine with more memory.",
        ) from fault
    return header, voxels


def check_length(path: Path) -> None:
    """Refuse a file that is too short for the voxels that its header promises.

    A compressed file says at its end how long its content is. Only where that is not what the
    header promises is it read: more may follow the voxels, or it may have been cut off.

    Raises
    ------
    InputError
        If the file is missing, no NIfTI image, too short, or damaged as far as that is seen.
    """
    check_file(path)
    try:
        with open_bytes(path) as stream:
            _, header = _sniffed(stream)
            packed = isinstance(stream, gzip.GzipFile)
            _check_size(header, path, packed)
            promised = voxels_begin(header) + _voxel_bytes(header)
            if not packed or _stated_length(path) == promised % 2 ** (8 * LENGTH_BYTES):
                return
            stream.seek(0)
            if _read_to_the_end(stream, path) < promised:
                raise _too_short(header)
    except BROKEN as fault:
        raise damaged(path, fault) from fault


def voxels_begin(header: Any) -> int:
    """Byte at which the voxels of a file begin: where its header says, but never inside itself."""
    return max(int(header["vox_offset"]), int(header.single_vox_offset))


def name_contradicts_content(path: Path) -> str:
    """What is wrong with the ending of a file that is or is not compressed; empty if nothing."""
    packed = _is_packed(path)
    if packed == path.name.endswith(".gz"):
        return ""
    return (
        "The file is compressed, though its name ends in .nii"
        if packed
        else "The file is not compressed, though its name ends in .nii.gz"
    )


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Uncompressed bytes of a file, whatever its name says."""
    with path.open("rb") as raw:
        packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                yield cast(BinaryIO, stream)
        else:
            yield raw


def check_file(path: Path) -> None:
    """Refuse what is no file, no NIfTI by its name, or stands for a file elsewhere.

    Raises
    ------
    InputError
        With the way out.
    """
    if not path.name.endswith(SUFFIXES):
        raise InputError(
            "The file is not NIfTI.",
            file=path,
            remedy="Give a .nii or .nii.gz file; dcm2niix converts DICOM, and nibabel a pair of "
            ".hdr and .img.",
        )
    if path.is_symlink() and not path.exists():
        raise InputError(
            "The link leads nowhere.",
            file=path,
            remedy="Fetch the data of the dataset first (datalad get, git annex get).",
        )
    if not path.is_file():
        raise InputError(
            "The file does not exist." if not path.exists() else "This is no ordinary file.",
            file=path,
            remedy="Check the path and its spelling.",
        )
    if path.stat().st_size >= POINTER_BYTES:
        return
    try:
        start = path.read_bytes()[:POINTER_BYTES]
    except OSError as fault:
        raise damaged(path, fault) from fault
    for mark, system, command in POINTERS:
        if mark in start:
            raise InputError(
                f"The file is a pointer of {system}; its content is not on this computer.",
                file=path,
                remedy=f"Fetch it first ({command}).",
            )


def damaged(path: Path, fault: Exception) -> InputError:
    """Error for a file that cannot be read, with what the library said of it."""
    if isinstance(fault, PermissionError):
        return InputError(
            "The file must not be read (permission denied).",
            file=path,
            remedy="Ask for the right to read it, or leave it out (--bids-filter-file).",
        )
    text = str(fault).splitlines()
    return InputError(
        f"The file is damaged or not a NIfTI image ({text[0] if text else type(fault).__name__}).",
        file=path,
        remedy="Copy or export it again; `gzip -t` tells whether a .nii.gz is whole.",
    )


def _is_packed(path: Path) -> bool:
    with path.open("rb") as raw:
        return raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def _sniffed(stream: BinaryIO) -> tuple[Any, Any]:
    """Kind of image, and its header as it is stored."""
    start = stream.read(4)
    sizes = {int.from_bytes(start, order) for order in ("little", "big")}
    found = sizes & set(HEADERS)
    if len(start) < 4 or not found:
        raise ValueError("it does not begin like a NIfTI file")
    size = found.pop()
    kind = HEADERS[size]
    block = start + stream.read(size - len(start))
    extended = any(stream.read(FLAG_BYTES)[:1])  # extensions of other programs are not used
    header = kind.header_class(block, check=False)
    if bytes(header["magic"].item())[:2] != b"n+":
        raise ValueError("it is not a NIfTI file with its voxels inside")
    _check_offset(header, extended)
    if min(header.get_data_shape(), default=0) < 1:
        raise ValueError(f"the header promises {_listed_shape(header) or 'no'} voxels")
    try:
        header.get_data_dtype()
    except (KeyError, HeaderDataError) as fault:
        raise ValueError(f"its voxels are of an unknown type ({header['datatype']})") from fault
    try:
        header.get_slope_inter()
    except HeaderDataError as fault:
        raise ValueError(f"its numbers are scaled by {_scaling(header)}") from fault
    return kind, header


def odd_scaling(header: Any) -> str:
    """Scaling of a header that is left out as it is no number, in words; empty if there is none.

    0 and NaN are what programs write that do not scale.
    """
    return _scaling(header) if np.isinf(header["scl_slope"]) else ""


def _scaling(header: Any) -> str:
    return f"{float(header['scl_slope']):g} with offset {float(header['scl_inter']):g}"


def _check_offset(header: Any, extended: bool) -> None:
    """Refuse a header that leaves open where the voxels begin."""
    stated = float(header["vox_offset"])
    if not math.isfinite(stated) or (extended and stated < header.single_vox_offset):
        raise ValueError(f"the header does not say where its voxels begin ({stated:g})")


def _check_size(header: Any, path: Path, packed: bool) -> None:
    """Refuse a header that promises more voxels than the file can hold, before they are read."""
    needed = voxels_begin(header) + _voxel_bytes(header)
    if needed > os.stat(path).st_size * (MAX_RATIO if packed else 1):
        raise _too_short(header)


def _voxel_bytes(header: Any) -> int:
    shape = (int(n) for n in header.get_data_shape())
    return math.prod(shape) * int(header.get_data_dtype().itemsize)


def _too_short(header: Any) -> ValueError:
    return ValueError(
        f"the header promises {_listed_shape(header)} voxels, which the file cannot hold"
    )


def _stated_length(path: Path) -> int:
    """Length of what was compressed, as the last bytes of a gzip file say it."""
    with path.open("rb") as raw:
        raw.seek(-LENGTH_BYTES, os.SEEK_END)
        return int.from_bytes(raw.read(), "little")


def _read_to_the_end(stream: BinaryIO, path: Path) -> int:
    """Read what follows, as gzip verifies the check sum at the end only; returns the length."""
    if not isinstance(stream, gzip.GzipFile):
        return stream.seek(0, os.SEEK_END)
    try:
        while stream.read(CHUNK):
            pass
    except gzip.BadGzipFile as fault:
        # All members up to here are whole and verified; what follows them is no gzip at all.
        if not str(fault).startswith("Not a gzipped file"):
            raise
        logger.warning("%s: bytes after the end of the compressed image are left out", path.name)
    return stream.tell()


def _listed_shape(header: Any) -> str:
    return " x ".join(map(str, header.get_data_shape()))
