"""Canal and cord in one piece, without gaps between them.

Source: TotalSpineSeg 20251028, filling of the canal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import BoolArray
from .components import largest_of_mask
from .labels import CANAL, CORD
from .masks import joint_box, label_boxes, label_mask
from .settings import Numerics
from .upstream import upstream


def fill_canal(
    seg: NDArray[Any],
    *,
    canal: int = CANAL,
    cord: int = CORD,
    largest_canal: bool = True,
    largest_cord: bool = True,
    numerics: Numerics = "corrected",
) -> NDArray[Any]:
    """Clean and fill the canal.

    Parameters
    ----------
    seg
        Label map, array axes right, anterior, superior.
    canal, cord
        Their labels; the canal excludes the cord.
    largest_canal, largest_cord
        Keep the largest 26-connected component only: other cord becomes canal, other canal is
        deleted.
    numerics
        Gaps inside the outline of canal and cord become canal if they are empty; under
        ``original`` also where there is another structure.

    Returns
    -------
    array
        A new label map.
    """
    out = seg.copy()
    boxes = label_boxes(seg)
    box = joint_box([boxes[label] for label in (canal, cord) if label in boxes], 0, seg.shape)
    if box is None:
        return out
    part = out[box]
    if largest_cord and cord in boxes:
        core = part == cord
        part[core & ~largest_of_mask(core)] = canal
    both = label_mask(part, (canal, cord))
    if largest_canal and (part == canal).any():
        kept = largest_of_mask(both)
        part[both & ~kept] = 0
        both = kept
    gap = span_lines(both, 0) & span_lines(both, 1) & (part != cord)
    if not upstream(numerics).canal_over_others:
        gap &= part == 0
    part[gap] = canal
    return out


def span_lines(mask: BoolArray, axis: int) -> BoolArray:
    """Voxels from the first to the last voxel of the mask on each line along an axis."""
    before = np.logical_or.accumulate(mask, axis=axis)
    after = np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis=axis), axis)
    return np.asarray(before & after)
