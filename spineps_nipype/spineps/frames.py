"""Views of arrays in PIR orientation, mean positions of labels, and boxes with a margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ..core.geometry import PIR

HEIGHT_AXIS: Final = 1
"""Axis of a PIR array that runs from cranial to caudal."""


def pir_view(array: NDArray[Any], orientation: Sequence[str]) -> NDArray[Any]:
    """View of an array in PIR orientation; writing to the view writes to the array.

    Parameters
    ----------
    array
        3-D array.
    orientation
        Axis codes of `array`; each names the direction of increasing index.
    """
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple(orientation)), nib.orientations.axcodes2ornt(PIR)
    )
    order = np.argsort(turn[:, 0])
    flips = turn[order, 1]
    return array.transpose(order.astype(int))[tuple(slice(None, None, int(f)) for f in flips)]


def mean_positions(labels: NDArray[Any], where: NDArray[np.bool_], axis: int) -> dict[int, float]:
    """Mean index along an axis of each label but 0 within a mask, by ascending label."""
    at = np.nonzero(where)
    values = labels[at]
    counts = np.bincount(values)
    sums = np.bincount(values, weights=at[axis])
    return {int(v): float(sums[v] / counts[v]) for v in np.flatnonzero(counts) if v != 0}


def pad_box(box: Sequence[slice], margin: int, shape: Sequence[int]) -> tuple[slice, slice, slice]:
    """Widen a box by a margin in voxels and clip it to the array."""
    first, second, third = (
        slice(max(side.start - margin, 0), min(side.stop + margin, size))
        for side, size in zip(box, shape, strict=True)
    )
    return first, second, third
