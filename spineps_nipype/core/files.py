"""Files that are written completely or not at all, their digests, and JSON that may be absent."""

from __future__ import annotations

import filecmp
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import OutputError
from .text_files import parse_json


def file_digest(path: str | Path) -> str:
    """SHA-256 of the bytes of a file, as hexadecimal text."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: str | Path) -> dict[str, Any]:
    """Content of a JSON file; empty if it cannot be read or is not an object."""
    try:
        content = parse_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Temporary path in the folder of `target`, renamed to `target` on success.

    The folder is created if it is absent. A process that dies leaves the old file, or none; the
    temporary name is always the same, so that the next run cleans up what is left of it.

    Raises
    ------
    OutputError
        If the folder cannot be written, or the disk is full.
    """
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as fault:
        raise OutputError(
            f"The file could not be written: {fault.strerror or fault}.",
            file=target,
            remedy="Check free space and permissions of the folder, then run again.",
        ) from fault
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def copy_whole(source: str | Path, target: str | Path) -> bool:
    """Copy a file completely or not at all; False if the same bytes are there already."""
    source, target = Path(source), Path(target)
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        return False
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)
    return True
