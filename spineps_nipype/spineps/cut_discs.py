"""Discs of which the border of the image leaves next to nothing. SPINEPS counts them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import DISC_OFFSET, ENDPLATE_OFFSET
from .frames import HEIGHT_AXIS, mean_positions

LEAST_SHARE: Final = 0.25
"""A disc at the border of the image counts from this share of the volume of the next one on.

The 30 SPIDER masks at hand show no less than half of a disc there."""


def drop_cut_discs(vert: NDArray[Any]) -> None:
    """Take the number from the highest and lowest disc if little of it is in view, in place.

    Parameters
    ----------
    vert
        Vertebra mask of the whole image, in PIR, discs numbered.
    """
    if not _of_discs(vert[:, [0, -1]]).any():
        return
    discs = _of_discs(vert)
    heights = mean_positions(vert, discs, HEIGHT_AXIS)
    if len(heights) < 2:
        return
    sizes = np.bincount(vert[discs])
    order = sorted(heights, key=heights.__getitem__)
    for row, last, next_one in ((0, order[0], order[1]), (-1, order[-1], order[-2])):
        if (vert[:, row] == last).any() and sizes[last] < LEAST_SHARE * sizes[next_one]:
            vert[vert == last] = 0


def _of_discs(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    return (numbers > DISC_OFFSET) & (numbers < ENDPLATE_OFFSET)
