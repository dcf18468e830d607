"""Making vertebra instances and vertebra tissue cover each other.

Problem: the instance network leaves tissue of vertebrae without an instance, divides articular
processes between two instances, and gives instances voxels outside the tissue.

Rules, in this order:

1. An articular process belongs as a whole to the instance that holds most of it, if that is clear.
2. Fast option: instances spread through the tissue along faces, layer by layer, to its end.
3. Assignment: instances grow by two voxels within the tissue; each component of tissue that is
   still free goes to the instance that it touches most, or is deleted if it touches none.
4. Whatever lies outside the tissue loses its number.

Implementation: masks are padded by one voxel and flattened, so that the neighbours of a voxel are
constant offsets and nothing needs to be clipped. Only the list of free voxels is visited: a round
costs O(free voxels x neighbours), whatever the number of instances, while dilating each instance
by itself would visit the volume once for each of them.

Source: SPINEPS 2.1.3, combined post-processing.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import VERTEBRA_PARTS
from ..core.components import BoolArray, bounding_box, label_components
from .frames import pad_box
from .settings import Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

ARTICULAR_PROCESSES: Final = (45, 46, 47, 48)
GROWTH_ROUNDS: Final = 2
"""Voxels by which instances grow before components are assigned as a whole."""
MISSING_VERTEBRAE: Final = 0.5
"""Uncovered tissue above which a warning is given, in volumes of a mean vertebra."""


def vertebra_tissue(spine: NDArray[Any]) -> BoolArray:
    """Mask of the semantic labels that belong to vertebrae."""
    table = np.zeros(max(int(spine.max(initial=0)), max(VERTEBRA_PARTS)) + 1, dtype=bool)
    table[list(VERTEBRA_PARTS)] = True
    return np.asarray(table[spine])


def unify_articular_processes(vert: NDArray[Any], spine: NDArray[Any]) -> None:
    """Give each articular process to the instance that clearly holds most of it, in place.

    A component of one articular label gets the number that most of its voxels have, 0 included, if
    these are more than twice the voxels with the second most frequent number.

    Parameters
    ----------
    vert, spine
        Vertebra and semantic mask of the same shape; `vert` is changed.
    """
    table = np.zeros(max(int(spine.max(initial=0)), max(ARTICULAR_PROCESSES)) + 1, dtype=np.uint8)
    table[list(ARTICULAR_PROCESSES)] = ARTICULAR_PROCESSES
    components, count = label_components(table[spine], 3)
    if count == 0:
        return
    inside = np.flatnonzero(components)
    component = components.ravel()[inside].astype(np.int64)
    counts = _count_pairs(component, vert.ravel()[inside], count)
    if counts.shape[1] < 2:  # no component holds any vertebra
        return
    second, first = np.partition(counts, -2, axis=1)[:, -2:].T
    decided = (second > 0) & (first / 2 > second)
    winner = counts.argmax(axis=1)
    change = decided[component - 1]
    vert[np.unravel_index(inside[change], vert.shape)] = winner[component[change] - 1]


def assign_missing_parts(
    vert: NDArray[Any],
    spine: NDArray[Any],
    *,
    assign: bool,
    fast: bool,
    numerics: Numerics = "corrected",
) -> int:
    """Give vertebra tissue without a number to a neighbouring instance, in place.

    Parameters
    ----------
    vert, spine
        Vertebra and semantic mask of the same shape. Afterwards `vert` is 0 outside vertebra
        tissue, and with `assign`, components of tissue without a neighbouring instance are
        deleted from `spine`.
    assign
        Grow instances by two voxels, then give each remaining component to the instance it
        touches most (the lower number where two touch equally).
    fast
        First spread the instances through the tissue along faces, layer by layer.
    numerics
        Where two instances reach a voxel in the same layer of the fast option, the lower number
        wins; under ``spineps-2.1.3`` the instance whose voxels come first in memory.

    Returns
    -------
    Number of deleted semantic voxels.
    """
    tissue = vertebra_tissue(spine)
    _warn_about_missing(vert, tissue)
    deleted = 0
    if assign or fast:
        box = pad_box(bounding_box(tissue), 1, vert.shape) if tissue.any() else None
        if box is not None and ((vert[box] == 0) & tissue[box]).any():
            deleted = _cover_tissue(vert[box], spine[box], tissue[box], assign, fast, numerics)
    vert[~tissue] = 0
    return deleted


def _cover_tissue(
    vert: NDArray[Any],
    spine: NDArray[Any],
    tissue: BoolArray,
    assign: bool,
    fast: bool,
    numerics: Numerics,
) -> int:
    """Rules 2 and 3 in a box around the tissue, in place; the number of deleted voxels."""
    labels = np.pad(vert, 1)
    flat = labels.ravel()
    inside = np.pad(tissue, 1).ravel()
    free = np.flatnonzero(inside & (flat == 0))
    faces = _neighbour_offsets(labels.strides, labels.itemsize, 1)
    if fast and upstream(numerics).spread_in_memory_order:
        free = _spread_in_memory_order(flat, free, faces)
    elif fast:
        free = _spread(flat, free, faces, None)
    deleted = 0
    if assign:
        # SPINEPS dilates one number after the other, and clears everything outside the tissue
        # after each. So in the first round the lowest number alone may grow from outside.
        outside = np.flatnonzero(~inside & (flat != 0))
        if outside.size:
            numbers = flat[flat != 0]
            flat[outside[flat[outside] != numbers.min()]] = 0
        free = _spread(flat, free, faces, 1)
        flat[outside] = 0
        free = _spread(flat, free, faces, GROWTH_ROUNDS - 1)
        deleted = _join_remaining(labels, free, spine)
    vert[...] = labels[1:-1, 1:-1, 1:-1]
    return deleted


def _spread(
    flat: NDArray[Any], free: NDArray[Any], offsets: NDArray[Any], rounds: int | None
) -> NDArray[Any]:
    """Number free voxels after their neighbours, layer by layer; of several, the lowest wins.

    Parameters
    ----------
    flat
        Numbers in flat memory, changed in place.
    free
        Voxels of tissue without a number, as indices of `flat`.
    offsets
        Distances of the neighbours in `flat`.
    rounds
        Layers to spread by, None for as many as there are.

    Returns
    -------
    array
        The voxels that are still free.
    """
    nothing = np.iinfo(flat.dtype).max  # loses against every number
    while free.size and (rounds is None or rounds > 0):
        best = np.full(free.size, nothing, dtype=flat.dtype)
        for offset in offsets:
            value = flat[free + offset]
            np.minimum(best, np.where(value == 0, nothing, value), out=best)
        reached = best != nothing
        if not reached.any():
            break
        flat[free[reached]] = best[reached]
        free = free[~reached]
        rounds = None if rounds is None else rounds - 1
    return free


def _spread_in_memory_order(
    flat: NDArray[Any], free: NDArray[Any], offsets: NDArray[Any]
) -> NDArray[Any]:
    """As `_spread` without an end; of several neighbours, the one that was numbered first wins.

    This is a breadth-first search. The front holds the voxels of a layer in the order in which
    they were numbered, at first in the order of memory.
    """
    open_to = np.zeros(flat.size, dtype=bool)
    open_to[free] = True
    front = np.flatnonzero(flat)
    while front.size:
        target = (front[:, None] + offsets).ravel()
        source = np.repeat(front, len(offsets))
        reached = open_to[target]
        target, source = target[reached], source[reached]
        # The first entry of each voxel is that of its earliest neighbour.
        _, first = np.unique(target, return_index=True)
        first.sort()
        front = target[first]
        flat[front] = flat[source[first]]
        open_to[front] = False
    return np.asarray(free[open_to[free]])


def _join_remaining(labels: NDArray[Any], free: NDArray[Any], spine: NDArray[Any]) -> int:
    """Give each free component to the instance that it touches most; delete those without one.

    Returns
    -------
    int
        Number of voxels that were deleted from the semantic mask.
    """
    if free.size == 0:
        return 0
    rest = np.zeros(labels.shape, dtype=np.uint8)
    rest.ravel()[free] = 1
    box = bounding_box(rest)
    components = np.zeros(labels.shape, dtype=np.int64)
    components[box], count = label_components(rest[box], 2)
    component = components.ravel()[free]
    flat = labels.ravel()
    offsets = _neighbour_offsets(labels.strides, labels.itemsize, 2)
    around = (free[:, None] + offsets).ravel()
    owner = np.repeat(component, len(offsets))
    touching = flat[around] != 0
    # A neighbour counts once for a component, however many of its voxels it touches.
    pairs = np.unique(owner[touching] * flat.size + around[touching])
    contacts = _count_pairs(pairs // flat.size, flat[pairs % flat.size], count)
    winner = contacts.argmax(axis=1)  # 0 where there is no contact, the lower number if equal
    flat[free] = winner[component - 1]
    lost = free[winner[component - 1] == 0]
    where = np.unravel_index(lost, labels.shape)
    spine[tuple(axis - 1 for axis in where)] = 0  # `labels` is padded by one voxel
    return int(lost.size)


def _count_pairs(component: NDArray[Any], number: NDArray[Any], count: int) -> NDArray[np.int64]:
    """How often each number occurs in each component, shape (count, numbers)."""
    width = int(number.max(initial=0)) + 1
    index = (component.astype(np.int64) - 1) * width + number
    return np.bincount(index, minlength=count * width).reshape(count, width)


def _neighbour_offsets(
    strides: tuple[int, ...], itemsize: int, connectivity: int
) -> NDArray[np.int64]:
    """Distances in flat memory from a voxel to its neighbours."""
    offsets_3d = np.argwhere(np.ones((3, 3, 3))) - 1
    distance = np.abs(offsets_3d).sum(axis=1)
    chosen = offsets_3d[(distance > 0) & (distance <= connectivity)]
    return np.asarray(chosen @ (np.array(strides) // itemsize))


def _warn_about_missing(vert: NDArray[Any], tissue: BoolArray) -> None:
    """Warn if so much tissue is uncovered that a whole vertebra may have been missed."""
    numbers = np.bincount(vert[tissue]) if tissue.any() else np.zeros(1, dtype=int)
    bodies = int(np.count_nonzero(numbers[1:]))
    if bodies == 0:
        logger.warning("no vertebra instance covers any vertebra tissue")
        return
    missing = float(numbers[0]) / (float(numbers.sum()) / bodies)
    if missing > MISSING_VERTEBRAE:
        logger.warning(
            "vertebra tissue of about %.1f vertebrae has no instance: one may have been missed",
            missing,
        )
