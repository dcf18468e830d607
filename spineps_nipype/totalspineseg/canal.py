"""Canal and cord in one piece, without gaps between them.

Source: TotalSpineSeg 20251028, filling of the canal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import BoolArray, bounding_box
from .components import largest_component
from .labels import CANAL, CORD
from .settings import Numerics


def fill_canal(
    seg: NDArray[Any],
    *,
    canal: int = CANAL,
    cord: int = CORD,
    largest_canal: bool = True,
    largest_cord: bool = True,
    numerics: Numerics = "mended",
) -> NDArray[Any]:
    """Clean and fill the canal.

    Parameters
    ----------
    seg
        Label map, array axes right, anterior, superior.
    canal, cord
        Their labels; the canal excludes the cord.
    largest_canal, largest_cord
        Keep the largest 26-connected component: stray cord becomes canal, stray canal is deleted.
    numerics
        Concave places inside the outline of canal and cord become canal where they are empty;
        under ``original`` also where another structure stands.

    Returns
    -------
    array
        A new label map.
    """
    out = seg.copy()
    if largest_cord and (out == cord).any():
        stray = (out == cord) & ~_largest(out == cord)
        out[stray] = canal
    both = (out == canal) | (out == cord)
    if largest_canal and (out == canal).any():
        kept = _largest(both)
        out[both & ~kept] = 0
        both = kept
    if not both.any():
        return out
    box = bounding_box(both)
    part, inside = out[box], both[box]
    gap = spanned(inside, 0) & spanned(inside, 1) & (part != cord)
    if numerics == "mended":
        gap &= part == 0
    part[gap] = canal
    return out


def _largest(mask: BoolArray) -> BoolArray:
    return largest_component(mask, dilation=0)


def spanned(mask: BoolArray, axis: int) -> BoolArray:
    """Voxels between the first and the last voxel of the mask on each line along an axis."""
    before = np.logical_or.accumulate(mask, axis=axis)
    after = np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis=axis), axis)
    return np.asarray(before & after)
