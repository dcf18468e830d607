"""Vertebrae that the network has fused are cut where discs lie between their bodies.

Problem: the network gives neighbouring vertebrae different classes, so that they are two
components even where they touch. If it takes one class for both, they are one component with one
name, and the pieces of their arches get the others.

Solution: discs tell the bodies apart. Each voxel of a component gets a level, the number of discs
above it by the plane through the disc nearest to it. A component whose part in front of the canal
fills several levels is cut into these; levels that it hardly reaches go with the next one below.
Effort: O(voxels log discs). Source: ours; not applied under ``original`` numerics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..core.components import BoolArray
from .fragments import FRAGMENT_SHARE
from .masks import label_boxes
from .parts import Parts, centres_of


def cut_fused(parts: Parts, discs: Sequence[int], front: BoolArray) -> None:
    """Cut vertebrae whose bodies lie on both sides of a disc, in place.

    Parameters
    ----------
    discs
        Components of the discs, uppermost first; with fewer than two, nothing is cut.
    front
        Whether a position (y, z) is in front of the centre of the canal.
    """
    if len(discs) < 2:
        return
    planes = _Planes(centres_of(parts, discs))
    boxes = label_boxes(parts.array)
    for number in list(parts.vertebrae):
        box = boxes[number]
        points = np.argwhere(parts.array[box] == number) + [side.start for side in box]
        levels = planes.levels(points)
        sizes = np.bincount(levels[front[tuple(points[:, 1:].T)]])
        bodies = np.flatnonzero(sizes >= max(FRAGMENT_SHARE * sizes.max(initial=0), 1))
        piece = np.searchsorted(bodies[:-1], levels)
        for lower in range(1, len(bodies)):
            parts.add_vertebra(points[piece == lower], parts.raw[number])


class _Planes:
    """Planes through the discs, across the line through their centres.

    Parameters
    ----------
    centres
        Centres of the discs from top to bottom, shape (discs, 3).
    """

    def __init__(self, centres: NDArray[np.float64]) -> None:
        self._centres, self._down = centres, np.gradient(centres, axis=0)
        # which disc is nearest is a matter of the sagittal plane: processes reach far to the sides
        self._tree = cKDTree(centres[:, 1:])

    def levels(self, points: NDArray[Any]) -> NDArray[np.intp]:
        """Number of discs above each point."""
        nearest = self._tree.query(points[:, 1:])[1]
        offset = points - self._centres[nearest]
        return np.asarray(nearest + ((offset * self._down[nearest]).sum(axis=1) > 0))
