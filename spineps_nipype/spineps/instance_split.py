"""Splitting one component that holds two vertebral bodies, along a plane between them.

Source: SPINEPS 2.1.3, instance phase, merged bodies. Arrays are (P, I, R).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import BoolArray, components_by_size, dilate, erode
from .settings import Numerics
from .upstream import upstream

MAX_EROSIONS: Final = 10
CORE_FRACTION: Final = 0.5
FULL: Final = 3
"""Connectivity over faces, edges and corners."""


class CannotSplitError(ValueError):
    """The component does not come apart."""


def split_component(body: BoolArray, numerics: Numerics = "corrected") -> BoolArray:
    """The lower (inferior) part of a component.

    Parameters
    ----------
    body
        One component, (P, I, R).
    numerics
        SPINEPS does not split a body that erosion does not part. Under ``seed`` the parts have
        grown together before the direction between them is taken.

    Returns
    -------
    array
        True where the voxel belongs to the inferior part.

    Raises
    ------
    CannotSplitError
        If erosion does not part it.
    """
    rules = upstream(numerics)
    first, second = _parts(body, with_ring=not rules.no_ring_split)
    normal, through = _plane(first, second, rules.split_from_grown_parts)
    return body & _below_plane(body.shape, normal, through)


def _parts(body: BoolArray, with_ring: bool) -> tuple[BoolArray, BoolArray]:
    """Two parts: what erosion separates, or core and ring of what it does not."""
    earlier = previous = volume = body
    for _ in range(MAX_EROSIONS):
        earlier, previous, volume = previous, volume, erode(volume, 1, FULL)
        components, count = components_by_size(volume, FULL)
        if count > 1:
            return components == 1, components == 2
        if count == 0 and not with_ring:
            raise CannotSplitError("nothing is left before it comes apart")
        if count == 0:
            return _core_and_ring(previous, earlier)
    raise CannotSplitError(f"one piece after {MAX_EROSIONS} erosions")


def _core_and_ring(core: BoolArray, earlier: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Core that survived all but the last erosion, and its ring of one erosion earlier.

    The core takes up to half of both. A body that is gone after one erosion has no ring.
    """
    whole = int(earlier.sum())
    while core.sum() < CORE_FRACTION * whole:
        grown = dilate(core, 1, FULL) & earlier
        if (grown == core).all():
            break
        core = grown
    ring = earlier & ~core
    parts = []
    for part in (core, ring):
        components, count = components_by_size(part, FULL)
        if count == 0:
            raise CannotSplitError("core or ring is empty")
        parts.append(components == 1)
    return parts[0], parts[1]


def _plane(
    first: BoolArray, second: BoolArray, grown: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal between the two parts (or what they grew to), and the point where they meet."""
    if not first.any() or not second.any():
        raise CannotSplitError("one part is empty")
    one, two = dilate(first, 1, FULL), dilate(second, 1, FULL)
    turn = 0
    while not (one & two).any():
        if turn % 2 == 0:
            one = dilate(one, 1, FULL)
        else:
            two = dilate(two, 1, FULL)
        turn += 1
    ends = (one, two) if grown else (first, second)
    normal = np.argwhere(ends[0]).mean(axis=0) - np.argwhere(ends[1]).mean(axis=0)
    if not normal.any():
        raise CannotSplitError("both parts have the same centre")
    return normal, np.argwhere(one & two).mean(axis=0)


def _below_plane(
    shape: tuple[int, ...], normal: NDArray[np.float64], through: NDArray[np.float64]
) -> BoolArray:
    """Voxels inferior of the plane, column by column along the body axis."""
    axis = int(np.argmax(np.abs(normal)))
    others = [a for a in range(3) if a != axis]
    grid = np.indices([shape[a] for a in others], dtype=float)
    offset = float(through @ normal)
    height = (offset - sum(normal[a] * g for a, g in zip(others, grid, strict=True))) / normal[
        axis
    ]
    index = np.clip(height, 0, shape[axis] - 1).astype(int)
    marked = np.zeros(shape, dtype=bool)
    places: list[NDArray[np.int_]] = [np.empty(0, dtype=int)] * 3
    for a, g in zip(others, grid, strict=True):
        places[a] = g.astype(int).ravel()
    places[axis] = index.ravel()
    marked[tuple(places)] = True
    # From below: a voxel is inferior until its column meets the plane.
    met = np.flip(np.maximum.accumulate(np.flip(marked, axis=1), axis=1), axis=1)
    below: BoolArray = ~met
    return below


def split_labelled(
    components: NDArray[np.integer], number: int, numerics: Numerics = "corrected"
) -> NDArray[np.integer]:
    """Give the inferior part of component `number` the next free number.

    Raises
    ------
    CannotSplitError
        If the component does not come apart.
    """
    lower = split_component(components == number, numerics)
    out = components.copy()
    out[lower] = int(components.max()) + 1
    return out
