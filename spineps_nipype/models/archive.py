"""Unpacking of archives that come from anywhere: nothing outside the folder, no links, no bombs.

The whole table of contents is judged before the first file is written.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from spineps_nipype.errors import ModelError, OutputError, ResourceError, SpinepsError

AGAIN: Final = "Download it again from the release page."
MAX_MEMBERS: Final = 10_000
"""Most files and folders in an archive; packages have below a hundred."""
MAX_BYTES: Final = 32 << 30
"""Largest content [bytes]; the largest package that is known has 2 GB."""
MAX_RATIO: Final = 200
"""Largest content for each byte of the archive; weights hardly shrink, text does so by 20."""
SMALL_BYTES: Final = 16 << 20
"""Content below this may have any ratio [bytes]."""
MAX_READ: Final = 64 << 20
"""Most that one entry of a table of contents may make the reader hold in memory [bytes]."""
LIMITS: Final = (
    f"An archive may hold {MAX_MEMBERS:,} files, {MAX_BYTES >> 30} GB, and {MAX_RATIO} times "
    "its own size."
)
COMPRESSIONS: Final[Mapping[bytes, Callable[[Path], Any]]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZ": bz2.BZ2File,
    b"\xfd7": lzma.LZMAFile,
}
"""First two bytes of compressed tar archives."""
ZIP_MARKS: Final = (b"PK\x03\x04", b"PK\x05\x06")
"""First bytes of zip archives; the second of those that hold nothing."""
ENCRYPTED: Final = 0x1
"""Bit of the flags of a member of a zip archive."""


def extract(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a folder, which is created.

    Parameters
    ----------
    archive
        A zip file, or a tar file, plain or compressed by gzip, bzip2 or xz.
    folder
        Where its files go. After an error some may be there: give a folder of its own.

    Raises
    ------
    ModelError
        If it is damaged or encrypted, is above the limits of this module, or holds a link, a
        device, or a name that leads outside the folder.
    ResourceError
        If its content does not fit on the disk.
    OutputError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if _start(archive) in ZIP_MARKS:
            _extract_zip(archive, folder)
        else:
            _extract_tar(archive, folder)
    except SpinepsError:
        raise
    except OSError as fault:
        if fault.errno is None:  # the readers raise it for damaged archives, too
            raise _damaged(archive, fault) from fault
        raise OutputError(
            f"The archive cannot be unpacked: {fault.strerror or fault}.",
            file=fault.filename or folder,
            remedy="Check free space and permissions of the folder.",
        ) from fault
    except Exception as fault:  # the readers raise errors of many kinds for damaged archives
        raise _damaged(archive, fault) from fault


def _extract_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        judge = _Judge(archive, folder)
        for member in content.infolist():
            if member.flag_bits & ENCRYPTED:
                raise ModelError(
                    "The archive is encrypted.", file=archive, remedy="Unpack and pack it again."
                )
            kind = stat.S_IFMT(member.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            judge.add(member.filename, plain, member.file_size)
        content.extractall(folder)  # noqa: S202 - judged above; compares all checksums


def _extract_tar(archive: Path, folder: Path) -> None:
    with _opened(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as content:
        judge = _Judge(archive, folder)
        for member in content:  # yielded before its data is skipped, hence never a whole bomb
            judge.add(member.name, member.isfile() or member.isdir(), member.size)
        stream.seek(content.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile is silent there
            raise tarfile.ReadError("its end is missing")
        content.extractall(folder, filter="data")  # leaves out owners and odd permissions


class _Judge:
    """Looks at members one by one, and refuses the archive as soon as one is too much."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive = archive
        self._packed = archive.stat().st_size
        self._free = shutil.disk_usage(folder).free
        self._members = self._bytes = 0

    def add(self, name: str, plain: bool, size: int) -> None:
        """Count a member in.

        Parameters
        ----------
        name
            Its path in the archive.
        plain
            Whether it is a file or a folder.
        size
            Its content [bytes].
        """
        self._check_name(name, plain)
        if size < 0:
            raise _damaged(self._archive, ValueError(f"{name!r} has a negative size"))
        self._members += 1
        self._bytes += size
        if self._members > MAX_MEMBERS:
            raise self._too_much(f"more than {MAX_MEMBERS:,} files")
        if self._bytes > MAX_BYTES:
            raise self._too_much(f"more than {MAX_BYTES >> 30} GB")
        if self._bytes > max(MAX_RATIO * self._packed, SMALL_BYTES):
            raise self._too_much(f"more than {MAX_RATIO} times its own size")
        if self._bytes > self._free:
            raise ResourceError(
                f"The archive needs {self._bytes / 1e9:.1f} GB or more, the disk has "
                f"{self._free / 1e9:.1f} GB.",
                file=self._archive,
                remedy="Free space, or use another models folder (--models-dir).",
            )

    def _too_much(self, what: str) -> ModelError:
        return ModelError(
            f"The archive holds {what}, which no model package does. {LIMITS}",
            file=self._archive,
            remedy="Do not use it. " + AGAIN,
        )

    def _check_name(self, member: str, plain: bool) -> None:
        name = member.replace("\\", "/")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or ":" in name.split("/")[0]:
            raise ModelError(
                f"The archive holds {member!r}, which leads outside its folder.",
                file=self._archive,
                remedy="Do not use it. " + AGAIN,
            )
        if not plain:
            raise ModelError(
                f"The archive holds {member!r}, which is a link or no plain file.",
                file=self._archive,
                remedy="Do not use it. " + AGAIN,
            )


class _BoundedReader:
    """Stream of which nobody reads much at once: headers of tar archives say how much."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read bytes; ValueError if they are too many."""
        if not 0 <= size <= MAX_READ:
            raise ValueError(f"an entry of {size} bytes in its table of contents")
        return self._stream.read(size)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *fault: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _opened(archive: Path) -> _BoundedReader:
    """The tar archive, decompressed while it is read."""
    opened = COMPRESSIONS.get(_start(archive)[:2], lambda path: path.open("rb"))
    return _BoundedReader(opened(archive))


def _start(archive: Path) -> bytes:
    """The first four bytes, which tell the formats apart."""
    with archive.open("rb") as stream:
        return stream.read(4)


def _damaged(archive: Path, fault: Exception) -> ModelError:
    said = str(fault) or type(fault).__name__
    return ModelError(f"The archive is damaged: {said}.", file=archive, remedy=AGAIN)
