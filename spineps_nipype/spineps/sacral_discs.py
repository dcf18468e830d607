"""Remnants of discs inside the sacrum. SPINEPS takes them for pieces of the disc above it.

Problem: between S1 and S2 many people have a remnant of a disc, which networks see. It has no
vertebra of its own, so that it got the number of the lowest one; its disc lay in two pieces then.

Solution: what has the sacrum above it gets no number.

Source: ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import DISC_OFFSET, SACRUM
from ..core.components import bounding_box, label_components
from .frames import HEIGHT_AXIS
from .numbers import in_order, is_vertebra


def drop_sacral_discs(vert: NDArray[Any]) -> None:
    """Delete the numbers of discs that lie inside the sacrum, in place.

    Parameters
    ----------
    vert
        Vertebra mask in PIR, with numbered discs; sacrum is painted.
    """
    present = np.flatnonzero(np.bincount(vert.ravel()))
    bones = [int(n) for n in present if is_vertebra(int(n))]
    if SACRUM not in present or not bones:
        return
    disc = vert == DISC_OFFSET + in_order(bones)[-1]
    if not disc.any():
        return
    bone = np.isin(vert, (*bones, SACRUM))
    box = bounding_box(disc)
    pieces, count = label_components(disc[box], 3)
    start = [side.start for side in box]
    for piece in range(1, count + 1):
        places = np.argwhere(pieces == piece) + start
        above = [
            vert[p, rows[-1], r]
            for p, i, r in _tops(places)
            if len(rows := np.flatnonzero(bone[p, :i, r]))
        ]
        if 2 * sum(label == SACRUM for label in above) > len(above):
            vert[tuple(places.T)] = 0


def _tops(places: NDArray[Any]) -> NDArray[Any]:
    """The highest voxel of each column of a piece, shape (columns, 3)."""
    order = np.argsort(places[:, HEIGHT_AXIS], kind="stable")
    _, first = np.unique(places[order][:, [0, 2]], axis=0, return_index=True)
    return np.asarray(places[order][first])
