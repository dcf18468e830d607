"""Splitting a component that holds two vertebral bodies, along a plane between them.

Erosion divides the component at its waist; the plane lies across the line between both parts.

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
"""Voxels by which a component is eroded before it counts as one body."""
ALL_NEIGHBOURS: Final = 3
"""Connectivity over faces, edges and corners."""


class CannotSplitError(ValueError):
    """The component cannot be divided."""


def split_component(body: BoolArray, numerics: Numerics = "corrected") -> BoolArray:
    """The lower (inferior) part of a component.

    Parameters
    ----------
    body
        One component, (P, I, R).
    numerics
        Under ``seed`` the direction of the plane is that between the parts after they have grown
        together.

    Returns
    -------
    array
        True for voxels of the inferior part.

    Raises
    ------
    CannotSplitError
        If erosion does not divide it.
    """
    first, second = _two_parts(body)
    normal, through = _plane(first, second, upstream(numerics).split_from_grown_parts)
    return body & _below_plane(body.shape, normal, through)


def _two_parts(body: BoolArray) -> tuple[BoolArray, BoolArray]:
    """The two largest parts into which erosion divides a component."""
    volume = body
    for _ in range(MAX_EROSIONS):
        volume = erode(volume, 1, ALL_NEIGHBOURS)
        components, count = components_by_size(volume, ALL_NEIGHBOURS)
        if count > 1:
            return components == 1, components == 2
        if count == 0:
            # SPINEPS means to take core and ring then, but stores both in an array of booleans
            raise CannotSplitError("erosion leaves nothing before it divides the component")
    raise CannotSplitError(f"one piece after {MAX_EROSIONS} erosions")


def _plane(
    first: BoolArray, second: BoolArray, from_grown: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal of the plane between two parts, and the point where they meet as they grow.

    With `from_grown`, the normal is that between the parts after they have grown.
    """
    if not first.any() or not second.any():
        raise CannotSplitError("one part is empty")
    one, two = dilate(first, 1, ALL_NEIGHBOURS), dilate(second, 1, ALL_NEIGHBOURS)
    turn = 0
    while not (one & two).any():
        if turn % 2 == 0:
            one = dilate(one, 1, ALL_NEIGHBOURS)
        else:
            two = dilate(two, 1, ALL_NEIGHBOURS)
        turn += 1
    ends = (one, two) if from_grown else (first, second)
    normal = np.argwhere(ends[0]).mean(axis=0) - np.argwhere(ends[1]).mean(axis=0)
    if not normal.any():
        raise CannotSplitError("both parts have the same centre")
    return normal, np.argwhere(one & two).mean(axis=0)


def _below_plane(
    shape: tuple[int, ...], normal: NDArray[np.float64], through: NDArray[np.float64]
) -> BoolArray:
    """Voxels inferior to the plane."""
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
    # Along each column from below, voxels are inferior until the column meets the plane.
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
        If the component cannot be divided.
    """
    lower = split_component(components == number, numerics)
    out = components.copy()
    out[lower] = int(components.max()) + 1
    return out
