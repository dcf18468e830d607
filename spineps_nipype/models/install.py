"""The one installer of networks: fetched, carried over by hand, or from any archive."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from spineps_nipype.core.files import file_digest
from spineps_nipype.errors import ModelError, OutputError

from .archive import extract
from .download import WAIT, Report, download
from .finding import NnunetSystem, package_in
from .package import CONFIG_NAME, ModelPackage
from .package_files import read_package_json
from .pins import DOWNLOADS, PINS, faults_since, locked, pin, pinned, write_record
from .registry import Release

SOURCE: Final = "source.json"
"""File of a package that says where it was installed from, as the Spinal Cord Toolbox has it."""
SHOWN: Final = 3
"""Packages of an archive that a message names."""
IGNORED: Final = "__MACOSX"
"""Folder that archives made on a Mac hold beside their content."""


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
    with locked(models, release.id):
        folder = installed_folder(release, models)
        if folder is not None:
            return folder, False
        files = []
        for url in release.urls:
            name = url.rpartition("/")[2]
            address = url if mirror is None else f"{mirror.rstrip('/')}/{name}"
            downloads = models / DOWNLOADS / release.id
            downloads.mkdir(parents=True, exist_ok=True)
            digest = pinned(models, url)
            files.append(download(address, downloads, sha256=digest, report=report, wait=wait))
        try:
            folder = _install(release, models, files)
        except ModelError:  # a damaged file would be taken for the whole one next time
            shutil.rmtree(models / DOWNLOADS / release.id, ignore_errors=True)
            raise
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
    with locked(models, release.id):
        folder = installed_folder(release, models)
        if folder is not None:
            raise ModelError(
                f"The package {release.id} is installed already.",
                file=folder,
                remedy="Delete that folder to install it anew.",
            )
        ordered = sorted(files, key=_order(wanted))
        for url, path in zip(release.urls, ordered, strict=True):
            if pinned(models, url) not in (None, file_digest(path)):
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
    return faults_since(folder, release.id)


def install_archive(
    address: str, target: Path, system: NnunetSystem, *, source: Mapping[str, Any]
) -> ModelPackage:
    """Install an archive from anywhere; what was there is replaced when all went well.

    Parameters
    ----------
    address
        Address of a zip or tar archive: ``https://`` or ``file://``.
    target
        Folder of the package.
    system
        System that the network is for.
    source
        What is written down about where it comes from.

    Raises
    ------
    ModelError
        If the archive cannot be fetched, is damaged, or holds no network of the system.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        part = Path(temporary)
        extract(_archive_at(address, part), part / "content")
        content = _stripped(part / "content")
        package_in(content, system)  # refuses what is no model before anything is replaced
        try:
            (content / SOURCE).write_text(json.dumps(source, indent=4) + "\n", encoding="utf-8")
            if target.exists():
                target.rename(part / "old")
            content.rename(target)
        except OSError as fault:
            raise OutputError(
                f"The package could not be installed: {fault.strerror or fault}.",
                file=target,
                remedy="Check free space and permissions of its folder.",
            ) from fault
    return package_in(target, system)


def source_of(package: ModelPackage) -> dict[str, Any]:
    """What `install_archive` wrote down about a package, empty if it was installed otherwise."""
    for place in (package.folder, package.folder.parent):
        with suppress(ModelError):
            return read_package_json(place / SOURCE)
    return {}


def _install(release: Release, models: Path, files: Sequence[Path]) -> Path:
    """Put the content of files in place, whole or not at all, and pin the files."""
    part = models / DOWNLOADS / f"{release.id}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        if release.archive:
            extract(files[0], part)
        else:
            for path, url in zip(files, release.urls, strict=True):
                shutil.copyfile(path, part / url.rpartition("/")[2])
        home = _home(release, part, files[0])
        write_record(home, release)
        pin(models, {u: file_digest(p) for p, u in zip(files, release.urls, strict=True)})
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
    found = [
        path
        for path in part.rglob("*")
        if path.is_file() and path.name.endswith(release.holds) and IGNORED not in path.parts
    ]
    if not found:
        raise ModelError(
            f"The archive holds no {release.holds}: it is not the package {release.id}.",
            file=source,
            remedy=f"The package is {release.url}.",
        )
    if release.holds == CONFIG_NAME and len(found) > 1:
        names = ", ".join(sorted(p.parent.relative_to(part).as_posix() for p in found)[:SHOWN])
        raise ModelError(
            f"The archive holds {len(found)} packages ({names}), not one.",
            file=source,
            remedy="Pack one of them, and install each by itself.",
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


def _archive_at(address: str, folder: Path) -> Path:
    """The archive: downloaded into a folder, or where it lies on this machine."""
    parts = urlsplit(address)
    if parts.scheme in {"http", "https"}:
        return download(address, folder)
    if parts.scheme != "file":
        raise ModelError(
            f"{address} is no address of an archive.", remedy="Give one with https:// or file://."
        )
    archive = Path(unquote(parts.path))
    if not archive.is_file():
        raise ModelError("The archive does not exist.", file=archive, remedy="Check the path.")
    return archive


def _stripped(folder: Path) -> Path:
    """The only folder inside, unless that is the trainer's, which must keep its name."""
    inside = [p for p in folder.iterdir() if p.name != IGNORED]
    alone = len(inside) == 1 and inside[0].is_dir() and "nnUNetTrainer" not in inside[0].name
    return inside[0] if alone else folder


def _order(wanted: Sequence[str]) -> Any:
    return lambda path: wanted.index(path.name) if path.name in wanted else len(wanted)
