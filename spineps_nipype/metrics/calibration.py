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
        Number of cases, or the sum of their weights.
    confidence, right
        Their mean confidence, and the share of them that is right.
    """

    low: float
    high: float
    cases: float
    confidence: float
    right: float


def calibration_curve(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> Iterator[Bin]:
    """Ten bins of equal width, those without cases left out.

    Parameters
    ----------
    confidence, right
        Of each case.
    weights
        How many cases each stands for; 1 when None.
    """
    heavy = np.ones(len(confidence)) if weights is None else weights
    for low in np.arange(BINS) / BINS:
        inside = (confidence > low) & (confidence <= low + 1 / BINS)
        if inside.any():
            share = heavy[inside] / heavy[inside].sum()
            yield Bin(
                float(low),
                float(low + 1 / BINS),
                float(heavy[inside].sum()),
                float(share @ confidence[inside]),
                float(share @ right[inside]),
            )


def calibration_error(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Expected calibration error over ten bins, parameters as of `calibration_curve`.

    Source: Guo et al., ICML 2017.
    """
    bins = list(calibration_curve(confidence, right, weights))
    total = sum(b.cases for b in bins) or 1.0
    return sum(b.cases * abs(b.confidence - b.right) for b in bins) / total


def area_under_curve(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Odds that something right has more confidence than something wrong; ties count half.

    Parameters as of `calibration_curve`. NaN where all are right, or all are wrong.
    """
    heavy = np.ones(len(confidence)) if weights is None else weights
    good, bad = confidence[right][:, None], confidence[~right][None]
    if not good.size or not bad.size:
        return float("nan")
    pairs = heavy[right][:, None] * heavy[~right][None]
    return float(np.average((good > bad) + 0.5 * (good == bad), weights=pairs))
