"""Installing released packages in a models folder: fetched, or carried over by hand."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import file_digest, whole_file
from spineps_nipype.errors import ModelError, OutputError

from .archive import extract_zip
from .download import WAIT, Report, download
from .package import CONFIG_NAME
from .registry import Release

logger = logging.getLogger(__name__)

PINS: Final = "sha256.json"
"""File of the models folder with the digest of every file that came, by its name."""
RECORD: Final = ".installed.json"
"""File of a package with the digests of its files."""
DOWNLOADS: Final = ".downloads"
PATIENCE: Final = 2.0
"""Time before it is said that another process is waited for [s]."""


def installed_folder(release: Release, models: Path) -> Path | None:
    """Folder of an installed package, None if it is not installed."""
    folder = models / release.folder
    return folder if folder.is_dir() else None


def fetch(
    release: Release,
    models: Path,
    *,
    mirror: str | None = None,
    report: Report | None = None,
    wait: float = WAIT,
) -> tuple[Path, bool]:
    """Download and install a package, unless it is installed.

    Parameters
    ----------
    release
        The package.
    models
        Models folder; it is made.
    mirror
        Address of a folder with the files of all releases, instead of their own.
    report
        Told of the progress.
    wait
        Time before a second try [s].

    Returns
    -------
    tuple
        Folder of the package, and whether it was installed now.

    Raises
    ------
    ModelError
        If a file cannot be downloaded, or is not what was pinned, or holds no such package.
    """
    with _locked(models, release.id):
        folder = installed_folder(release, models)
        if folder is not None:
            return folder, False
        files = []
        for url in release.urls:
            name = url.rpartition("/")[2]
            address = url if mirror is None else f"{mirror.rstrip('/')}/{name}"
            downloads = models / DOWNLOADS / release.id
            downloads.mkdir(parents=True, exist_ok=True)
            pin = _pins(models).get(_pin_name(url))
            files.append(download(address, downloads, sha256=pin, report=report, wait=wait))
        folder = _install(release, models, files)
        shutil.rmtree(models / DOWNLOADS / release.id, ignore_errors=True)
        return folder, True


def import_files(release: Release, models: Path, files: Sequence[Path]) -> Path:
    """Install a package from files that were carried over by hand.

    Raises
    ------
    ModelError
        If it is installed already, or a file is missing or not what was pinned.
    """
    wanted = [url.rpartition("/")[2] for url in release.urls]
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise ModelError("There is no such file.", file=missing[0], remedy="Check the path.")
    if len(files) != len(wanted) or (len(wanted) > 1 and {f.name for f in files} != set(wanted)):
        raise ModelError(
            f"The package {release.id} is made of {len(wanted)} file(s): {', '.join(wanted)}.",
            remedy="Name them all.",
        )
    with _locked(models, release.id):
        folder = installed_folder(release, models)
        if folder is not None:
            raise ModelError(
                f"The package {release.id} is installed already.",
                file=folder,
                remedy="Delete that folder to install it anew.",
            )
        pins = _pins(models)
        ordered = sorted(files, key=_order(wanted))
        for url, path in zip(release.urls, ordered, strict=True):
            if pins.get(_pin_name(url)) not in (None, file_digest(path)):
                raise ModelError(
                    "The file is not the one that was pinned (sha256 differs).",
                    file=path,
                    remedy=f"Do not trust it. If the release was replaced on purpose, delete its "
                    f"line from {models / PINS}.",
                )
        return _install(release, models, ordered)


def verify(release: Release, models: Path) -> list[str]:
    """What is wrong with an installed package: files missing, changed, or not of it.

    Raises
    ------
    ModelError
        If it is not installed, or nothing is known about its files.
    """
    folder = installed_folder(release, models)
    if folder is None:
        raise ModelError(
            f"The package {release.id} is not installed.",
            file=models,
            remedy=f"Install it: spineps-wf-models fetch {release.id}.",
        )
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(
            f"Nothing is known about the files of {release.id}: it was not installed by this "
            "program.",
            file=folder,
            remedy="Delete the folder and fetch it again, to have it verified.",
        ) from fault
    there = _digests(folder)
    faults = [f"{name} is missing" for name in record if name not in there]
    faults += [
        f"{name} is changed" for name in record if there.get(name, record[name]) != record[name]
    ]
    return faults + [f"{name} was added" for name in there if name not in record]


def _install(release: Release, models: Path, files: Sequence[Path]) -> Path:
    """Put the content of files in place, whole or not at all, and pin the files."""
    part = models / DOWNLOADS / f"{release.id}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        if release.archive:
            extract_zip(files[0], part)
        else:
            for path, url in zip(files, release.urls, strict=True):
                shutil.copyfile(path, part / url.rpartition("/")[2])
        home = _home(release, part, files[0])
        record = {"id": release.id, "urls": release.urls, "files": _digests(home)}
        (home / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        _pin(
            models,
            {_pin_name(u): file_digest(p) for p, u in zip(files, release.urls, strict=True)},
        )
        target = models / release.folder
        target.parent.mkdir(parents=True, exist_ok=True)
        home.rename(target)
        return target
    except OSError as fault:
        raise OutputError(
            f"The package could not be installed: {fault.strerror or fault}.",
            file=models,
            remedy="Check free space and permissions of the models folder.",
        ) from fault
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _home(release: Release, part: Path, source: Path) -> Path:
    """Folder of the package inside what an archive held."""
    found = [p for p in part.rglob("*") if p.is_file() and p.name.endswith(release.holds)]
    if not found:
        raise ModelError(
            f"The archive holds no {release.holds}: it is not the package {release.id}.",
            file=source,
            remedy=f"The package is {release.url}.",
        )
    name = Path(release.folder).name
    if (part / name).is_dir():
        return part / name
    if name.startswith("Dataset"):  # nnU-Net knows it by this name
        raise ModelError(
            f"The archive holds no folder {name}: it is not the package {release.id}.",
            file=source,
            remedy=f"The package is {release.url}.",
        )
    return found[0].parent if release.holds == CONFIG_NAME else part


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
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in content.items()}
    except (OSError, ValueError, AttributeError) as fault:
        raise ModelError(
            f"The pinned digests cannot be read: {fault}.",
            file=path,
            remedy="Mend the file, or delete it to pin what comes next.",
        ) from fault


def _pin(models: Path, digests: dict[str, str]) -> None:
    """Add digests to the pinned ones; processes may do so at once for different packages."""
    with _locked(models, PINS):
        pins = _pins(models) | digests
        with whole_file(models / PINS) as temporary:
            temporary.write_text(json.dumps(pins, indent=1, sort_keys=True) + "\n", "utf-8")


def _pin_name(url: str) -> str:
    """Release and name of a file; mirrors have other addresses."""
    return "/".join(url.split("/")[-2:])


def _order(wanted: Sequence[str]) -> Any:
    return lambda path: wanted.index(path.name) if path.name in wanted else len(wanted)


@contextmanager
def _locked(models: Path, name: str) -> Iterator[None]:
    """Let one process after another do something in the models folder."""
    from filelock import FileLock, Timeout

    try:
        (models / DOWNLOADS).mkdir(parents=True, exist_ok=True)
        lock = FileLock(models / DOWNLOADS / f"{name}.lock")
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            logger.warning("another process installs %s in %s: waiting for it", name, models)
            lock.acquire()
    except OSError as fault:
        raise OutputError(
            f"The models folder cannot be written: {fault.strerror or fault}.",
            file=models,
            remedy="Choose another folder (--models-dir).",
        ) from fault
    try:
        yield
    finally:
        lock.release()
