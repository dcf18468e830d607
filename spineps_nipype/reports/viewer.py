"""Volumes for the viewer on a page, as a script: pages opened from disk can load nothing else."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np

from ..core.colours import structure_colours, vertebra_colours
from ..core.files import write_text
from ..core.marks import VOLUMES_MARK
from ..core.volume import Volume

MARGIN_MM: Final = 25.0
WINDOW: Final = (1.0, 99.5)


def write_volumes(image: Volume, spine: Volume, vert: Volume, key: str, path: Path) -> Path:
    """Write image (8 bit) and masks, cropped to the spine, as ``spinepsScans[key]``.

    Parameters
    ----------
    image, spine, vert
        Image and final masks on the same grid.
    key
        Name by which the page finds them.
    """
    number, grey = vert.get_array(), image.get_array()
    seen = np.argwhere((number > 0) | (spine.get_array() > 0))
    zoom = np.asarray(vert.zoom, float)
    margin = np.ceil(MARGIN_MM / zoom).astype(int)
    low, high = (seen.min(0), seen.max(0)) if len(seen) else (np.zeros(3, int), number.shape)
    low = np.maximum(np.asarray(low) - margin, 0)
    high = np.minimum(np.asarray(high) + margin + 1, number.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    affine = vert.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    dark, bright = np.percentile(grey[box], WINDOW)
    shown = np.clip((grey[box] - dark) / max(float(bright - dark), 1e-6), 0, 1) * 255
    content = {
        "image": _encoded(shown.astype(np.uint8), affine),
        "spine": _encoded(spine.get_array()[box].astype(np.uint8), affine),
        "vert": _encoded(number[box].astype(np.uint8), affine),
    }
    text = f"{VOLUMES_MARK} ??= {{}})[{json.dumps(key)}] = {json.dumps(content)};\n"
    write_text(path, text)
    return path


def colour_tables() -> dict[str, dict[str, list[Any]]]:
    """Colour tables of both masks in the format of the viewer."""
    out: dict[str, dict[str, list[Any]]] = {}
    for kind, table in (("vert", vertebra_colours()), ("spine", structure_colours())):
        rows = {0: ("", (0, 0, 0)), **{n: c for n, c in sorted(table.items()) if n < 256}}
        out[kind] = {
            "I": list(rows),
            "R": [c[0] for _, c in rows.values()],
            "G": [c[1] for _, c in rows.values()],
            "B": [c[2] for _, c in rows.values()],
            "labels": [name for name, _ in rows.values()],
        }
    return out


def _encoded(array: Any, affine: Any) -> str:
    """NIfTI image, compressed and in base64."""
    volume = nib.Nifti1Image(array, affine).to_bytes()
    return base64.b64encode(gzip.compress(volume, 6, mtime=0)).decode()
