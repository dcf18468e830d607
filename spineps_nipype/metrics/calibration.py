"""Whether probabilities hold: what is called 90 % sure is right in nine of ten cases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS: Final = 10


class Bin(NamedTuple):
    """Cases whose confidence lies between two bounds.

    Parameters
    ----------
    low, high
        The bounds; the upper one belongs to the bin.
    cases
        Number of cases.
    confidence, right
        Their mean confidence, and the share of them that is right.
    """

    low: float
    high: float
    cases: int
    confidence: float
    right: float


def calibration_curve(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Iterator[Bin]:
    """Ten bins of equal width, those without cases left out."""
    for low in np.arange(BINS) / BINS:
        inside = (confidence > low) & (confidence <= low + 1 / BINS)
        if inside.any():
            yield Bin(
                float(low),
                float(low + 1 / BINS),
                int(inside.sum()),
                float(confidence[inside].mean()),
                float(right[inside].mean()),
            )


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins. Source: Guo et al., ICML 2017."""
    bins = calibration_curve(confidence, right)
    return sum(b.cases * abs(b.confidence - b.right) for b in bins) / max(len(confidence), 1)


def area_under_curve(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Odds that something right has more confidence than something wrong; ties count half.

    NaN where all are right, or all are wrong.
    """
    good, bad = confidence[right][:, None], confidence[~right][None]
    if not good.size or not bad.size:
        return float("nan")
    return float(np.mean((good > bad) + 0.5 * (good == bad)))
