"""Packages of SPINEPS: found by id or path in the models folder, or the embedded ones."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from spineps_nipype.errors import ModelError

from . import folders
from .config import Kind
from .package import CONFIG_NAME, ModelPackage, Package, load_package, package_id
from .registry import Release, released
from .tile_choice import SCOUT, ChosenTiles

logger = logging.getLogger(__name__)

AUTO: Final = "auto"
EMBEDDED_LICENCE: Final = "Apache-2.0"
EMBEDDED: Final[Mapping[Kind, str]] = {
    "semantic": "compact_semantic",
    "instance": "compact_instance",
    "labeling": "compact_labeling",
}
CT_FOLDER: Final = "semantic_ct"
CT_ID: Final = "compact_semantic_ct"
"""The same network as a package for CT, which it has learnt from synthetic scans alone."""
SCOUT_ID: Final = "compact_scout"
"""Embedded network that finds the spine; it has no phase of its own and is no choice for one."""
OTHER_SYSTEMS: Final = re.compile(r"totalspineseg|episeg|sc-epi|spine-segmentation", re.IGNORECASE)
"""Folders of other systems in the models folder: no choice for a SPINEPS phase."""
DEFAULT_RELEASE: Final[Mapping[Kind, str]] = {
    "semantic": "t2w",
    "instance": "instance",
    "labeling": "t2w_labeling",
}
"""Released package that `auto` prefers when it is installed and no image is known yet."""


def list_packages(kind: Kind | None = None, folder: Path | None = None) -> list[ModelPackage]:
    """Installed and embedded packages, installed ones first; broken ones are skipped and logged.

    Parameters
    ----------
    kind
        Only packages of this phase.
    folder
        Models folder; see `folders.models_dir`.
    """
    found: dict[str, ModelPackage] = {}
    for id_, home in _candidates(folder):
        if id_ in found:
            continue
        try:
            package = load_package(home, id=id_)
        except ModelError as err:
            logger.warning("model package skipped: %s", err)
            continue
        except Exception as err:  # one odd package must not end every run
            logger.warning("model package skipped: %s: %s [%s]", type(err).__name__, err, home)
            continue
        if kind is None or package.kind == kind:
            found[id_] = package
    return list(found.values())


def spineps_package(
    id_or_path: str | Path | ModelPackage, kind: Kind, folder: Path | None = None
) -> ModelPackage:
    """Find one package; see `finding.find_package`, which calls this for SPINEPS.

    Parameters
    ----------
    id_or_path
        A folder (`Path`, or text with a slash), the id of an installed package, or ``auto``: the
        released default if it is installed, else the embedded compact package.
    kind
        The phase that it is for.
    folder
        Models folder; see `folders.models_dir`.

    Raises
    ------
    ModelError
        If there is no such package, or it serves another phase. The message lists what there is.
    """
    if isinstance(id_or_path, ModelPackage):
        return _for_phase(id_or_path, kind)
    if isinstance(id_or_path, Path) or "/" in id_or_path or "\\" in id_or_path:
        return _for_phase(load_package(id_or_path), kind)
    wanted = id_or_path.lower()
    known = dict(_candidates(folder))
    if wanted == AUTO:
        wanted = _installed_as(DEFAULT_RELEASE[kind], known) or EMBEDDED[kind]
    wanted = _installed_as(wanted, known) or wanted
    if wanted in known:
        return _for_phase(load_package(known[wanted], id=wanted), kind)
    raise _not_found(id_or_path, kind, folder)


@cache
def scout_package() -> ModelPackage:
    """The embedded network that finds the spine, so that the semantic network skips the rest.

    Its digest is made once a process.
    """
    return load_package(folders.scout_dir(), id=SCOUT_ID)


def scout_networks(tiles: ChosenTiles) -> dict[str, ModelPackage]:
    """That network by its kind, where tiles at the spine are computed; else none."""
    return {SCOUT: scout_package()} if tiles == "spine" else {}


def licence_of(package: Package) -> str:
    """Terms of use of a package: of the embedded ones, of a release, or ``unknown``."""
    if folders.is_embedded(package):
        return EMBEDDED_LICENCE
    names = (package.id, package.folder.name.lower())
    release = next(
        (r for id_, r in released().items() if {id_, r.folder.lower()} & {*names}), None
    )
    return release.licence if release else "unknown"


def _for_phase(package: ModelPackage, kind: Kind) -> ModelPackage:
    if package.kind != kind:
        raise ModelError(
            f"The model package {package.id!r} is for the {package.kind} phase, not {kind}.",
            file=package.folder,
            remedy=f"Choose a package for the {kind} phase.",
        )
    return package


def _candidates(stated: Path | None = None) -> Iterator[tuple[str, Path]]:
    """Ids and folders, installed packages before embedded ones."""
    installed = folders.models_dir(stated)
    if installed is not None:
        for config in _configurations(installed):
            if not OTHER_SYSTEMS.search(config.relative_to(installed).as_posix()):
                yield package_id(config), config.parent
    for name, id_ in (*EMBEDDED.items(), (CT_FOLDER, CT_ID)):
        folder = folders.embedded_dir() / name
        if (folder / CONFIG_NAME).is_file():
            yield id_, folder


def _configurations(installed: Path) -> list[Path]:
    """Configurations of packages below a folder; what cannot be read is told and left out."""
    found: list[Path] = []

    def skip(fault: OSError) -> None:
        logger.warning(
            "folder of models skipped: %s [%s]", fault.strerror or fault, fault.filename
        )

    for folder, inside, names in os.walk(installed, onerror=skip):
        inside[:] = [name for name in inside if not name.startswith(".")]  # unfinished downloads
        if CONFIG_NAME in names:
            found.append(Path(folder, CONFIG_NAME))
    return sorted(found)


def _installed_as(id_: str, known: Mapping[str, Path]) -> str | None:
    """Local id of a release: packages are installed under a folder name with a version."""
    release: Release | None = released().get(id_)
    if release is None:
        return None
    local = release.folder.lower()
    if local in known:
        return local
    return id_ if id_ in known else None


def _not_found(id_: str, kind: Kind, folder: Path | None) -> ModelError:
    here = [p.id for p in list_packages(kind, folder)]
    release = released().get(id_.lower())
    remedy = f"Installed for this phase: {', '.join(here) or 'none'}."
    if release is not None:
        remedy += (
            f" {id_!r} is a SPINEPS release: install it with 'spineps-wf-models fetch "
            f"{release.id} --models-dir DIR' and name DIR in {folders.MODELS_VARIABLE}. Without "
            f"internet, carry {release.url} over and use 'spineps-wf-models import'."
        )
    return ModelError(f"There is no {kind} model package {id_!r}.", remedy=remedy)
