"""Pieces that are no disc or vertebra of their own: too small, too near a larger one, or far away.

The original gives each piece a number, so that a few stray voxels shift the names above or below
them. Source: ours; not applied under ``original`` numerics.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import much_smaller_than_neighbours
from .components import largest_component
from .masks import box_of_labels, label_boxes, label_mask
from .parts import Heights, Parts

Order = Sequence[tuple[int, int]]
"""(height in mm, component), uppermost first."""

FRAGMENT_SHARE: Final = 0.15
"""Share of the largest piece near by below which a piece is a fragment."""
NEIGHBOURHOOD_MM: Final = 60.0
"""Difference of heights up to which discs are compared: they grow from the cervical to the lumbar
spine."""
FAR_DISC, FAR_BONE = 2.0, 3.0
"""Distances from the canal, as multiples of that of most discs, beyond which there is no disc and
no vertebra. Chosen: the middle of the spinous process of C7 lies at two and a half."""
SAME_VERTEBRA_SHARE: Final = 0.5
"""Distance, as a share of the usual one of discs, below which two pieces between the same discs
are one vertebra."""
USUAL_GAP_MM: Final = 30.0
"""Usual distance of discs if there are fewer than two."""


def drop_sacrum_specks(seg: NDArray[Any], sacrum_labels: Sequence[int]) -> NDArray[Any]:
    """Delete what is called sacrum away from its largest piece; a new map, or the same one."""
    box = box_of_labels(seg, label_boxes(seg), sacrum_labels)
    if box is None:
        return seg
    sacrum = label_mask(seg[box], sacrum_labels)
    specks = sacrum & (largest_component(sacrum.view(np.uint8)) == 0)
    if not specks.any():
        return seg
    out = seg.copy()
    out[box][specks] = 0
    return out


def drop_small_discs(parts: Parts, order: Order) -> list[tuple[int, int]]:
    """Delete discs that are fragments beside larger ones; the order of those that remain."""
    heights = np.array([height for height, _ in order], dtype=float)
    numbers = np.array([number for _, number in order], dtype=int)
    small = much_smaller_than_neighbours(
        parts.sizes()[numbers], heights, NEIGHBOURHOOD_MM, FRAGMENT_SHARE
    )
    return _without(parts, order, numbers[small])


def drop_far_parts(parts: Parts, order: Order, heights: Heights) -> list[tuple[int, int]]:
    """Delete discs and vertebrae that lie much farther from the canal than most discs.

    Returns
    -------
    list of tuple
        The order of the discs that remain.
    """
    discs = [number for _, number in order]
    distance = heights.distances(parts, discs)
    if not distance.any():
        return list(order)
    usual = np.median(distance[distance > 0])
    bones = np.array(parts.vertebrae, dtype=int)
    _delete(parts, bones[heights.distances(parts, bones.tolist()) > FAR_BONE * usual])
    return _without(parts, order, np.array(discs, dtype=int)[distance > FAR_DISC * usual])


def _without(parts: Parts, order: Order, lost: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Delete discs; the order of the others."""
    _delete(parts, lost)
    return [disc for disc in order if disc[1] not in lost]


def _delete(parts: Parts, lost: NDArray[np.intp]) -> None:
    """Delete components, in place."""
    if len(lost):
        for members in (parts.discs, parts.vertebrae):
            members[:] = [number for number in members if number not in lost]
        parts.array[np.isin(parts.array, lost)] = 0


def join_fragments(parts: Parts, order: Order, discs: Order) -> bool:
    """Join fragments of vertebrae to the nearest larger piece between the same discs.

    Parameters
    ----------
    order
        Vertebrae, uppermost first.
    discs
        Discs between them, uppermost first.

    Returns
    -------
    bool
        Whether any fragment was joined.
    """
    limits = np.array([height for height, _ in discs], dtype=float)
    gap = (
        float(np.median([a - b for a, b in pairwise(limits)])) if len(limits) > 1 else USUAL_GAP_MM
    )
    sizes = parts.sizes()
    between_discs: dict[int, list[tuple[int, int]]] = {}
    for height, number in order:
        between_discs.setdefault(int(np.count_nonzero(limits > height)), []).append(
            (height, number)
        )
    table = np.arange(len(sizes), dtype=parts.array.dtype)
    for members in between_discs.values():
        kept: list[tuple[int, int]] = []
        for height, number in sorted(members, key=lambda piece: -int(sizes[piece[1]])):
            nearest = min(kept, key=lambda one: abs(one[0] - height), default=None)
            if nearest is not None and (
                sizes[number] < FRAGMENT_SHARE * sizes[kept[0][1]]
                or abs(nearest[0] - height) < SAME_VERTEBRA_SHARE * gap
            ):
                table[number] = nearest[1]
                parts.vertebrae.remove(number)
            else:
                kept.append((height, number))
    return parts.renumber(table)
