"""Pieces beside the spine that the network takes for bodies and discs. Source: ours.

A network that sees single slices finds bodies in organs far beside the spine, and in front of the
sacrum. Arrays have the axes sagittal slice, posterior to anterior, inferior to superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.spine_column import find_column
from ..core.spine_pieces import find_pieces
from .names import DISC, VERTEBRA
from .slices import view_as_pir


def keep_column(semantic: NDArray[Any], spacing: Sequence[float] | None = None) -> NDArray[Any]:
    """Delete pieces that do not belong to the one column of bodies and discs.

    Parameters
    ----------
    semantic
        0 background, 1 vertebra, 2 disc.
    spacing
        Voxel size in mm along the axes; cubes of 1 mm if it is not known.
    """
    seen = view_as_pir(semantic)
    slices, width, height = spacing or (1.0, 1.0, 1.0)
    pieces = find_pieces(seen == VERTEBRA, seen == DISC, (width, height, slices))
    strays = find_column(pieces, None).strays
    out = semantic.copy()
    view_as_pir(out)[np.concatenate([[False], strays])[pieces.components]] = 0
    return out
