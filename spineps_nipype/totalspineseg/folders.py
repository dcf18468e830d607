"""Output folders of TotalSpineSeg and the names of the files in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .localizers import ENDINGS
from .recipe import NAMES_TABLE, PICTURES, PREVIEW, picture_result

CHANNELS: Final[Mapping[str, str]] = {"input": "_0000", "step2_input": "_0001"}
"""Folders whose files carry a channel number of nnU-Net."""
RESULT_FOLDERS: Final = (
    "input",
    "step1_raw",
    "step1_raw_cord",
    "step1_raw_canal",
    "step1_output",
    "step1_cord",
    "step1_canal",
    "step1_levels",
    "step2_input",
    "step2_raw",
    "step2_output",
)
"""Folders of images, in the order in which they are filled."""
LOCALIZERS: Final = "localizers"


def result_paths(out_dir: str | Path, case: str, localizer: Path | None = None) -> dict[str, Path]:
    """Path of every result of a scan: images by their folder, pictures by their name.

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
    paths = {f: out_dir / f / f"{case}{CHANNELS.get(f, '')}{ENDINGS[0]}" for f in RESULT_FOLDERS}
    paths[NAMES_TABLE] = out_dir / "step2_output" / f"{case}_labels.tsv"
    drawn = dict(PICTURES)
    if localizer is None:
        drawn = {name: picture for name, picture in drawn.items() if picture[0] != LOCALIZERS}
    else:
        ending = next((e for e in ENDINGS if localizer.name.endswith(e)), ENDINGS[0])
        paths[LOCALIZERS] = out_dir / LOCALIZERS / f"{case}{ending}"
    return paths | {
        picture_result(name): preview_path(out_dir / PREVIEW, case, name) for name in drawn
    }


def preview_path(folder: Path, case: str, name: str) -> Path:
    """Path of a picture of the central sagittal slice."""
    return folder / f"{case}_sag_0.5_{name}.jpg"
