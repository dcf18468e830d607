"""Telling superior from inferior endplates. Source: SPINEPS 2.1.3."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.anatomy import ENDPLATE, ENDPLATE_INFERIOR, ENDPLATE_OFFSET, ENDPLATE_SUPERIOR
from .frames import pad_box
from .numbers import in_order, rank
from .settings import Numerics
from .upstream import upstream

ROUNDS: Final = 14
"""Reach of a vertebra towards its endplates, in voxels."""
UNREACHED: Final = ROUNDS + 1
FIRST_BODY_LIMIT: Final = 40
"""Vertebra numbers lie below this."""

Indices = tuple[NDArray[np.intp], ...]


def split_endplates(
    vert: NDArray[Any], plates: Indices, numerics: Numerics = "corrected"
) -> NDArray[np.int64]:
    """Semantic label of each endplate voxel: 52 superior, 53 inferior, 62 not reached.

    A plate is inferior if the vertebra whose number it carries is the nearer of its two
    neighbours, superior if the next vertebra is. Distances are chessboard distances in voxels.

    Parameters
    ----------
    vert
        Vertebra mask in which endplates carry 200 plus a vertebra number.
    plates
        Indices of the endplate voxels, as of `numpy.nonzero`.
    numerics
        Under ``spineps-2.1.3`` vertebrae take their turns by number instead of anatomy, and
        plates between vertebrae whose numbers do not follow each other become 0.

    Returns
    -------
    Labels, one for each voxel of `plates`.
    """
    value = vert[plates].astype(np.int64)
    if value.size == 0:
        return value
    distances = _distances(vert, plates)
    if upstream(numerics).plates_in_numeric_order:
        return _by_rounds(value, distances)
    return _nearest_neighbour(value, distances)


def _distances(vert: NDArray[Any], plates: Indices) -> dict[int, NDArray[np.int64]]:
    """Chessboard distance of every plate voxel to each vertebra, capped beyond the reach."""
    boxes = ndimage.find_objects(np.where(vert < FIRST_BODY_LIMIT, vert, 0).astype(np.uint8))
    # `find_objects` numbers from 1 and has None for absent labels.
    out: dict[int, NDArray[np.int64]] = {}
    for number, tight in enumerate(boxes, start=1):
        if tight is None:
            continue
        box = pad_box(tight, ROUNDS, vert.shape)
        near = np.ones(len(plates[0]), dtype=bool)
        for axis, side in zip(plates, box, strict=True):
            near &= (axis >= side.start) & (axis < side.stop)
        distance = np.full(len(plates[0]), UNREACHED, dtype=np.int64)
        if near.any():
            field = ndimage.distance_transform_cdt(vert[box] != number, metric="chessboard")
            local = tuple(a[near] - s.start for a, s in zip(plates, box, strict=True))
            distance[near] = np.minimum(field[local], UNREACHED)
        out[number] = distance
    return out


def _nearest_neighbour(
    value: NDArray[np.int64], distances: dict[int, NDArray[np.int64]]
) -> NDArray[np.int64]:
    out = np.full(value.shape, ENDPLATE, dtype=np.int64)
    order = in_order(distances)
    for plate in np.unique(value):
        number = int(plate) - ENDPLATE_OFFSET
        of_plate = value == plate
        unreached = np.full(int(of_plate.sum()), UNREACHED)
        above = distances[number][of_plate] if number in distances else unreached
        later = [n for n in order if number > 0 and rank(n) > rank(number)]
        below = distances[later[0]][of_plate] if later else unreached
        label = np.where(above <= below, ENDPLATE_INFERIOR, ENDPLATE_SUPERIOR)
        out[of_plate] = np.where(np.minimum(above, below) < UNREACHED, label, ENDPLATE)
    return out


def _by_rounds(
    value: NDArray[np.int64], distances: dict[int, NDArray[np.int64]]
) -> NDArray[np.int64]:
    out = np.zeros(value.shape, dtype=np.int64)
    previous, before = 1, -1
    for reach in range(1, ROUNDS + 1):
        found = int(_is_split(out).sum())
        if found == out.size or (found == before and found != 0):
            break
        before = found
        for number in sorted(distances):
            hit = np.flatnonzero((distances[number] <= reach) & ~_is_split(out))
            plate = value[hit]
            added = np.where(plate == ENDPLATE_OFFSET + number, ENDPLATE_INFERIOR, plate)
            added = np.where(plate == ENDPLATE_OFFSET + previous, ENDPLATE_SUPERIOR, added)
            out[hit] += added
            previous = number
    out[~_is_split(out)] += ENDPLATE
    known = _is_split(out) | (out == ENDPLATE)
    return np.where(known, out, 0)


def _is_split(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray((labels == ENDPLATE_SUPERIOR) | (labels == ENDPLATE_INFERIOR))
