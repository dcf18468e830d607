"""Output folders of TotalSpineSeg and the names of the files in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .localizers import ENDINGS

CHANNELS: Final[Mapping[str, str]] = {"input": "_0000", "step2_input": "_0001"}
"""Folders whose files carry a channel number of nnU-Net."""
RESULT_FOLDERS: Final = (
    "input",
    "step1_raw",
    "step1_output",
    "step1_cord",
    "step1_canal",
    "step1_levels",
    "step2_input",
    "step2_raw",
    "step2_output",
)
"""Folders of images, in the order in which they are filled."""
FIRST_PREVIEW: Final = "input"
"""Name of the picture of the image."""


def result_paths(out_dir: str | Path, case: str, localizer: Path | None = None) -> dict[str, Path]:
    """Path of each result of a scan by its folder; ``preview`` is the picture of the image.

    Parameters
    ----------
    out_dir
        Output folder.
    case
        Name of the scan without extension.
    localizer
        Localizer of the scan, whose copy keeps its extension.
    """
    out_dir = Path(out_dir)
    named = "" if localizer is None else localizer.name
    ending = next((e for e in ENDINGS if named.endswith(e)), ENDINGS[0])
    return {
        **{f: out_dir / f / f"{case}{CHANNELS.get(f, '')}{ENDINGS[0]}" for f in RESULT_FOLDERS},
        "localizers": out_dir / "localizers" / f"{case}{ending}",
        "preview": preview_path(out_dir / "preview", case, FIRST_PREVIEW),
    }


def preview_path(folder: Path, case: str, name: str) -> Path:
    """Path of a picture of the central sagittal slice."""
    return folder / f"{case}_sag_0.5_{name}.jpg"
