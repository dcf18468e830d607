"""Points of interest: the middles of vertebral bodies, discs and endplates.

Source: SPINEPS 2.1.3 (bodies and sacrum, file layout); the other points are what its
documentation promises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from TPTBox import NII, POI

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
from ..core.files import whole_file
from .numbers import in_order, rank
from .settings import Numerics, PoiPoints
from .upstream import upstream

UPSTREAM_DECIMALS: Final = 2
DECIMALS: Final = 4
"""Voxels; SPINEPS keeps 2 decimals, and none are cut from the sacrum."""
STORED_DECIMALS: Final = 7
PLATES: Final = (ENDPLATE_SUPERIOR, ENDPLATE_INFERIOR, ENDPLATE)


def compute_centroids(
    spine: NII, vert: NII, *, points: PoiPoints = "all", numerics: Numerics = "corrected"
) -> POI:
    """Mean voxel position of every vertebral body, disc and endplate.

    Parameters
    ----------
    spine, vert
        Final masks on the same grid.
    points
        ``bodies``: (vertebra, 50) and the sacrum (26, 50). ``all``: also (vertebra, 100) for the
        disc below it and (vertebra, 52 / 53 / 62) for its superior and inferior endplate and
        for plates of which that is not known.

    Returns
    -------
    POI
        Voxel positions on the grid of the masks; empty if there is nothing.
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
        out.update(_mean_of(part, at, chosen, number - offset))
    out.update(_mean_of(CORPUS, at, number == SACRUM, number))
    if points == "all":
        owner = _plate_owner(number, label, in_order(np.unique(number[vertebra]).tolist()))
        for part in PLATES:
            out.update(_mean_of(part, at, (label == part) & (owner > 0), owner))
    return out


def _plate_owner(
    number: NDArray[np.int64], label: NDArray[np.int64], present: list[int]
) -> NDArray[np.int64]:
    """Vertebra that each endplate voxel belongs to.

    Both plates of a disc carry the number of the vertebra above; the lower of them, a superior
    plate, belongs to the next vertebra. Plates painted with a plain vertebra number are its own.
    """
    owner = np.where(number >= ENDPLATE_OFFSET, number - ENDPLATE_OFFSET, number)
    carried = (number >= ENDPLATE_OFFSET) & (label == ENDPLATE_SUPERIOR)
    for above in np.unique(owner[carried]).tolist():
        below = [n for n in present if rank(n) > rank(above)]
        owner[carried & (number == ENDPLATE_OFFSET + above)] = below[0] if below else above
    return owner


def _mean_of(
    part: int,
    at: tuple[NDArray[np.intp], ...],
    chosen: NDArray[np.bool_],
    number: NDArray[np.int64],
) -> dict[tuple[int, int], NDArray[np.float64]]:
    own = number[chosen]
    counts = np.bincount(own)
    sums = np.stack([np.bincount(own, weights=axis[chosen]) for axis in at], axis=-1)
    return {(int(n), part): sums[n] / counts[n] for n in np.flatnonzero(counts)}


def save_poi(poi: POI, path: str | Path, info: Mapping[str, Any] | None = None) -> Path:
    """Write points in the file format of TPTBox: a header, then vertebra to part to position.

    The file appears whole, and equal points with equal `info` give equal bytes; a time stamp is
    written only if `info` holds one.

    Parameters
    ----------
    info
        Further entries of the header: source, version, models, options.
    """
    path = Path(path)
    header: dict[str, Any] = {
        "direction": list(poi.orientation),
        "zoom": _floats(poi.zoom),
        "origin": _floats(poi.origin),
        "rotation": [_floats(row) for row in np.asarray(poi.rotation)],
        "shape": [int(n) for n in poi.shape],
        "format": "POI",
        "level_one_info": "Any",
        "level_two_info": "Any",
    }
    header |= {key: value for key, value in (info or {}).items() if key not in header}
    places: dict[str, dict[str, list[float]]] = {}
    for vertebra, part, place in sorted(poi.items()):
        places.setdefault(str(vertebra), {})[str(part)] = _floats(place)
    text = json.dumps([header, places], indent=4)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _floats(values: Any) -> list[float]:
    return [round(float(v), STORED_DECIMALS) for v in values]
