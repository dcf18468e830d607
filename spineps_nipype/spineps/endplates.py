"""Telling superior from inferior endplates. Source: SPINEPS 2.1.3, post-processing."""

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

REACH_VOXELS: Final = 14
"""Largest chessboard distance from a vertebra to its endplates, in voxels (SPINEPS)."""
UNREACHED: Final = REACH_VOXELS + 1
FIRST_OTHER_NUMBER: Final = 40
"""Numbers from here on are not those of vertebrae."""

Indices = tuple[NDArray[np.intp], ...]


def split_endplates(
    vert: NDArray[Any], plates: Indices, numerics: Numerics = "corrected"
) -> NDArray[np.int64]:
    """Semantic label of each endplate voxel: 52 superior, 53 inferior, 62 if neither.

    An endplate carries the number of the vertebra above the disc. It is the inferior endplate of
    that vertebra if that one is nearer, and the superior endplate of the next vertebra otherwise;
    it keeps label 62 if neither is within 14 voxels (chessboard distance).

    Parameters
    ----------
    vert
        Vertebra mask in which endplates carry 200 plus a vertebra number.
    plates
        Indices of the endplate voxels, as `numpy.nonzero` returns them.
    numerics
        Under ``spineps-2.1.3`` neighbours are found by number instead of anatomy, and endplates
        between vertebrae whose numbers do not follow each other become 0.

    Returns
    -------
    array of int
        Labels, one for each voxel of `plates`.
    """
    value = vert[plates].astype(np.int64)
    if value.size == 0:
        return value
    distances = _distances(vert, plates)
    if upstream(numerics).plates_in_numeric_order:
        return _in_rounds(value, distances)
    return _nearest_neighbour(value, distances)


def _distances(vert: NDArray[Any], plates: Indices) -> dict[int, NDArray[np.int64]]:
    """Chessboard distance of every plate voxel to each vertebra, capped beyond the reach."""
    boxes = ndimage.find_objects(np.where(vert < FIRST_OTHER_NUMBER, vert, 0).astype(np.uint8))
    # `find_objects` numbers from 1 and has None for absent labels.
    out: dict[int, NDArray[np.int64]] = {}
    for number, tight in enumerate(boxes, start=1):
        if tight is None:
            continue
        box = pad_box(tight, REACH_VOXELS, vert.shape)
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
    """Labels by the nearer of the vertebrae above and below each endplate."""
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


def _in_rounds(
    value: NDArray[np.int64], distances: dict[int, NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Labels as in SPINEPS: vertebrae grow by a voxel a round, one after the other by number.

    The sum of labels that a voxel collects is kept only if it is that of an endplate.
    """
    out = np.zeros(value.shape, dtype=np.int64)
    previous, before = 1, -1
    for reach in range(1, REACH_VOXELS + 1):
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
