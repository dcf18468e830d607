"""Where the package of EPISeg is found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ..errors import ModelError
from ..models.lookup import embedded_system, models_dir
from .model import MODEL_KEY, URL, EpiPackage, load_epi_package

SYSTEM: Final = "sc-epi"
TOOLBOX_VARIABLE: Final = "SCT_DIR"
"""Folder of the Spinal Cord Toolbox, which installs models below it."""
FETCHED: Final = "episeg_v0.2"
"""Where `spineps-wf-models fetch episeg` puts it in the models folder."""
TOOLBOX_MODELS: Final = Path("data", "deepseg_models")


def install_folder() -> Path:
    """Folder into which the package is installed: that of the toolbox, else one of our own."""
    toolbox = os.environ.get(TOOLBOX_VARIABLE)
    if toolbox and Path(toolbox).is_dir():
        return Path(toolbox) / TOOLBOX_MODELS / MODEL_KEY
    return Path.home() / ".config" / "spineps-nipype" / MODEL_KEY


def find_epi_package(
    stated: str | Path | None = None, *, models: Path | None = None
) -> EpiPackage:
    """Package of EPISeg: the stated folder, else an installed one, else the compact one.

    Parameters
    ----------
    stated
        Folder of the package.
    models
        Models folder; that of SPINEPS unless given.

    Raises
    ------
    ModelError
        If there is none; the message says how to install it.
    """
    if stated is not None:
        return load_epi_package(stated)
    common = models_dir(models)
    installed = install_folder()
    for folder in (*([common / FETCHED] if common else []), installed):
        if folder.is_dir():
            return load_epi_package(folder)
    compact = embedded_system(SYSTEM)
    if compact is not None:
        return load_epi_package(compact)
    raise ModelError(
        "The model of EPISeg is not installed.",
        file=installed,
        remedy=f"Run `spineps-sc-epi -install`, or unpack {URL} into that folder.",
    )
