"""Slivers of vertebrae at the upper and lower border of the image. Source: ours.

A few millimetres of a body do not show whether it is L5 or S1, or T12 or T13. Slivers keep their
class in the semantic mask but get no name.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SLIVER_SHARE: Final = 0.25
"""Share of its neighbour's volume below which a piece at the border is a sliver."""
BORDER_ROWS: Final = 2
"""Number of rows at the border; a piece in them is cut off."""


def instances_without_slivers(vertebrae: NDArray[Any]) -> slice:
    """Range of the instances without slivers at the upper and lower border.

    Parameters
    ----------
    vertebrae
        Instances numbered from the top, 0 elsewhere (slices, width, inferior to superior).

    Returns
    -------
    slice
        Range of instances, counted from 0.
    """
    sizes = np.bincount(vertebrae.ravel())[1:]
    first, last = 0, len(sizes)
    if last > 1 and sizes[0] < SLIVER_SHARE * sizes[1] and 1 in vertebrae[..., -BORDER_ROWS:]:
        first = 1
    if (
        last - first > 1
        and sizes[-1] < SLIVER_SHARE * sizes[-2]
        and last in vertebrae[..., :BORDER_ROWS]
    ):
        last -= 1
    return slice(first, last)
