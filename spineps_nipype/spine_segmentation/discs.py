"""Which components of disc voxels are discs.

Arrays have the axes sagittal slice, posterior to anterior, inferior to superior.
Source: spine-segmentation 0.3.2 for the smallest disc; what else is none, ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import (
    component_centroids,
    component_sizes,
    label_components,
    much_smaller_than_neighbours,
)
from .names import DISC

SMALLEST_DISC: Final = 100
"""Voxels below which a component of disc voxels marks no disc."""
FRAGMENT: Final = 0.25
"""Share of the largest disc near by below which a component is a piece of one."""
NEAR: Final = 80.0
"""Pixels of height within which discs are compared: they grow from neck to loin."""
CLOSE: Final = ((0.4, 1.0), (0.6, 0.5))
"""Parts of the usual distance of two discs below which the smaller is none, given that it is at
most such a part of the larger."""
ENCLOSED: Final = 0.35
"""Part of the plane through a disc above which a body lies in it."""
ARM: Final = 0.25
"""Smallest share of each of two discs in what they are together."""
MIN_SPACED: Final = 3
"""Of fewer discs the usual distance is not known."""
AROUND: Final = 3
"""Distances on either side from which the usual one is taken."""


def find_discs(semantic: NDArray[Any]) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Discs numbered from the top, and their centroids."""
    components, count = label_components(semantic == DISC, 3)
    sizes = component_sizes(components, count)
    centres = component_centroids(components)
    large = [i for i in range(1, count + 1) if sizes[i] >= SMALLEST_DISC]
    large.sort(key=lambda i: -centres[i][2])
    return _numbered(components, large, count), centres[large].reshape(-1, 3)


def whole_discs(
    discs: NDArray[np.int16], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Discs without those that are pieces beside their neighbours, numbered anew."""
    sizes = component_sizes(discs, len(centres))[1:]
    heights = centres[:, 2]
    whole = ~much_smaller_than_neighbours(sizes, heights, NEAR, FRAGMENT)
    kept = _spaced(np.flatnonzero(whole), heights, sizes)
    return _numbered(discs, 1 + kept, len(centres)), centres[kept]


def parted_forks(
    discs: NDArray[np.int16], centres: NDArray[np.float64], bone: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Part what encloses a body: the discs above and below a wedged one, which meet at its tip.

    Parameters
    ----------
    bone
        Mask of the vertebrae.
    """
    out, count = discs.copy(), len(centres)
    for number in range(1, count + 1):
        points = np.argwhere(discs == number)
        level = np.column_stack([np.ones(len(points)), points[:, :2]])
        middle = level @ np.linalg.lstsq(level, points[:, 2], rcond=None)[0]
        rows = np.clip(np.round(middle).astype(int), 0, bone.shape[2] - 1)
        columns = np.unique(np.column_stack([points[:, :2], rows]), axis=0)
        if bone[tuple(columns.T)].mean() <= ENCLOSED:
            continue
        lower = points[points[:, 2] < middle]
        if ARM <= len(lower) / len(points) <= 1 - ARM:
            count += 1
            out[tuple(lower.T)] = count
    if count == len(centres):
        return discs, centres
    middles = component_centroids(out)
    order = 1 + np.argsort(-middles[1:, 2])
    return _numbered(out, order, count), middles[order]


def _numbered(
    components: NDArray[Any], kept: Sequence[int] | NDArray[np.intp], count: int
) -> NDArray[np.int16]:
    """Of `count` components those that are kept, numbered in that order."""
    number = np.zeros(count + 1, dtype=np.int16)
    number[kept] = np.arange(1, len(kept) + 1)
    out: NDArray[np.int16] = number[components]
    return out


def _spaced(
    discs: NDArray[np.intp], heights: NDArray[np.float64], sizes: NDArray[Any]
) -> NDArray[np.intp]:
    """Discs without those that crowd a larger one, from the closest pair on.

    The usual distance is that of the discs around, the one in doubt left out.
    """
    while len(discs) > MIN_SPACED:
        gaps = -np.diff(heights[discs])
        for pair in np.argsort(gaps):
            ends = discs[pair : pair + 2]
            worse = pair + int(sizes[ends].argmin())
            before, after = gaps[: max(worse - 1, 0)], gaps[worse + 1 :]
            others = np.r_[before[-AROUND:], after[:AROUND]]
            usual = float(np.median(others)) if len(others) else 0.0
            share = sizes[ends].min() / sizes[ends].max()
            if any(gaps[pair] < part * usual and share <= most for part, most in CLOSE):
                discs = np.delete(discs, worse)
                break
        else:
            break
    return discs
