"""Grey values of a scan in a range that every phase can compute with.

Grey values of MR images have no unit, so that they may be shifted and scaled; those of CT are
Hounsfield units and stay. Ordinary images stay as they are, bit by bit.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 1e12
"""Grey values beyond it overflow where they are squared in single precision."""
SMALLEST_RANGE: Final = 1e-3
"""Smaller ranges are lost in the smallest standard deviation that networks divide by (1e-8)."""
USUAL_RANGE: Final = 2.0**10
"""Range that odd ones are brought to: that of ordinary MR images."""
LARGEST_POWER: Final = 1023
"""Of two, that is still a number; what differs by less than its inverse stays small."""
OFFSET_RATIO: Final = 1e5
"""Largest distance of the grey values from 0, in ranges, that single precision resolves."""
PADDING_SHARE: Final = 0.002
"""Share of the voxels from which one extreme value can be padding: less than a border slice."""
PADDING_GAP: Final = 0.05
"""Gap between padding and image, in ranges of the image."""
SIGNED_GAP: Final = 0.5
"""The same gap where the image holds negative values of its own."""
LONE_GAP: Final = 4.0
"""The same gap above the image where the value is not the largest of its type: nothing that is
measured is so far from all else and everywhere the same."""
SAME_VALUE: Final = 1e-6
"""Relative difference of numbers that only rounding of the slope sets apart."""
KNOWN_PADDING: Final = frozenset({-1000.0, -1024.0, -2000.0, -2048.0, -3024.0, -9999.0, -32768.0})
"""Values by which scanners and converters mark voxels outside of an image."""


def usable_intensities(
    data: NDArray[Any], *, is_ct: bool, extremes: Collection[float] = ()
) -> tuple[NDArray[Any], list[str]]:
    """Grey values without padding, in a range that cannot overflow.

    Parameters
    ----------
    data
        Voxels of a volume or a series of them, as stored, slope and intercept applied.
    is_ct
        Hounsfield units: only values that no computer can handle are changed.
    extremes
        Largest values that the stored type can hold, which may be padding.

    Returns
    -------
    data
        The same array if nothing had to be done; non-finite voxels stay so.
    notes
        What was done, in sentences.
    """
    notes: list[str] = []
    low, high = _ends(data)
    if not low < high:  # constant, or nothing finite: nothing to be made better
        return data, notes
    if not is_ct:
        for value, other in _paddings(data, low, high, extremes):
            data = np.where(data == value, data.dtype.type(other), data)
            notes.append(f"Voxels of {value:g} outside of the image were set to {other:g}.")
            low, high = _ends(data)
    if max(-low, high) > LARGEST:
        data, said = _without_overflow(data)
        notes += said
        low, high = _ends(data)
    if is_ct:
        return data, notes
    shift, scale = _needed(low, high)
    if shift or scale != 1.0:
        data = (data.astype(np.float64) - shift) * scale
        notes.append(f"Grey values from {low:g} to {high:g} were shifted or scaled.")
    return data, notes


def _ends(data: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest finite value; (0, 0) if there is none."""
    low, high = data.min(), data.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = data[np.isfinite(data)]
        low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    return float(low), float(high)


def _paddings(
    data: NDArray[Any], low: float, high: float, extremes: Collection[float]
) -> list[tuple[float, float]]:
    """Values that pad the image, and what stands for them: 0, or the smallest grey value."""
    found: list[tuple[float, float]] = []
    image = np.isfinite(data)
    largest = any(np.isclose(high, end, rtol=SAME_VALUE) for end in extremes)
    for value in [low, high] if low < 0 else [high]:
        at = data == value
        if at.mean() < PADDING_SHARE:
            continue
        rest = data[image & ~at]
        if rest.size == 0 or rest.min() == rest.max():
            continue
        bottom, top = float(rest.min()), float(rest.max())
        far = _far_below if value == low else _far_above
        if far(value, bottom, top, largest) and (
            _touches_border(at) or _cannot_be_measured(value, bottom, top)
        ):
            found.append((value, min(bottom, 0.0)))
            image &= ~at
    return found


def _far_below(value: float, bottom: float, top: float, _: bool) -> bool:
    """Whether a value is so far below an image that it marks what lies outside of it."""
    if value in KNOWN_PADDING and bottom >= 0:
        return True
    return bottom - value >= (PADDING_GAP if bottom >= 0 else SIGNED_GAP) * (top - bottom)


def _far_above(value: float, bottom: float, top: float, largest: bool) -> bool:
    """The same above an image; `largest` says that the stored type has no larger value."""
    gap = LONE_GAP if not largest else PADDING_GAP if bottom >= 0 else SIGNED_GAP
    return value - top >= gap * (top - bottom)


def _cannot_be_measured(value: float, bottom: float, top: float) -> bool:
    """Whether a value marks a hole within an image, as that of a face that was removed."""
    return value < 0 <= bottom and bottom - value >= SIGNED_GAP * (top - bottom)


def _touches_border(at: NDArray[np.bool_]) -> bool:
    """Whether voxels lie on a face of the grid; only the first three axes are in space."""
    return any(
        bool(np.take(at, end, axis).any()) for axis in range(min(at.ndim, 3)) for end in (0, -1)
    )


def _without_overflow(data: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """Huge grey values divided; single ones among ordinary voxels count as infinite."""
    exact = data.astype(np.float64)
    size = np.abs(exact[np.isfinite(exact)])
    typical = float(np.percentile(size, 99))
    notes = []
    if typical > LARGEST:
        divisor = 2.0 ** np.floor(np.log2(typical / USUAL_RANGE))
        exact = exact / divisor
        notes.append(f"Grey values up to {size.max():g} were divided by {divisor:g}.")
    exact[np.abs(exact) > LARGEST] = np.inf
    return exact, notes


def _needed(low: float, high: float) -> tuple[float, float]:
    """Shift and factor that bring grey values to an ordinary range; 0 and 1 for ordinary ones."""
    extent = high - low
    tiny = 0 < extent < SMALLEST_RANGE
    shift = low if high <= 0 or max(-low, high) > OFFSET_RATIO * extent else 0.0
    if not tiny:
        return shift, 1.0
    # A power of two changes no digit of any voxel.
    power = np.floor(np.log2(USUAL_RANGE) - np.log2(extent))
    return shift, float(2.0 ** min(power, LARGEST_POWER))
