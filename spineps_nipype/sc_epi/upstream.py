"""What the Spinal Cord Toolbox does otherwise than this package: one named switch each.

The only place that tells the numerics apart: rules ask ``upstream(numerics).name``. True means
"as version 7.0 does it"; the default, ``corrected``, has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from ..core.switches import fault, switches

KNOWN: Final = ("corrected", "original")
"""Numerics of this system."""


@dataclass(frozen=True)
class Upstream:
    """Switches of one kind of numerics, in the order of the steps."""

    series_refused: bool = fault()
    """An image with several volumes is refused, whatever `on_4d` says."""
    mask_thresholded: bool = fault()
    """The threshold is compared with the mask, not with the probability: 0 and all between 0 and
    1 change nothing, from 1 on nothing is left, and below 0 everything is."""
    int64_after_filling: bool = fault()
    """The mask is of type int64 once cavities were filled."""
    one_whole_size: bool = fault()
    """Smallest sizes of objects are whole numbers, the last unit counts for all, and there is one
    size only, however many classes there are."""
    first_name_for_all: bool = fault()
    """All images share the output names of the first, so that each overwrites the one before; a
    name without extension gets none."""
    axial_tiles_fixed: bool = fault()
    """Axial tiles have 15 pixels around their centre where there is no crop mask, also if the cord
    needs more; around a crop mask they are rounded down and need not be square."""
    sagittal_sides_swapped: bool = fault()
    """Around a crop mask the height of a sagittal tile follows the columns of the slice, its width
    the rows."""
    row_by_height: bool = fault()
    """The number of tiles in a row of the mosaic follows their height instead of their width."""


@cache
def upstream(numerics: str) -> Upstream:
    """Switches of a kind of numerics, and of rules that it names.

    Raises
    ------
    ValueError
        If there is no such kind or switch.
    """
    return switches(Upstream, numerics, KNOWN)
