"""Unpacking of archives that were downloaded: nothing outside the folder, no links."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from spineps_nipype.errors import ModelError, ResourceError

AGAIN = "Download it again from the release page."


def extract_zip(archive: Path, folder: Path) -> None:
    """Unpack an archive into a folder, which is made.

    Parameters
    ----------
    archive
        A zip file.
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
        with zipfile.ZipFile(archive) as content:
            members = content.infolist()
            for member in members:
                _check(member, archive)
            needed = sum(member.file_size for member in members)
            free = shutil.disk_usage(folder).free
            if needed > free:
                raise ResourceError(
                    f"The archive needs {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB.",
                    file=folder,
                    remedy="Free space, or use another models folder (--models-dir).",
                )
            content.extractall(folder)  # compares the checksum of every file
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as fault:
        raise ModelError(
            f"The archive is damaged: {fault}.", file=archive, remedy=AGAIN
        ) from fault


def _check(member: zipfile.ZipInfo, archive: Path) -> None:
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in name.split("/")[0]:
        raise ModelError(
            f"The archive holds {member.filename!r}, which leads outside its folder.",
            file=archive,
            remedy="Do not use it. " + AGAIN,
        )
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ModelError(
            f"The archive holds {member.filename!r}, which is a link or no plain file.",
            file=archive,
            remedy="Do not use it. " + AGAIN,
        )
