"""Discs that the border of the image cuts off almost completely. SPINEPS numbers them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import DISC_OFFSET, ENDPLATE_OFFSET
from .frames import HEIGHT_AXIS, mean_positions

MIN_VISIBLE_SHARE: Final = 0.25
"""Share of the next disc's volume below which a disc at the border gets no number.

Ours: none of 30 reference masks of the SPIDER dataset holds less than half of a disc there."""


def drop_cut_discs(vert: NDArray[Any]) -> None:
    """Delete the number of the highest and the lowest disc if little of it is in view, in place.

    Parameters
    ----------
    vert
        Vertebra mask of the whole image in PIR, with numbered discs.
    """
    # Nearly all scans end here: looking at two rows is far cheaper than looking for discs.
    if not _is_disc(vert[:, [0, -1]]).any():
        return
    discs = _is_disc(vert)
    heights = mean_positions(vert, discs, HEIGHT_AXIS)
    if len(heights) < 2:
        return
    sizes = np.bincount(vert[discs])
    order = sorted(heights, key=heights.__getitem__)
    for row, last, neighbour in ((0, order[0], order[1]), (-1, order[-1], order[-2])):
        if (vert[:, row] == last).any() and sizes[last] < MIN_VISIBLE_SHARE * sizes[neighbour]:
            vert[vert == last] = 0


def _is_disc(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    return (numbers > DISC_OFFSET) & (numbers < ENDPLATE_OFFSET)
