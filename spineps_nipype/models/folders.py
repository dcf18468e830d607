"""The folders of model packages: that of the user, and those that come with this installation."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spineps_nipype.errors import ModelError

if TYPE_CHECKING:
    from .package import Package

MODELS_VARIABLE: Final = "SPINEPS_SEGMENTOR_MODELS"
"""Environment variable with the models folder, the same as in SPINEPS."""


CACHE_VARIABLE: Final = "SPINEPS_NIPYPE_CACHE"
"""Environment variable with the folder of translated networks."""


def cache_folder() -> Path:
    """Where translated networks are kept."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named) / "openvino"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spineps-nipype" / "openvino"


def models_dir(stated: Path | None = None) -> Path | None:
    """Folder of installed packages: the stated one, else that of the environment, else None.

    Raises
    ------
    ModelError
        If a folder is named that does not exist.
    """
    if stated is not None:
        if not stated.is_dir():
            raise ModelError(
                "The models folder does not exist.",
                file=stated,
                remedy="Create it, or correct --models-dir.",
            )
        return stated
    named = os.environ.get(MODELS_VARIABLE)
    if named:
        folder = Path(named)
        if not folder.is_dir():
            raise ModelError(
                f"The folder named by {MODELS_VARIABLE} does not exist.",
                file=folder,
                remedy=f"Create it, or unset {MODELS_VARIABLE}.",
            )
        return folder
    default = Path(__file__).resolve().parent.parent / "models_installed"
    return default if default.is_dir() else None


@cache
def embedded_dir() -> Path:
    """Folder of the SPINEPS packages that come with this installation."""
    return Path(str(files("spineps_nipype") / "data" / "models" / "compact"))


def scout_dir() -> Path:
    """Folder of the network that finds the spine, which comes with every installation."""
    return Path(str(files("spineps_nipype") / "data" / "models" / "compact-scout" / "package"))


def embedded_system(system: str) -> Path | None:
    """Folder of the compact networks of another system, None if this installation has none.

    Parameters
    ----------
    system
        ``totalspineseg``, ``sc-epi`` or ``spine-segmentation``.
    """
    folder = embedded_dir().with_name(f"{embedded_dir().name}-{system}")
    return folder if folder.is_dir() else None


def is_embedded(package: Package) -> bool:
    """Whether a package is one of those that come with this installation."""
    return _resolved(package.folder).is_relative_to(_resolved(embedded_dir().parent))


@cache
def _resolved(folder: Path) -> Path:
    """A folder without links; it is asked for a dozen times a scan, and costs a call a part."""
    return folder.resolve()
