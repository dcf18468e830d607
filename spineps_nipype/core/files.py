"""The one door through which files are written: whole or not at all, below the folders of a run.

Also digests of files, and JSON that may be absent.
"""

from __future__ import annotations

import errno
import filecmp
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ..errors import OutputError
from .text_files import parse_json

REPLACED: Final = ".replaced"
"""End of the name of a file that was kept when another one took its place."""
NO_FOLDER_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF, errno.ENOSYS)
"""Answers of file systems on which a folder cannot be synchronised, or need not be."""
WRITE_REMEDY: Final = "Check free space and permissions of the folder, then run again."
_roots: tuple[Path, ...] | None = None


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


def is_file(path: Path) -> bool:
    """Whether a file is there; not if its name is too long to be one, or its folder is closed."""
    try:
        return path.is_file()
    except OSError:
        return False


@contextmanager
def only_below(*roots: str | Path) -> Iterator[None]:
    """Let this process write below some folders only, until the end of the block.

    Outside such a block files are written wherever the caller says. Blocks may be nested: the
    inner one counts.

    Parameters
    ----------
    roots
        Folders, which need not exist yet.
    """
    global _roots
    before, _roots = _roots, tuple(Path(root).resolve() for root in roots)
    try:
        yield
    finally:
        _roots = before


def writing_roots() -> tuple[Path, ...] | None:
    """Folders below which this process may write; None for anywhere."""
    return _roots


def set_writing_roots(roots: tuple[Path, ...] | None) -> None:
    """Let this process write below some folders only, for good: for processes that run nodes."""
    global _roots
    _roots = roots


def may_write(path: str | Path) -> bool:
    """Whether the door lets a file of this name through; links of its folder are followed."""
    if _roots is None:
        return True
    path = Path(os.path.abspath(path))  # "..", without following links
    place = path.parent.resolve() / path.name
    return any(root == place or root in place.parents for root in _roots)


def check_target(path: str | Path) -> None:
    """Refuse a file that would lie outside the folders of the run.

    Raises
    ------
    OutputError
        If it would.
    """
    if not may_write(path):
        raise OutputError(
            "The file would lie outside the folders that this run may write.",
            file=path,
            remedy="A name in a model package or table, or a link in the output folder, leads "
            "there: correct it.",
        )


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Temporary path in the folder of `target`, renamed to `target` on success.

    The folder is created if it is absent. The content reaches the disk before its name does, so a
    process or a computer that dies leaves the old file, or none; the temporary name is always the
    same, so that the next run cleans up what is left of it.

    Raises
    ------
    OutputError
        If the file would lie outside the folders of the run, the folder cannot be written, or the
        disk is full.
    """
    check_target(target)
    temporary = target.with_name(temporary_name(target.name))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        yield temporary
        _synchronise(temporary)
        temporary.replace(target)
        _synchronise_folder(target.parent)
    except OSError as fault:
        raise not_written(target, fault) from fault
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """Name that a file has while it is written."""
    return f".{name}.part"


def write_text(target: Path, text: str) -> None:
    r"""Write a text file whole.

    Names of files that are not UTF-8 may stand in it: their odd bytes are written as ``\\xfc``.
    """
    with whole_file(target) as temporary:
        temporary.write_text(_as_utf8(text), encoding="utf-8")


def append_text(target: Path, text: str) -> None:
    """Add text to the end of a file, for logs; a process that dies may leave half a line.

    Raises
    ------
    OutputError
        If the file would lie outside the folders of the run.
    OSError
        If it cannot be written.
    """
    check_target(target)
    with target.open("a", encoding="utf-8") as stream:
        stream.write(_as_utf8(text))


def _as_utf8(text: str) -> str:
    """Text without the letters in which Python hides odd bytes of names."""
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves of letters, as JSON may have them
        content = text.encode("utf-8", "backslashreplace")
    return content.decode("utf-8", "backslashreplace")


def make_folder(folder: Path) -> None:
    """Make a folder with those above it.

    Raises
    ------
    OutputError
        If it would lie outside the folders of the run, or cannot be made.
    """
    check_target(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise not_written(folder, fault) from fault


def remove_file(path: Path) -> None:
    """Delete a file, if it is there."""
    check_target(path)
    path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder with all that is in it, if it is there; what resists stays."""
    check_target(folder)
    shutil.rmtree(folder, ignore_errors=True)


def copy_whole(source: str | Path, target: str | Path) -> bool:
    """Copy a file completely or not at all; False if the same bytes are there already."""
    source, target = Path(source), Path(target)
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        return False
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)
    return True


def set_aside(path: Path) -> Path | None:
    """Give a file another name beside its own, so that a new one can take its place.

    Returns
    -------
    Path or None
        Its name now: with ``.replaced`` at the end, and a number if that is taken. None for an
        empty file, which is deleted: it holds nothing.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    check_target(path)
    try:
        if not path.stat().st_size:
            path.unlink()
            return None
        number, kept = 1, path.with_name(f"{path.name}{REPLACED}")
        while kept.exists():
            number += 1
            kept = path.with_name(f"{path.name}{REPLACED}-{number}")
        path.rename(kept)
        _synchronise_folder(path.parent)
    except OSError as fault:
        raise not_written(path, fault) from fault
    return kept


def _synchronise(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _synchronise_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the file system can do that."""
    try:
        _synchronise(folder)
    except OSError as fault:
        if fault.errno not in NO_FOLDER_SYNC:
            raise


def not_written(path: Path, fault: OSError) -> OutputError:
    """The error of a file that could not be written, in words, with the way out."""
    return OutputError(
        f"The file could not be written: {fault.strerror or fault}.",
        file=path,
        remedy=WRITE_REMEDY,
    )
