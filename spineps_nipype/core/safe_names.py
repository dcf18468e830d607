"""Names of files from words that others wrote: in model packages, sidecars, tables, flags."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Final

from ..errors import InputError
from .files import REPLACED, temporary_name

LONGEST: Final = 100
"""Longest part of a name that comes from others [bytes]."""
USUAL_NAME_LIMIT: Final = 255
USUAL_PATH_LIMIT: Final = 4096
"""Longest name, and longest path, of the usual file systems [bytes]."""
_UNSAFE: Final = re.compile(r"[^\w +,.=@()-]+")


def safe_name(text: str, default: str = "unnamed") -> str:
    """Text that can stand in a file name: no separators, no control characters, no dots around.

    >>> safe_name("/../../etc/passwd"), safe_name("spinal cord"), safe_name("..")
    ('-..-..-etc-passwd', 'spinal cord', 'unnamed')
    """
    plain = _UNSAFE.sub("-", text).strip(". ")
    short = plain.encode()[:LONGEST].decode(errors="ignore").strip(". ")
    return short or default


def safe_below(text: str) -> str | None:
    """Relative path that a sidecar or table names, None if it leads out of its folder.

    >>> safe_below("sub-x/anat/a.nii.gz"), safe_below("../a"), safe_below("/a"), safe_below(".")
    ('sub-x/anat/a.nii.gz', None, None, None)
    """
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts or not text.isprintable():
        return None
    return path.as_posix()


def check_lengths(paths: dict[Path, str], scan: Path) -> None:
    """Refuse a scan whose files would have names that the file system cannot hold.

    Parameters
    ----------
    paths
        Files and folders that will be written, and what each is in words.
    scan
        The scan, which they are named after.

    Raises
    ------
    InputError
        If a name, or that of the file while it is written, is too long.
    """
    limits: dict[Path, tuple[int, int]] = {}
    for path, words in paths.items():
        folder = path.parent
        if folder not in limits:
            limits[folder] = _limits(folder)
        of_name, of_path = limits[folder]
        for kind, text, limit in (
            ("name", longest_name(path.name), of_name),
            ("path", str(path.with_name(longest_name(path.name))), of_path),
        ):
            length = len(os.fsencode(text))
            if length > limit:
                raise InputError(
                    f"The {kind} of its {words} would be {length} bytes long, the file system "
                    f"allows {limit}.",
                    file=scan,
                    remedy="Shorten the name of the scan, or the path of the output folder.",
                )


def longest_name(name: str) -> str:
    """Longest name that a file of this name has, while it is written or after it is replaced."""
    return max(temporary_name(name), f"{name}{REPLACED}", key=len)


def _limits(folder: Path) -> tuple[int, int]:
    """Longest name and longest path in a folder that may not exist yet [bytes]."""
    there = next((f for f in (folder, *folder.parents) if f.is_dir()), None)
    found = []
    for variable, usual in (
        ("PC_NAME_MAX", USUAL_NAME_LIMIT),
        ("PC_PATH_MAX", USUAL_PATH_LIMIT),
    ):
        try:
            limit = os.pathconf(there, variable) if there is not None else usual
        except (OSError, ValueError):
            limit = usual
        found.append(limit if limit > 0 else usual)
    return found[0], found[1]
