"""Making vertebra instances and vertebra tissue cover each other. Source: SPINEPS 2.1.3."""

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

ARTICULAR: Final = (45, 46, 47, 48)
GROWTH_ROUNDS: Final = 2
MISSING_FRACTION: Final = 0.5
"""Uncovered tissue in units of a mean vertebra above which a warning is given."""


def vertebra_tissue(spine: NDArray[Any]) -> BoolArray:
    """Mask of the semantic labels that belong to vertebrae."""
    table = np.zeros(max(int(spine.max(initial=0)), max(VERTEBRA_PARTS)) + 1, dtype=bool)
    table[list(VERTEBRA_PARTS)] = True
    return np.asarray(table[spine])


def unify_articular_processes(vert: NDArray[Any], spine: NDArray[Any]) -> None:
    """Give each articular process to the instance that clearly holds most of it, in place.

    A component of one articular label goes to its commonest vertebra number, background
    included, if that has more than twice the voxels of the second.
    """
    table = np.zeros(max(int(spine.max(initial=0)), max(ARTICULAR)) + 1, dtype=np.uint8)
    table[list(ARTICULAR)] = ARTICULAR
    components, count = label_components(table[spine], 3)
    if count == 0:
        return
    inside = np.flatnonzero(components)
    component = components.ravel()[inside].astype(np.int64)
    shares = _joint_counts(component, vert.ravel()[inside], count)
    two = np.partition(shares, -2, axis=1)[:, -2:] if shares.shape[1] > 1 else None
    if two is None:
        return
    decided = (two[:, 0] > 0) & (two[:, 1] / 2 > two[:, 0])
    winner = shares.argmax(axis=1)
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
        tissue, and semantic components without any neighbouring instance are deleted.
    assign
        Grow instances by two voxels, then give each remaining component to the instance it
        touches most (the lower number where two touch equally).
    fast
        First spread the instances through the tissue along faces, layer by layer.
    numerics
        Where two instances arrive in the same layer of the fast option the lower number wins;
        under ``spineps-2.1.3`` the one whose voxels come first in memory.

    Returns
    -------
    Number of deleted semantic voxels.
    """
    tissue = vertebra_tissue(spine)
    _warn_of_missing(vert, tissue)
    deleted = 0
    if assign or fast:
        box = pad_box(bounding_box(tissue), 1, vert.shape) if tissue.any() else None
        if box is not None and ((vert[box] == 0) & tissue[box]).any():
            deleted = _cover(vert[box], spine[box], tissue[box], assign, fast, numerics)
    vert[~tissue] = 0
    return deleted


def _cover(
    vert: NDArray[Any],
    spine: NDArray[Any],
    tissue: BoolArray,
    assign: bool,
    fast: bool,
    numerics: Numerics,
) -> int:
    labels = np.pad(vert, 1)
    flat = labels.ravel()
    inside = np.pad(tissue, 1).ravel()
    free = np.flatnonzero(inside & (flat == 0))
    faces = _steps(labels.strides, labels.itemsize, 1)
    if fast and upstream(numerics).spread_in_memory_order:
        free = _spread_in_turn(flat, free, faces)
    elif fast:
        free = _spread(flat, free, faces, None)
    deleted = 0
    if assign:
        # Growing passes the lowest number first, and only then is all outside the tissue
        # cleared: so in the first round that number alone may grow from outside.
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
    flat: NDArray[Any], free: NDArray[Any], steps: NDArray[Any], rounds: int | None
) -> NDArray[Any]:
    """Number free voxels from their neighbours, lower numbers first; the voxels still free."""
    nothing = np.iinfo(flat.dtype).max
    while free.size and (rounds is None or rounds > 0):
        best = np.full(free.size, nothing, dtype=flat.dtype)
        for step in steps:
            value = flat[free + step]
            np.minimum(best, np.where(value == 0, nothing, value), out=best)
        reached = best != nothing
        if not reached.any():
            break
        flat[free[reached]] = best[reached]
        free = free[~reached]
        rounds = None if rounds is None else rounds - 1
    return free


def _spread_in_turn(flat: NDArray[Any], free: NDArray[Any], steps: NDArray[Any]) -> NDArray[Any]:
    """Number free voxels layer by layer; the voxel that was numbered first writes first."""
    open_to = np.zeros(flat.size, dtype=bool)
    open_to[free] = True
    front = np.flatnonzero(flat)
    while front.size:
        target = (front[:, None] + steps).ravel()
        source = np.repeat(front, len(steps))
        reached = open_to[target]
        target, source = target[reached], source[reached]
        _, first = np.unique(target, return_index=True)
        first.sort()
        front = target[first]
        flat[front] = flat[source[first]]
        open_to[front] = False
    return np.asarray(free[open_to[free]])


def _join_remaining(labels: NDArray[Any], free: NDArray[Any], spine: NDArray[Any]) -> int:
    """Give every remaining component to the instance around it; delete those without one."""
    if free.size == 0:
        return 0
    rest = np.zeros(labels.shape, dtype=np.uint8)
    rest.ravel()[free] = 1
    box = bounding_box(rest)
    components = np.zeros(labels.shape, dtype=np.int64)
    components[box], count = label_components(rest[box], 2)
    component = components.ravel()[free]
    flat = labels.ravel()
    steps = _steps(labels.strides, labels.itemsize, 2)
    around = (free[:, None] + steps).ravel()
    owner = np.repeat(component, len(steps))
    touching = flat[around] != 0
    # A neighbour counts once for a component, however many of its voxels it touches.
    pairs = np.unique(owner[touching] * flat.size + around[touching])
    shares = _joint_counts(pairs // flat.size, flat[pairs % flat.size], count)
    winner = shares.argmax(axis=1)
    flat[free] = winner[component - 1]
    lost = free[winner[component - 1] == 0]
    where = np.unravel_index(lost, labels.shape)
    spine[tuple(axis - 1 for axis in where)] = 0
    return int(lost.size)


def _joint_counts(component: NDArray[Any], number: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Voxels of each number in each component, shape (count, numbers)."""
    width = int(number.max(initial=0)) + 1
    index = (component.astype(np.int64) - 1) * width + number
    return np.bincount(index, minlength=count * width).reshape(count, width)


def _steps(strides: tuple[int, ...], itemsize: int, connectivity: int) -> NDArray[np.int64]:
    """Steps in the flat array to the neighbours of a voxel."""
    moves = np.argwhere(np.ones((3, 3, 3))) - 1
    distance = np.abs(moves).sum(axis=1)
    chosen = moves[(distance > 0) & (distance <= connectivity)]
    return np.asarray(chosen @ (np.array(strides) // itemsize))


def _warn_of_missing(vert: NDArray[Any], tissue: BoolArray) -> None:
    numbers = np.bincount(vert[tissue]) if tissue.any() else np.zeros(1, dtype=int)
    bodies = int(np.count_nonzero(numbers[1:]))
    if bodies == 0:
        logger.warning("no vertebra instance covers any vertebra tissue")
        return
    missing = float(numbers[0]) / (float(numbers.sum()) / bodies)
    if missing > MISSING_FRACTION:
        logger.warning(
            "vertebra tissue of about %.1f vertebrae has no instance: one may have been missed",
            missing,
        )
