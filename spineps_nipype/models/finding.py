"""The one finder of networks, by system and kind. Where it looks stands in `models.places`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast, overload

from . import folders
from .config import Kind
from .package import ModelPackage, OnnxPackage, load_package
from .places import FORM_FILE, PLACES, Found, Places, load_onnx
from .spineps_packages import AUTO, spineps_package
from .systems import SPINEPS

OnnxSystem = Literal["spine-segmentation"]
NnunetSystem = Literal["spineps", "totalspineseg", "sc-epi", "vibeseg"]
System = OnnxSystem | NnunetSystem
Named = str | Path | ModelPackage | None


@overload
def find_package(
    system: OnnxSystem,
    kind: str,
    named: str | Path | None = None,
    *,
    release: str | None = None,
    models: Path | None = None,
) -> OnnxPackage: ...
@overload
def find_package(
    system: NnunetSystem,
    kind: str,
    named: Named = None,
    *,
    release: str | None = None,
    models: Path | None = None,
) -> ModelPackage: ...
def find_package(
    system: System,
    kind: str,
    named: Named = None,
    *,
    release: str | None = None,
    models: Path | None = None,
) -> Found:
    """Find one network; its weights are not loaded.

    Parameters
    ----------
    system
        The system that it belongs to, see `models.systems`.
    kind
        ``semantic``, ``instance`` and ``labeling`` of SPINEPS, ``step1`` and ``step2`` of
        TotalSpineSeg, ``cord`` of EPISeg, ``semantic``, ``instance`` and ``form`` of
        spine-segmentation, ``semantic`` of VIBESeg.
    named
        Folder to look in, and nowhere else; by default those of `models.places`. Of SPINEPS a
        folder (`Path`, or text with a slash), the id of an installed package, or ``auto``: the
        released default if it is installed, else the embedded package.
    release
        Release of TotalSpineSeg, or encoder of spine-segmentation; the usual one unless given.
    models
        Models folder; see `folders.models_dir`.

    Raises
    ------
    ModelError
        If there is no such network, or it serves another phase; the message says where to get
        it, or what there is.
    """
    return _required(system, kind, named, release, models)


def find_packages(
    system: System,
    kinds: Iterable[str],
    named: Named = None,
    *,
    release: str | None = None,
    models: Path | None = None,
) -> dict[str, Found]:
    """All networks of a system that a run depends on, by kind.

    Parameters and errors are those of `find_package`; only a network that may lie beside another
    one, such as ``form`` of spine-segmentation, is left out where it is absent.
    """
    found: dict[str, Found] = {}
    for kind in kinds:
        if system != SPINEPS and kind in PLACES[system].companions:
            beside = _search(PLACES[system], kind, _folder(named), release, models)
            found |= {} if beside is None else {kind: beside}
        else:
            found[kind] = _required(system, kind, named, release, models)
    return found


@overload
def package_in(
    folder: str | Path, system: OnnxSystem, *, release: str | None = None
) -> OnnxPackage: ...
@overload
def package_in(
    folder: str | Path, system: NnunetSystem = "spineps", *, release: str | None = None
) -> ModelPackage: ...
def package_in(
    folder: str | Path, system: System = "spineps", *, release: str | None = None
) -> Found:
    """Describe the network of a system that lies in a folder, or of spine-segmentation in a file.

    Raises
    ------
    ModelError
        If the folder does not hold exactly one network.
    """
    if system == SPINEPS:
        return load_package(folder)
    row = PLACES[system]
    return row.load(Path(folder), release or row.release)


def form_beside(names: Path) -> OnnxPackage | None:
    """Network of forms that belongs to a network of names, None if it has none."""
    path = names.with_name(FORM_FILE)
    return load_onnx(path) if path.is_file() else None


def _required(
    system: System, kind: str, named: Named, release: str | None, models: Path | None
) -> Found:
    if system == SPINEPS:
        return spineps_package(AUTO if named is None else named, cast(Kind, kind), models)
    row, folder = PLACES[system], _folder(named)
    found = _search(row, kind, folder, release, models)
    if found is None:
        places = list(_places(row, folder, models))
        raise row.absent(places, kind, release or row.release)
    return found


def _folder(named: Named) -> Path | None:
    if isinstance(named, ModelPackage):
        return named.folder
    return None if named is None else Path(named)


def _search(
    row: Places, kind: str, named: Path | None, release: str | None, models: Path | None
) -> Found | None:
    """The first network that a place has, None if no place has one."""
    release = release or row.release
    if kind in row.companions:
        other, name = row.companions[kind]
        # Beside the very file that is used: one from another place was not made for it.
        owner = _search(row, other, named, release, models)
        path = None if owner is None else _path_of(owner).with_name(name)
        return row.load(path, release) if path is not None and path.is_file() else None
    for place in _places(row, named, models):
        located = row.locate(place, kind, release)
        if located is not None:
            found = row.load(located, release)
            if isinstance(found, ModelPackage) and folders.is_embedded(found):
                return replace(found, id=row.embedded_ids.get(kind, found.id))
            return found
    return None


def _path_of(found: Found) -> Path:
    return found.file if isinstance(found, OnnxPackage) else found.folder


def _places(row: Places, named: Path | None, models: Path | None) -> Iterator[Path]:
    """Folders that are looked in, in this order."""
    only = named
    if only is None and row.only_variable and os.environ.get(row.only_variable):
        only = Path(os.environ[row.only_variable])
    if only is not None:
        yield only
        return
    installed = folders.models_dir(models)
    if installed is not None:
        yield installed / row.fetched
    if row.own_folder is not None:
        yield row.own_folder()
    embedded = folders.embedded_system(row.system)
    if embedded is not None:
        yield embedded
