"""Shape features of vertebrae, from which a network can tell their levels.

Vertebral bodies grow from the cervical to the lumbar spine, and discs and canal change with them.
Moments of these parts in the coordinate frame of each body capture this in a few numbers that do
not depend on the contrast of the image. Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from . import anatomy

FloatArray = NDArray[np.float64]

PART_LABELS: Final[tuple[tuple[int, ...], ...]] = (
    anatomy.BODY_PARTS,
    (anatomy.CANAL, anatomy.CORD),
    (anatomy.DISC,),
)
"""Labels of the parts; the first is the body, the others belong to the body above them. Arches,
processes and the end of the cord would tell the level, too, but networks do not segment them well
enough: with them, naming became better on true masks and worse on predicted ones."""
PART_FEATURES: Final = 8
"""Features of one part: whether it is seen, logarithm of its volume (ml), centroid (posterior,
inferior, away from the midplane; cm) and logarithms of its spread along the same axes (cm)."""
VERTEBRA_FEATURES: Final = 12
"""Further features of a vertebra beside those of its parts, see `_surroundings`."""
FEATURES: Final = PART_FEATURES * len(PART_LABELS) + VERTEBRA_FEATURES
STRAIGHT_DOWN: Final = np.array([0.0, 1.0, 0.0])
"""Direction of a spine of a single vertebra, in P, I, R."""
MIN_SPREAD_CM: Final = 0.05
"""Keeps the logarithm of the spread of a part of one voxel finite."""
BORDER_COLUMNS: Final = slice(8, 11)
"""Further features that measure the distance from the borders of the image."""
SACRUM_CAP_ML: Final = 10.0
"""A larger volume of the sacrum counts as this one: it tells nothing more."""
BORDER_CAP_CM: Final = 6.0
"""A larger distance from the border counts as this one: it tells nothing more."""


def vertebra_forms(
    spine: NDArray[Any], vert: NDArray[Any], numbers: Sequence[int], spacing: Sequence[float]
) -> FloatArray:
    """Shape features of vertebrae.

    Parameters
    ----------
    spine
        Semantic mask (P, I, R).
    vert
        Vertebra mask on the same grid.
    numbers
        Vertebrae with a body, from top to bottom.
    spacing
        Voxel size in P, I, R (mm).

    Returns
    -------
    array, shape (len(numbers), FEATURES)
        Lengths in cm and their logarithms; all features of an absent part are 0.
    """
    groups = _table(PART_LABELS)[spine]
    where = np.nonzero(groups >= 0)
    part = groups[where]
    row = _row_table(vert, numbers)[vert[where]]
    places = np.stack(where, 1) * (np.asarray(spacing) / 10)
    body = (part == 0) & (row >= 0)
    centroids = _centroids(row[body], places[body], len(numbers))
    # Discs and canal carry no number: a voxel belongs to the lowest body with a centroid above it.
    shared = part > 0
    row[shared] = np.searchsorted(centroids[:, 1], places[shared, 1]) - 1
    kept = row >= 0
    part, row, places = part[kept], row[kept], places[kept]
    frames = spine_frames(centroids)
    offset = np.einsum("nk,njk->nj", places - centroids[row], frames[row])
    key = row * len(PART_LABELS) + part
    moments = _moments(
        key, offset, len(numbers) * len(PART_LABELS), float(np.prod(spacing)) / 1000
    )
    of_parts = moments.reshape(len(numbers), -1)
    extent = np.array(spine.shape) * np.asarray(spacing) / 10
    sacrum = np.count_nonzero(spine == anatomy.SACRUM) * float(np.prod(spacing)) / 1000
    return np.concatenate(
        [of_parts, _surroundings(centroids, frames, extent, sacrum, _wedge(part, row, offset))], 1
    )


def forms_without_border_distance(
    spine: NDArray[Any], vert: NDArray[Any], numbers: Sequence[int], spacing: Sequence[float]
) -> FloatArray:
    """As `vertebra_forms`, with 0 for the distances from the borders of the image."""
    forms = vertebra_forms(spine, vert, numbers, spacing)
    forms[:, PART_FEATURES * len(PART_LABELS) :][:, BORDER_COLUMNS] = 0
    return forms


def _table(groups: Sequence[Sequence[int]]) -> NDArray[np.int8]:
    """Index of the part of every semantic label, -1 for labels of no part."""
    table = np.full(256, -1, np.int8)
    for index, labels in enumerate(groups):
        table[list(labels)] = index
    return table


def _means(index: NDArray[Any], values: FloatArray, count: int) -> FloatArray:
    sizes = np.bincount(index, minlength=count)
    return np.asarray(np.bincount(index, values, count) / np.maximum(sizes, 1))


def body_centroids(
    bodies: NDArray[Any], numbers: Sequence[int], spacing: Sequence[float]
) -> FloatArray:
    """Centroids of numbered bodies in P, I, R (cm), shape (len(numbers), 3)."""
    where = np.nonzero(bodies)
    row = _row_table(bodies, numbers)[bodies[where]]
    places = np.stack(where, 1)[row >= 0] * (np.asarray(spacing) / 10)
    return _centroids(row[row >= 0], places, len(numbers))


def _row_table(labels: NDArray[Any], numbers: Sequence[int]) -> NDArray[np.intp]:
    """Index of every label among the numbers, -1 for other labels."""
    rows = np.full(int(labels.max()) + 1, -1)
    rows[list(numbers)] = np.arange(len(numbers))
    return rows


def _centroids(row: NDArray[Any], places: FloatArray, count: int) -> FloatArray:
    return np.stack([_means(row, places[:, axis], count) for axis in range(3)], 1)


def spine_frames(centroids: FloatArray) -> FloatArray:
    """Posterior, inferior and right axis of every vertebra, rows of (n, 3, 3)."""
    along = np.gradient(centroids, axis=0) if len(centroids) > 1 else np.zeros((1, 3))
    length = np.linalg.norm(along, axis=1, keepdims=True)
    inferior = np.where(length > 0, along, STRAIGHT_DOWN) / np.where(length > 0, length, 1)
    right = np.array([0.0, 0.0, 1.0]) - inferior[:, 2:] * inferior
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-6)
    return np.stack([np.cross(inferior, right), inferior, right], 1)


def _moments(key: NDArray[Any], offset: FloatArray, count: int, voxel: float) -> FloatArray:
    """Features of every part, shape (count, PART_FEATURES); `voxel` is a volume in ml."""
    sizes = np.bincount(key, minlength=count)
    out = np.zeros((count, PART_FEATURES))
    square = [_means(key, offset[:, axis] ** 2, count) for axis in range(3)]
    plain = [_means(key, offset[:, axis], count) for axis in range(3)]
    away = _means(key, np.abs(offset[:, 2]), count)
    seen = sizes > 0
    out[:, 0] = seen
    out[:, 1] = np.log(np.maximum(sizes, 1) * voxel + 1e-3)
    out[:, 2:5] = np.stack([plain[0], plain[1], away], 1)
    spread = np.sqrt(np.maximum(np.stack(square, 1) - np.stack(plain, 1) ** 2, 0))
    out[:, 5:8] = np.log(spread + MIN_SPREAD_CM)
    return out * seen[:, None]


def _wedge(part: NDArray[Any], row: NDArray[Any], offset: FloatArray) -> FloatArray:
    """How much taller each body is posteriorly than anteriorly, per cm, shape (n,)."""
    body = part == 0
    p, i, rows = offset[body, 0], offset[body, 1], row[body]
    count = int(rows.max(initial=-1)) + 1
    return np.asarray(
        _means(rows, p * i**2, count)
        / (_means(rows, p**2, count) * _means(rows, i**2, count) + 1e-6)
    )


def _surroundings(
    centroids: FloatArray, frames: FloatArray, extent: FloatArray, sacrum: float, wedge: FloatArray
) -> FloatArray:
    """Neighbours, direction of the spine and distance from the image borders of each vertebra."""
    n = len(centroids)
    gaps = np.linalg.norm(np.diff(centroids, axis=0), axis=1)
    above, below = np.concatenate([[0.0], gaps]), np.concatenate([gaps, [0.0]])
    inferior = frames[:, 1]
    lean = np.arctan2(inferior[:, 0], inferior[:, 1])
    out = np.zeros((n, VERTEBRA_FEATURES))
    out[:, 0], out[:, 1] = above, below
    out[:, 2], out[:, 3] = above == 0, below == 0
    out[:, 4], out[:, 5] = lean, inferior[:, 2]
    out[:, 6] = np.gradient(lean) if n > 1 else 0.0
    out[:, 7] = wedge
    out[:, 8] = np.minimum(centroids[:, 1], BORDER_CAP_CM)
    out[:, 9] = np.minimum(extent[1] - centroids[:, 1], BORDER_CAP_CM)
    out[:, 10] = np.minimum(
        np.minimum(centroids[:, 2], extent[2] - centroids[:, 2]), BORDER_CAP_CM
    )
    out[:, 11] = np.log1p(min(sacrum, SACRUM_CAP_ML))
    return out
