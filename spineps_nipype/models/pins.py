"""Digests of installed files: pinned when a file first arrives, enforced from then on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from spineps_nipype.core.files import file_digest, write_text
from spineps_nipype.core.locks import held
from spineps_nipype.errors import ModelError, OutputError

from .package_files import read_package_json
from .registry import Release
from .values import entry_of, mapping

logger = logging.getLogger(__name__)

PINS: Final = "sha256.json"
"""File in the models folder with the digest of every file that was ever downloaded, by name."""
RECORD: Final = ".installed.json"
"""File of a package with the digests of its files."""
DOWNLOADS: Final = ".downloads"
"""Folder in the models folder for unfinished downloads, and for locks."""
LONGEST_DOWNLOAD: Final = 3600.0
"""Longest wait for another process that installs the same package [s]."""


def write_record(folder: Path, release: Release) -> None:
    """Write down the digests of all files of a package that was just unpacked."""
    record = {"id": release.id, "urls": release.urls, "files": _digests(folder)}
    (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def faults_since(folder: Path, id_: str) -> list[str]:
    """What has changed in a package since its record was written: missing, changed, added.

    Raises
    ------
    ModelError
        If it has no record.
    """
    try:
        record = mapping(entry_of(read_package_json(folder / RECORD), "files"), "files")
    except (ModelError, ValueError) as fault:
        raise ModelError(
            f"Nothing is known about the files of {id_}: it was not installed by this program.",
            file=folder,
            remedy="Delete the folder and fetch it again, to have it verified.",
        ) from fault
    there = _digests(folder)
    faults = [f"{name} is missing" for name in record if name not in there]
    faults += [
        f"{name} is changed" for name in record if there.get(name, record[name]) != record[name]
    ]
    return faults + [f"{name} was added" for name in there if name not in record]


def pinned(models: Path, url: str) -> str | None:
    """Digest that the file at an address must have, None if it was never downloaded.

    Raises
    ------
    ModelError
        If the file of pinned digests cannot be read.
    """
    return _pins(models).get(_pin_name(url))


def pin(models: Path, digests: dict[str, str]) -> None:
    """Pin digests by address; processes may do so at once for different packages."""
    with locked(models, PINS):
        pins = _pins(models) | {_pin_name(url): digest for url, digest in digests.items()}
        write_text(models / PINS, json.dumps(pins, indent=1, sort_keys=True) + "\n")


@contextmanager
def locked(models: Path, name: str) -> Iterator[None]:
    """Hold a lock in the models folder, so that processes take turns.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    LockBusyError
        If another process has not finished within `LONGEST_DOWNLOAD`.
    """
    folder = models / DOWNLOADS
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise OutputError(
            f"The models folder cannot be written: {fault.strerror or fault}.",
            file=models,
            remedy="Choose another folder (--models-dir).",
        ) from fault
    with held(folder / f"{name}.lock", limit=LONGEST_DOWNLOAD):
        yield


def _digests(folder: Path) -> dict[str, str]:
    """Digest of every file by its relative name, except the record."""
    return {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECORD
    }


def _pins(models: Path) -> dict[str, str]:
    path = models / PINS
    if not path.is_file():
        return {}
    try:
        return {name: str(digest) for name, digest in read_package_json(path).items()}
    except ModelError as fault:
        raise ModelError(
            f"The pinned digests cannot be read: {fault.what}",
            file=path,
            remedy="Correct the file, or delete it to pin what comes next.",
        ) from fault


def _pin_name(url: str) -> str:
    """Release and name of a file; mirrors have other addresses."""
    return "/".join(url.split("/")[-2:])
