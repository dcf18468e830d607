"""Values that lie far from those of other scans, level by level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

FACTOR: Final = 2.2
"""Fences lie this many interquartile ranges outside the quartiles.

Source: Hoaglin and Iglewicz, Fine-tuning some resistant rules for outlier labeling, J Am Stat
Assoc 1987. The usual 1.5 would mark one value in nearly every scan, as a scan has hundreds.
"""
LEAST_VALUES: Final = 5
"""With fewer scans nothing can be called far from the others."""
LEAST_SHARE: Final = 0.05
"""Values that differ by less than this share of the median are not far, however close the rest."""


@dataclass(frozen=True)
class Spread:
    """Values of one measure at one level.

    Parameters
    ----------
    level
        Vertebra, or what else the values are from.
    scans
        Index of the scan of each value, in the order of the values.
    values
        From the smallest to the largest.
    quartiles
        First quartile, median, third quartile.
    fences
        Values outside are far from the others; infinite where there are too few.
    """

    level: str
    scans: tuple[int, ...]
    values: tuple[float, ...]
    quartiles: tuple[float, float, float]
    fences: tuple[float, float]

    @property
    def outliers(self) -> list[tuple[int, float]]:
        """Scan and value of each that lies outside the fences."""
        low, high = self.fences
        pairs = zip(self.scans, self.values, strict=True)
        return [(scan, value) for scan, value in pairs if not low <= value <= high]

    @property
    def whiskers(self) -> tuple[float, float]:
        """Smallest and largest value within the fences."""
        low, high = self.fences
        inside = [value for value in self.values if low <= value <= high]
        return (inside[0], inside[-1]) if inside else (self.quartiles[0], self.quartiles[2])


def spreads(
    rows: Iterable[Mapping[str, Any]], measure: str, levels: Sequence[str]
) -> list[Spread]:
    """Spread of a measure at each level that has values.

    Parameters
    ----------
    rows
        With ``scan`` (an index), ``level`` and the measure as text, number or None.
    measure
        Name of its column.
    levels
        Order of the levels; others come after them by name.
    """
    found: dict[str, list[tuple[float, int]]] = {}
    for row in rows:
        value = number(row.get(measure))
        if value is not None:
            found.setdefault(str(row["level"]), []).append((value, int(row["scan"])))
    place = {level: i for i, level in enumerate(levels)}
    order = sorted(found, key=lambda level: (place.get(level, len(place)), level))
    return [_spread(level, sorted(found[level])) for level in order]


def number(value: object) -> float | None:
    """Finite number in a cell of a table; None for all else."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if np.isfinite(found) else None


def _spread(level: str, pairs: Sequence[tuple[float, int]]) -> Spread:
    values = tuple(value for value, _ in pairs)
    first, middle, third = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    fences = (-np.inf, np.inf)
    if len(values) >= LEAST_VALUES:
        reach = max(FACTOR * (third - first), LEAST_SHARE * abs(middle))
        fences = (first - reach, third + reach)
    scans = tuple(scan for _, scan in pairs)
    return Spread(level, scans, values, (first, middle, third), fences)
