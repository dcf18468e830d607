"""Slivers of vertebrae that the border of the image cuts off.

A few millimetres of a body do not show whether it is L5 or S1, T12 or T13. They keep their class
in the semantic mask and get no name. Source: ours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SLIVER: Final = 0.25
"""Largest share of its neighbour's volume that makes a piece at the border a sliver."""
AT_BORDER: Final = 2
"""Rows from the border within which a piece is cut off by it."""


def unslivered(vertebrae: NDArray[Any]) -> slice:
    """Which instances remain when slivers at the upper and lower border are left out.

    Parameters
    ----------
    vertebrae
        Instances numbered from the top, 0 elsewhere (slices, width, inferior to superior).

    Returns
    -------
    slice
        Of the instances, the first being 0.
    """
    sizes = np.bincount(vertebrae.ravel())[1:]
    first, last = 0, len(sizes)
    if last > 1 and sizes[0] < SLIVER * sizes[1] and 1 in vertebrae[..., -AT_BORDER:]:
        first = 1
    if last - first > 1 and sizes[-1] < SLIVER * sizes[-2] and last in vertebrae[..., :AT_BORDER]:
        last -= 1
    return slice(first, last)
