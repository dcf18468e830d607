"""Sizes and places of the parts of vertebrae, from which their levels can be told.

Bodies grow from neck to loin, discs and canal change with them: moments of these parts, in the
frame of each body, say so in a few numbers that do not depend on the contrast of the image.
Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from . import anatomy

FloatArray = NDArray[np.float64]

GROUPS: Final[tuple[tuple[int, ...], ...]] = (
    anatomy.BODY_PARTS,
    (anatomy.CANAL, anatomy.CORD),
    (anatomy.DISC,),
)
"""Labels of the parts; the first is the body, the others belong to the body above them. Arches,
processes and the end of the cord would tell a level too, but masks of networks are not good enough
there: with them the names of true masks got better, those of predicted ones worse."""
OF_PART: Final = 8
"""Numbers of one part: seen, logarithm of its volume, middle (posterior, inferior, away from the
midplane; cm) and logarithms of its spread along the same axes (cm)."""
OF_VERTEBRA: Final = 12
"""Numbers of a vertebra beside those of its parts, see `_surroundings`."""
FEATURES: Final = OF_PART * len(GROUPS) + OF_VERTEBRA
UPRIGHT: Final = np.array([0.0, 1.0, 0.0])
"""Course of a spine of one vertebra."""
SMALLEST_SPREAD: Final = 0.05
"""cm; keeps the logarithm of a part of one voxel finite."""
ROOM: Final = slice(8, 11)
"""Which of these tell the room of the image."""
MUCH_SACRUM: Final = 10.0
"""ml; more of it says nothing more."""
FARTHEST: Final = 6.0
"""cm; more room beside a vertebra says nothing more."""


def vertebra_forms(
    spine: NDArray[Any], vert: NDArray[Any], numbers: Sequence[int], spacing: Sequence[float]
) -> FloatArray:
    """Measure vertebrae.

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
        In centimetres and their logarithms; parts that are not there are 0 throughout.
    """
    groups = _table(GROUPS)[spine]
    where = np.nonzero(groups >= 0)
    part = groups[where]
    row = _row_table(vert, numbers)[vert[where]]
    places = np.stack(where, 1) * (np.asarray(spacing) / 10)
    body = (part == 0) & (row >= 0)
    middles = _middles(row[body], places[body], len(numbers))
    shared = part > 0
    row[shared] = np.searchsorted(middles[:, 1], places[shared, 1]) - 1
    kept = row >= 0
    part, row, places = part[kept], row[kept], places[kept]
    frames = spine_frames(middles)
    offset = np.einsum("nk,njk->nj", places - middles[row], frames[row])
    key = row * len(GROUPS) + part
    moments = _moments(key, offset, len(numbers) * len(GROUPS), float(np.prod(spacing)) / 1000)
    of_parts = moments.reshape(len(numbers), -1)
    extent = np.array(spine.shape) * np.asarray(spacing) / 10
    sacrum = np.count_nonzero(spine == anatomy.SACRUM) * float(np.prod(spacing)) / 1000
    return np.concatenate(
        [of_parts, _surroundings(middles, frames, extent, sacrum, _wedge(part, row, offset))], 1
    )


def forms_without_room(
    spine: NDArray[Any], vert: NDArray[Any], numbers: Sequence[int], spacing: Sequence[float]
) -> FloatArray:
    """As `vertebra_forms`, with nothing said of the room of the image around a vertebra."""
    forms = vertebra_forms(spine, vert, numbers, spacing)
    forms[:, OF_PART * len(GROUPS) :][:, ROOM] = 0
    return forms


def _table(groups: Sequence[Sequence[int]]) -> NDArray[np.int8]:
    table = np.full(256, -1, np.int8)
    for index, labels in enumerate(groups):
        table[list(labels)] = index
    return table


def _means(index: NDArray[Any], values: FloatArray, count: int) -> FloatArray:
    sizes = np.bincount(index, minlength=count)
    return np.asarray(np.bincount(index, values, count) / np.maximum(sizes, 1))


def body_middles(
    bodies: NDArray[Any], numbers: Sequence[int], spacing: Sequence[float]
) -> FloatArray:
    """Middles of numbered bodies (P, I, R) in cm, shape (len(numbers), 3)."""
    where = np.nonzero(bodies)
    row = _row_table(bodies, numbers)[bodies[where]]
    places = np.stack(where, 1)[row >= 0] * (np.asarray(spacing) / 10)
    return _middles(row[row >= 0], places, len(numbers))


def _row_table(labels: NDArray[Any], numbers: Sequence[int]) -> NDArray[np.intp]:
    """Place of every label among the numbers, -1 for others."""
    rows = np.full(int(labels.max()) + 1, -1)
    rows[list(numbers)] = np.arange(len(numbers))
    return rows


def _middles(row: NDArray[Any], places: FloatArray, count: int) -> FloatArray:
    return np.stack([_means(row, places[:, axis], count) for axis in range(3)], 1)


def spine_frames(middles: FloatArray) -> FloatArray:
    """Posterior, inferior and right axis of every vertebra, rows of (n, 3, 3)."""
    along = np.gradient(middles, axis=0) if len(middles) > 1 else np.zeros((1, 3))
    length = np.linalg.norm(along, axis=1, keepdims=True)
    inferior = np.where(length > 0, along, UPRIGHT) / np.where(length > 0, length, 1)
    right = np.array([0.0, 0.0, 1.0]) - inferior[:, 2:] * inferior
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-6)
    return np.stack([np.cross(inferior, right), inferior, right], 1)


def _moments(key: NDArray[Any], offset: FloatArray, count: int, voxel: float) -> FloatArray:
    """Numbers of every part, shape (count, OF_PART); `voxel` is a volume in ml."""
    sizes = np.bincount(key, minlength=count)
    out = np.zeros((count, OF_PART))
    square = [_means(key, offset[:, axis] ** 2, count) for axis in range(3)]
    plain = [_means(key, offset[:, axis], count) for axis in range(3)]
    away = _means(key, np.abs(offset[:, 2]), count)
    seen = sizes > 0
    out[:, 0] = seen
    out[:, 1] = np.log(np.maximum(sizes, 1) * voxel + 1e-3)
    out[:, 2:5] = np.stack([plain[0], plain[1], away], 1)
    spread = np.sqrt(np.maximum(np.stack(square, 1) - np.stack(plain, 1) ** 2, 0))
    out[:, 5:8] = np.log(spread + SMALLEST_SPREAD)
    return out * seen[:, None]


def _wedge(part: NDArray[Any], row: NDArray[Any], offset: FloatArray) -> FloatArray:
    """How much higher each body is behind than in front, per cm, shape (n,)."""
    body = part == 0
    p, i, rows = offset[body, 0], offset[body, 1], row[body]
    count = int(rows.max(initial=-1)) + 1
    return np.asarray(
        _means(rows, p * i**2, count)
        / (_means(rows, p**2, count) * _means(rows, i**2, count) + 1e-6)
    )


def _surroundings(
    middles: FloatArray, frames: FloatArray, extent: FloatArray, sacrum: float, wedge: FloatArray
) -> FloatArray:
    """Neighbours, course of the spine and room of the image around each vertebra."""
    n = len(middles)
    gaps = np.linalg.norm(np.diff(middles, axis=0), axis=1)
    above, below = np.concatenate([[0.0], gaps]), np.concatenate([gaps, [0.0]])
    inferior = frames[:, 1]
    lean = np.arctan2(inferior[:, 0], inferior[:, 1])
    out = np.zeros((n, OF_VERTEBRA))
    out[:, 0], out[:, 1] = above, below
    out[:, 2], out[:, 3] = above == 0, below == 0
    out[:, 4], out[:, 5] = lean, inferior[:, 2]
    out[:, 6] = np.gradient(lean) if n > 1 else 0.0
    out[:, 7] = wedge
    out[:, 8] = np.minimum(middles[:, 1], FARTHEST)
    out[:, 9] = np.minimum(extent[1] - middles[:, 1], FARTHEST)
    out[:, 10] = np.minimum(np.minimum(middles[:, 2], extent[2] - middles[:, 2]), FARTHEST)
    out[:, 11] = np.log1p(min(sacrum, MUCH_SACRUM))
    return out
