"""Stored results made up by hand, with the records that a run would leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spineps_nipype.core.files import file_digest
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.sidecar import has_record, result_digest, sidecar_of

GRID: Final = {
    "direction": ["R", "A", "S"],
    "zoom": [1.0, 1.0, 1.0],
    "origin": [0.0, 0.0, 0.0],
    "rotation": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "shape": [5, 6, 4],
    "format": "POI",
}
"""Header of a file of points."""


def store(
    provenance: Provenance, files: Mapping[str, Path], phases: Mapping[str, str] | None = None
) -> None:
    """Write the results of all phases, or of some with a text of their own.

    Parameters
    ----------
    provenance
        How they are made.
    files
        The inputs, which are there, and where the results go.
    phases
        Content of the results, by the phases that are written.
    """
    for phase in provenance.recipe.order:
        if phases is not None and phase.name not in phases:
            continue
        for name in (n for n in (*phase.makes, *phase.sometimes) if n in files):
            path = files[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix != ".json":
                text = "" if phases is None else phases[phase.name]
                write_result(path, f"{name} of {phase.name} {text}")
            record = provenance.record(phase.name)
            record["Inputs"] = {
                read: file_digest(files[read]) for read in phase.reads if files[read].is_file()
            }
            if path.suffix == ".json":
                points: list[dict[str, Any]] = [dict(GRID), {"20": {"50": [1.0, 2.0, 3.0]}}]
                path.write_text(json.dumps(points))
                points[0]["Provenance"] = {**record, "Sha256": result_digest(path)}
                path.write_text(json.dumps(points))
            elif has_record(path):
                content = {"Provenance": {**record, "Sha256": file_digest(path)}}
                sidecar_of(path).write_text(json.dumps(content))


def write_mask(path: Path, label: int = 20) -> None:
    """Write a mask of one label, as a reader might correct one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.full((2, 3, 4), label, np.uint8), np.eye(4)), path)


def write_result(path: Path, text: str) -> None:
    """Write a file with a text; a picture is one that can be opened."""
    if path.suffix in (".png", ".jpg"):
        picture = Image.new("L", (2, 2))
        info = PngInfo()
        info.add_text("Comment", text)
        picture.save(path, pnginfo=info, comment=text.encode())
    else:
        path.write_text(text)
