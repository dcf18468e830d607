"""Surfaces of the vertebrae of a scan, and the table that tells their sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..core.anatomy import VERTEBRA_NAMES
from ..core.surfaces import Surface, surface_of
from ..core.volume import Volume
from .numbers import in_order

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "index": {"Description": "Number of the vertebra in the mask."},
    "name": {"Description": "Name of the vertebra, and of the files with its surface."},
    "triangles": {"Description": "Triangles of the surface."},
    "area": {"Description": "Area of the surface.", "Units": "mm2"},
    "volume": {"Description": "Volume inside the surface.", "Units": "mm3"},
}
"""What the columns of the table mean."""


def vertebra_surfaces(vert: Volume) -> dict[int, Surface]:
    """Closed surface of each vertebra, the sacrum included, from top to bottom.

    Parameters
    ----------
    vert
        Final vertebra mask.
    """
    array, affine = vert.get_array(), vert.affine
    present = [n for n in np.unique(array).tolist() if n in VERTEBRA_NAMES]
    return {n: surface_of(array == n, affine) for n in in_order(present)}


def surface_rows(surfaces: Mapping[int, Surface]) -> list[dict[str, Any]]:
    """Rows of the table by `COLUMNS`: one a vertebra."""
    return [
        {
            "index": number,
            "name": VERTEBRA_NAMES[number],
            "triangles": len(surface.triangles),
            "area": f"{surface.area:.1f}",
            "volume": f"{surface.volume:.1f}",
        }
        for number, surface in surfaces.items()
    ]
