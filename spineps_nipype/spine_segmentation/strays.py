"""What a network takes for bodies and discs beside the spine.

Networks that see single slices find bodies in organs far beside the spine. Arrays have the axes
sagittal slice, posterior to anterior, inferior to superior. Source: ours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.components import components_by_size

SHARED: Final = 0.5
"""Part of its rows that a stray piece shares with the spine."""


def without_strays(semantic: NDArray[Any]) -> NDArray[Any]:
    """Delete what lies beside a larger connected piece, in other slices.

    Pieces above, below, before and behind larger ones stay: a spine may be found in several.

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
    """Whether a piece lies in other slices than what is seen of the spine in its rows.

    Parameters
    ----------
    box
        Of the piece.
    seen
        Spine (slices, inferior to superior).
    """
    slices, _, rows = box
    first, last = _slices_of(seen[:, rows])
    here = last >= 0
    apart = (slices.stop <= first[here]) | (slices.start > last[here])
    return bool(here.mean() > SHARED and apart.all())


def _slices_of(seen: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last slice in every row; -1 for the last where there is none."""
    any_seen = seen.any(axis=0)
    last = len(seen) - 1 - seen[::-1].argmax(axis=0)
    return seen.argmax(axis=0), np.where(any_seen, last, -1)
