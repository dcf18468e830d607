"""Pieces beside the spine that the network takes for bodies and discs. Source: ours.

A network that sees single slices finds bodies in organs far beside the spine. Arrays have the axes
sagittal slice, posterior to anterior, inferior to superior.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.components import components_by_size

SHARED_ROWS: Final = 0.5
"""Share of its rows in which the spine is seen, above which a piece may be a stray one."""


def remove_strays(semantic: NDArray[Any]) -> NDArray[Any]:
    """Delete pieces that lie beside a larger one, in other slices.

    Pieces above, below, in front of and behind larger ones stay: the network may find the spine in
    several pieces.

    Parameters
    ----------
    semantic
        0 background, 1 vertebra, 2 disc.
    """
    pieces, count = components_by_size(semantic != 0, 3)
    if count < 2:
        return semantic
    seen = (pieces == 1).any(axis=1)
    out = semantic.copy()
    for piece, box in enumerate(ndimage.find_objects(pieces)[1:], start=2):
        own = pieces[box] == piece
        if _beside(box, seen):
            out[box][own] = 0
        else:
            seen[box[0], box[2]] |= own.any(axis=1)
    return out


def _beside(box: tuple[slice, ...], seen: NDArray[np.bool_]) -> bool:
    """Whether a piece lies in other slices than the spine does in the same rows.

    Parameters
    ----------
    box
        Box of the piece.
    seen
        Where the spine has been seen so far (slices, inferior to superior).
    """
    slices, _, rows = box
    first, last = _slice_range(seen[:, rows])
    here = last >= 0
    apart = (slices.stop <= first[here]) | (slices.start > last[here])
    return bool(here.mean() > SHARED_ROWS and apart.all())


def _slice_range(seen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last slice of the spine in every row; the last is -1 where there is none."""
    any_seen = seen.any(axis=0)
    last = len(seen) - 1 - seen[::-1].argmax(axis=0)
    return seen.argmax(axis=0), np.where(any_seen, last, -1)
