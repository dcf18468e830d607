"""Pieces that are too small, or too near a larger one, to be a disc or vertebra of their own.

The original gives each of them a number, so that a few stray voxels shift the names above or below
them. Ours; ``original`` does without.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from ..core.components import much_smaller_than_neighbours
from .parts import Parts

Order = Sequence[tuple[int, int]]
"""(height in mm, component), uppermost first."""

FRAGMENT: Final = 0.15
"""Share of the largest neighbour below which a piece is a fragment."""
NEIGHBOURHOOD: Final = 60.0
"""mm of height within which discs are compared: they grow from neck to loin."""
SAME_VERTEBRA: Final = 0.5
"""Pieces between the same discs that are nearer than this part of the usual distance of discs
are one vertebra."""
USUAL_GAP: Final = 30.0
"""mm; distance of discs where there are fewer than two."""


def drop_small_discs(parts: Parts, order: Order) -> list[tuple[int, int]]:
    """Delete discs that are fragments beside their neighbours; the order of the others."""
    heights = np.array([height for height, _ in order], dtype=float)
    numbers = np.array([number for _, number in order], dtype=int)
    small = much_smaller_than_neighbours(parts.sizes()[numbers], heights, NEIGHBOURHOOD, FRAGMENT)
    lost = set(numbers[small].tolist())
    if lost:
        parts.discs[:] = [number for number in parts.discs if number not in lost]
        parts.array[np.isin(parts.array, sorted(lost))] = 0
    return [disc for disc in order if disc[1] not in lost]


def join_fragments(parts: Parts, order: Order, discs: Order) -> bool:
    """Give fragments of vertebrae to the nearest larger piece between the same discs.

    Parameters
    ----------
    order
        Vertebrae.
    discs
        Discs that part them.

    Returns
    -------
    bool
        Whether any were joined.
    """
    limits = np.array([height for height, _ in discs], dtype=float)
    gap = float(np.median([a - b for a, b in pairwise(limits)])) if len(limits) > 1 else USUAL_GAP
    sizes = parts.sizes()
    between: dict[int, list[tuple[int, int]]] = {}
    for height, number in order:
        between.setdefault(int(np.count_nonzero(limits > height)), []).append((height, number))
    table = np.arange(len(sizes), dtype=parts.array.dtype)
    for members in between.values():
        kept: list[tuple[int, int]] = []
        for height, number in sorted(members, key=lambda piece: -int(sizes[piece[1]])):
            nearest = min(kept, key=lambda one: abs(one[0] - height), default=None)
            if nearest is not None and (
                sizes[number] < FRAGMENT * sizes[kept[0][1]]
                or abs(nearest[0] - height) < SAME_VERTEBRA * gap
            ):
                table[number] = nearest[1]
                parts.vertebrae.remove(number)
            else:
                kept.append((height, number))
    return parts.renumber(table)
