"""Replacing labels by others, and combining label maps.

Source: TotalSpineSeg 20251028, mapping of labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.images import shrink_labels


def map_labels(
    seg: NDArray[Any],
    mapping: Mapping[int, int],
    *,
    keep_unmapped: bool = False,
    update: NDArray[Any] | None = None,
    update_from: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Replace labels by others.

    Parameters
    ----------
    seg
        Label map.
    mapping
        Old label to new label.
    keep_unmapped
        Keep labels that the mapping does not name; otherwise they are deleted.
    update
        Label map that is used where the result is 0.
    update_from
        Label map that is used wherever it is not 0.

    Returns
    -------
    array
        In the smallest unsigned type.
    """
    size = max([int(seg.max(initial=0)), *mapping]) + 1
    table = np.arange(size) if keep_unmapped else np.zeros(size, dtype=np.int64)
    for old, new in mapping.items():
        table[old] = new
    out = shrink_labels(table)[seg]
    if update is not None:
        out = np.where(out == 0, update, out)
    if update_from is not None:
        out = np.where(update_from != 0, update_from, out)
    return shrink_labels(out)
