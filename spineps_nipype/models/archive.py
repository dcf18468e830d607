"""Unpacking of archives that were downloaded: nothing outside the folder, no links."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from spineps_nipype.errors import ModelError, ResourceError

AGAIN: Final = "Download it again from the release page."
DAMAGE: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
)
"""What the readers raise for bytes that are no archive, besides an `OSError` without a number."""


def extract(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a folder, which is made.

    Parameters
    ----------
    archive
        A zip file, or a tar file in any compression that Python knows.
    folder
        Where its files go.

    Raises
    ------
    ModelError
        If it is damaged, or holds a link, a device, or a name that leads outside the folder.
    ResourceError
        If its content does not fit on the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if tarfile.is_tarfile(archive):
            _extract_tar(archive, folder)
        else:
            _extract_zip(archive, folder)
    except DAMAGE as fault:
        raise _damaged(archive, fault) from fault
    except OSError as fault:
        if fault.errno is not None:  # the disk, not the archive
            raise
        raise _damaged(archive, fault) from fault


def _extract_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        members = content.infolist()
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            _check(member.filename, plain, archive)
        _check_space(sum(member.file_size for member in members), folder)
        content.extractall(folder)  # noqa: S202 - checked above; compares all checksums


def _extract_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as content:
        members = content.getmembers()
        for member in members:
            _check(member.name, member.isfile() or member.isdir(), archive)
        _check_space(sum(member.size for member in members), folder)
        content.extractall(folder, filter="data")  # leaves out owners and odd permissions


def _check(member: str, plain: bool, archive: Path) -> None:
    """Refuse a member that leads outside the folder, or is no plain file or folder."""
    name = member.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in name.split("/")[0]:
        raise ModelError(
            f"The archive holds {member!r}, which leads outside its folder.",
            file=archive,
            remedy="Do not use it. " + AGAIN,
        )
    if not plain:
        raise ModelError(
            f"The archive holds {member!r}, which is a link or no plain file.",
            file=archive,
            remedy="Do not use it. " + AGAIN,
        )


def _check_space(needed: int, folder: Path) -> None:
    """Refuse an archive whose content [bytes] does not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ResourceError(
            f"The archive needs {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB.",
            file=folder,
            remedy="Free space, or use another models folder (--models-dir).",
        )


def _damaged(archive: Path, fault: Exception) -> ModelError:
    return ModelError(f"The archive is damaged: {fault}.", file=archive, remedy=AGAIN)
