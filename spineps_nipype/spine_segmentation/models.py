"""Where the two networks of spine-segmentation lie.

The original has no licence: its weights are fetched by the user and never shipped. Compact
networks of our own stand in for them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

from ..errors import ModelError
from ..models.lookup import embedded_system, models_dir
from .settings import Family

Role = Literal["semantic", "instance"]

RELEASE: Final = "onnx_models_1.0.0"
URL: Final = f"https://github.com/LiquidFun/Spine/releases/download/{RELEASE}"
FILES: Final[dict[Family, dict[Role, str]]] = {
    "resnet152": {
        "semantic": "2023-11-06_Seg2_Unet_resnet152_896px.onnx",
        "instance": "2023-11-09_Seg25_Unet_resnet152_vert-only_896px_no-input-seg.onnx",
    },
    "mitb5": {
        "semantic": "2023-09-12_Seg2_Unet_mitb5_896px.onnx",
        "instance": "2023-11-06_Seg25_Unet_mitb5_vert-only_896px_no-input-seg.onnx",
    },
}
SYSTEM: Final = "spine-segmentation"
FORM_FILE: Final = "compact_form.onnx"
"""Beside a network of names of ours: one that tells names from bodies, their form and look."""
MARKS: Final[dict[Role, str]] = {"semantic": "Seg2_", "instance": "Seg25_"}
"""Part of the file name of every network of a role."""
CLASSES: Final[dict[Role, int]] = {"semantic": 3, "instance": 26}
"""Output channels, background included."""


def models_folder() -> Path:
    """Folder in which the original keeps its networks."""
    local = os.environ.get("LOCALAPPDATA")
    home = Path(local) if os.name == "nt" and local else Path.home() / ".config"
    return home / "spine-segmentation" / RELEASE


def find_model(
    role: Role,
    family: Family = "resnet152",
    folder: Path | None = None,
    *,
    models: Path | None = None,
) -> Path:
    """Path of a network: what the user has fetched, else the compact one that comes with us.

    Parameters
    ----------
    folder
        Where to look, and nowhere else; by default in the models folder, then where the original
        keeps its networks, then among the compact ones.
    models
        Models folder; that of SPINEPS unless given.

    Raises
    ------
    ModelError
        If it is not there; the message says where to get it.
    """
    name = FILES[family][role]
    compact = embedded_system(SYSTEM)
    places = [folder] if folder is not None else _places(models, compact)
    for place in places:
        if (place / name).is_file():
            return place / name
    if folder is None and compact is not None:
        found = sorted(compact.glob(f"*{MARKS[role]}*.onnx"))
        if found:
            return found[0]
    raise ModelError(
        f"The {role} network of spine-segmentation is not installed.",
        file=places[0] / name,
        remedy=f"Its weights have no licence, so nobody ships them; fetch {URL}/{name}.",
    )


def find_form(instance: Path) -> Path | None:
    """Network of forms that belongs to a network of names, None if it has none."""
    path = instance.with_name(FORM_FILE)
    return path if path.is_file() else None


def _places(models: Path | None, compact: Path | None) -> list[Path]:
    common = models_dir(models)
    fetched = [] if common is None else [common / SYSTEM / RELEASE]
    return [*fetched, models_folder(), *([] if compact is None else [compact])]
