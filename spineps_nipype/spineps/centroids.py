"""Points of interest: centroids of vertebral bodies, discs and endplates.

Source: SPINEPS 2.1.3 (bodies and sacrum, file layout); the other points follow its documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from TPTBox import POI

from ..core.anatomy import (
    CORPUS,
    CORPUS_BORDER,
    DISC,
    DISC_OFFSET,
    ENDPLATE,
    ENDPLATE_INFERIOR,
    ENDPLATE_OFFSET,
    ENDPLATE_SUPERIOR,
    SACRUM,
)
from ..core.components import bounding_box
from ..core.files import write_text
from ..core.volume import Volume
from .numbers import in_order, rank
from .settings import Numerics, PoiPoints
from .upstream import upstream

UPSTREAM_DECIMALS: Final = 2
"""Decimals of positions in voxels in SPINEPS, which does not round that of the sacrum."""
DECIMALS: Final = 4
"""Decimals of positions in voxels otherwise."""
STORED_DECIMALS: Final = 7
"""Decimals of all numbers in the file."""
PLATES: Final = (ENDPLATE_SUPERIOR, ENDPLATE_INFERIOR, ENDPLATE)


def compute_centroids(
    spine: Volume, vert: Volume, *, points: PoiPoints = "all", numerics: Numerics = "corrected"
) -> POI:
    """Mean voxel position of every vertebral body, disc and endplate.

    Parameters
    ----------
    spine, vert
        Final masks on the same grid.
    points
        ``bodies``: (vertebra, 50) and the sacrum (26, 50). ``all``: also (vertebra, 100) for the
        disc below it, and (vertebra, 52 / 53 / 62) for its superior endplate, its inferior one,
        and endplates of which that is not known.
    numerics
        Under ``spineps-2.1.3`` positions are rounded to two decimals.

    Returns
    -------
    POI
        Positions in voxels on the grid of the masks; empty without any vertebra.
    """
    spine_array, vert_array = spine.get_array(), vert.get_array()
    found: dict[tuple[int, int], tuple[float, float, float]] = {}
    if vert_array.any():
        box = bounding_box(vert_array)
        start = np.array([side.start for side in box])
        old = upstream(numerics).points_rounded
        decimals = UPSTREAM_DECIMALS if old else DECIMALS
        for key, place in _means(spine_array[box], vert_array[box], points).items():
            plain = key == (SACRUM, CORPUS) and old
            rounded = (place if plain else np.round(place, decimals)) + start
            found[key] = (float(rounded[0]), float(rounded[1]), float(rounded[2]))
    return POI(
        {key: found[key] for key in sorted(found)},
        orientation=spine.orientation,
        zoom=spine.zoom,
        shape=spine.shape,
        rotation=spine.rotation,
        origin=spine.origin,
    )


def _means(
    spine: NDArray[Any], vert: NDArray[Any], points: PoiPoints
) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Mean position of every structure by (vertebra, part)."""
    at = np.nonzero(vert)
    number, label = vert[at].astype(np.int64), spine[at].astype(np.int64)
    label[label == CORPUS_BORDER] = CORPUS
    vertebra = number < DISC_OFFSET
    kinds = [(CORPUS, vertebra & (label == CORPUS) & (number != SACRUM), 0)]
    if points == "all":
        disc = (number >= DISC_OFFSET) & (number < ENDPLATE_OFFSET) & (label == DISC)
        kinds.append((DISC, disc, DISC_OFFSET))
    out: dict[tuple[int, int], NDArray[np.float64]] = {}
    for part, chosen, offset in kinds:
        out.update(_means_of_part(part, at, chosen, number - offset))
    out.update(_means_of_part(CORPUS, at, number == SACRUM, number))
    if points == "all":
        owner = _plate_owner(number, label, in_order(np.unique(number[vertebra]).tolist()))
        for part in PLATES:
            out.update(_means_of_part(part, at, (label == part) & (owner > 0), owner))
    return out


def _plate_owner(
    number: NDArray[np.int64], label: NDArray[np.int64], present: list[int]
) -> NDArray[np.int64]:
    """Vertebra that each endplate voxel belongs to.

    Both endplates of a disc carry the number of the vertebra above it, but the lower one, a
    superior endplate, belongs to the next vertebra. Endplates that carry a plain vertebra number
    belong to that vertebra.
    """
    owner = np.where(number >= ENDPLATE_OFFSET, number - ENDPLATE_OFFSET, number)
    carried = (number >= ENDPLATE_OFFSET) & (label == ENDPLATE_SUPERIOR)
    for above in np.unique(owner[carried]).tolist():
        below = [n for n in present if rank(n) > rank(above)]
        owner[carried & (number == ENDPLATE_OFFSET + above)] = below[0] if below else above
    return owner


def _means_of_part(
    part: int,
    at: tuple[NDArray[np.intp], ...],
    chosen: NDArray[np.bool_],
    number: NDArray[np.int64],
) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Mean position of the chosen voxels of a part for each number."""
    own = number[chosen]
    counts = np.bincount(own)
    sums = np.stack([np.bincount(own, weights=axis[chosen]) for axis in at], axis=-1)
    return {(int(n), part): sums[n] / counts[n] for n in np.flatnonzero(counts)}


def save_poi(poi: POI, path: str | Path, info: Mapping[str, Any] | None = None) -> Path:
    """Write points in the file format of TPTBox: a header, then positions by vertebra and part.

    The file is written completely or not at all. Equal points with equal `info` give equal bytes;
    a time stamp is written only if `info` holds one.

    Parameters
    ----------
    info
        Further entries of the header, such as source, version, models, options.
    """
    path = Path(path)
    header: dict[str, Any] = {
        "direction": list(poi.orientation),
        "zoom": _rounded(poi.zoom),
        "origin": _rounded(poi.origin),
        "rotation": [_rounded(row) for row in np.asarray(poi.rotation)],
        "shape": [int(n) for n in poi.shape],
        "format": "POI",
        "level_one_info": "Any",
        "level_two_info": "Any",
    }
    header |= {key: value for key, value in (info or {}).items() if key not in header}
    places: dict[str, dict[str, list[float]]] = {}
    for vertebra, part, place in sorted(poi.items()):
        places.setdefault(str(vertebra), {})[str(part)] = _rounded(place)
    text = json.dumps([header, places], indent=4)
    write_text(path, text)
    return path


def _rounded(values: Any) -> list[float]:
    return [round(float(v), STORED_DECIMALS) for v in values]
