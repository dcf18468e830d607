"""A spine of blocks with the raw classes of step 2, or of step 1.

Axes are right, anterior, superior. From the bottom: sacrum, then disc and vertebra in turn. The
canal runs behind them with the cord inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PITCH = 10  # voxels from one disc to the next
DISC = 3
SHAPE = (20, 40)
RIGHT = slice(4, 16)
FRONT = slice(22, 34)
CANAL = (slice(7, 13), slice(10, 16))
CORD = (slice(9, 11), slice(12, 14))
SACRUM = 12
LANDMARKS = {63: 2, 71: 3, 91: 4, 100: 5}
DISCS = (*range(63, 68), *range(71, 83), *range(91, 96), 100)
VERTEBRAE = (12, *range(13, 18), *range(21, 33), *range(41, 46))
"""Vertebra above each disc."""


def disc_slice(place: int) -> slice:
    """Height of a disc; place 0 is the lowest."""
    return slice(SACRUM + place * PITCH, SACRUM + place * PITCH + DISC)


def vertebra_slice(place: int) -> slice:
    """Height of the vertebra above a disc, with a gap of one voxel on both sides."""
    return slice(SACRUM + place * PITCH + DISC + 1, SACRUM + (place + 1) * PITCH - 1)


def raw_spine(
    discs: Sequence[int], landmarks: Sequence[int] = (63, 71, 91, 100), *, step: int = 2
) -> NDArray[Any]:
    """Raw classes of a spine.

    Parameters
    ----------
    discs
        Output labels of the discs, uppermost first; each has a vertebra above it.
    landmarks
        Output labels of discs that carry their landmark class.
    """
    count = len(discs)
    out = np.zeros((*SHAPE, SACRUM + count * PITCH + 4), dtype=np.uint8)
    canal, cord, sacrum = (10, 11, 9) if step == 2 else (8, 9, 6)
    out[CANAL] = canal
    out[CORD] = cord
    out[RIGHT, FRONT, : SACRUM - 1] = sacrum
    for place, label in enumerate(reversed(discs)):
        raw = LANDMARKS[label] if label in landmarks else 1
        out[RIGHT, FRONT, disc_slice(place)] = raw
        out[RIGHT, FRONT, vertebra_slice(place)] = 7 + place % 2 if step == 2 else 6
    return out


def found_discs(labelled: NDArray[Any], count: int) -> list[int]:
    """Label in the middle of each disc, uppermost first."""
    return [int(labelled[10, 28, disc_slice(p).start + 1]) for p in reversed(range(count))]


def found_vertebrae(labelled: NDArray[Any], count: int) -> list[int]:
    """Label in the middle of each vertebra, uppermost first."""
    return [int(labelled[10, 28, vertebra_slice(p).start + 2]) for p in reversed(range(count))]


def repainted(seg: NDArray[Any], changes: Mapping[int, int]) -> NDArray[Any]:
    """The same map with labels exchanged."""
    out = seg.copy()
    for old, new in changes.items():
        out[seg == old] = new
    return out


def level_points(levels: NDArray[Any]) -> dict[int, tuple[int, ...]]:
    """Level to its voxel, lowest level first; there is one voxel for each."""
    points = {int(levels[tuple(voxel)]): tuple(map(int, voxel)) for voxel in np.argwhere(levels)}
    assert len(points) == np.count_nonzero(levels)
    return dict(sorted(points.items()))
