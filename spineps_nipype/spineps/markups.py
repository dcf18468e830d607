"""Points of interest as markups, which 3D Slicer opens with their names.

TPTBox writes markups as well, with names and colours of its own; these have the colours of the
label tables, and equal points give equal bytes.
"""

from __future__ import annotations

from typing import Any, Final

from nibabel.affines import apply_affine
from TPTBox import POI

from ..core.anatomy import (
    CORPUS,
    DISC,
    ENDPLATE,
    ENDPLATE_INFERIOR,
    ENDPLATE_SUPERIOR,
    VERTEBRA_NAMES,
)
from ..core.colours import structure_colours

SCHEMA: Final = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/"
    "Schema/markups-schema-v1.0.3.json#"
)
"""Word by which 3D Slicer (5.2 and newer) knows the format; nothing is loaded from there."""
TO_LPS: Final = (-1.0, -1.0, 1.0)
"""From world coordinates of NIfTI (RAS+) to those of markups (LPS+)."""
DECIMALS: Final = 3
"""Decimals of positions [mm]."""
LISTS: Final[dict[int, tuple[str, str]]] = {
    CORPUS: ("vertebrae", "{}"),
    DISC: ("discs", "disc below {}"),
    ENDPLATE_SUPERIOR: ("superior endplates", "superior endplate of {}"),
    ENDPLATE_INFERIOR: ("inferior endplates", "inferior endplate of {}"),
    ENDPLATE: ("endplates", "endplate of {}"),
}
"""Part to the name of its list, and the label of a point with the name of its vertebra."""


def markups(points: POI) -> dict[str, Any]:
    """Content of a ``.mrk.json`` file: one list of points for each part that has points.

    Parameters
    ----------
    points
        Positions in voxels by (vertebra, part), as `centroids.compute_centroids` makes them.
    """
    by_part: dict[int, list[tuple[int, Any]]] = {}
    for vertebra, part, place in sorted(points.items()):
        by_part.setdefault(part, []).append((vertebra, place))
    lists = [_list(points, part, by_part[part]) for part in LISTS if part in by_part]
    return {"@schema": SCHEMA, "markups": lists}


def _list(points: POI, part: int, places: list[tuple[int, Any]]) -> dict[str, Any]:
    title, label = LISTS[part]
    return {
        "type": "Fiducial",
        "name": title,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": False,
        "labelFormat": "%N-%d",
        "controlPoints": [
            {
                "id": str(number),
                "label": label.format(VERTEBRA_NAMES.get(vertebra, str(vertebra))),
                "description": "",
                "associatedNodeID": "",
                "position": _position(points, place),
                "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
                "selected": True,
                "locked": False,
                "visibility": True,
                "positionStatus": "defined",
            }
            for number, (vertebra, place) in enumerate(places, start=1)
        ],
        "display": {
            "visibility": True,
            "opacity": 1.0,
            "selectedColor": [round(c / 255, DECIMALS) for c in structure_colours()[part][1]],
        },
    }


def _position(points: POI, place: Any) -> list[float]:
    """World coordinates of a point [mm, LPS+]."""
    world = apply_affine(points.affine, place)
    return [round(float(x) * sign, DECIMALS) for x, sign in zip(world, TO_LPS, strict=True)]
