"""Outliers: values that lie far from those of other scans, level by level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

FACTOR: Final = 2.2
"""Distance of the fences from the quartiles, in interquartile ranges.

Source: Hoaglin and Iglewicz, Fine-tuning some resistant rules for outlier labeling, J Am Stat
Assoc 1987. The usual 1.5 would mark a value in nearly every scan, as each has hundreds.
"""
MIN_VALUES: Final = 5
"""With fewer scans no value is called an outlier."""
MIN_DISTANCE: Final = 0.05
"""Values within this share of the median are no outliers, however close the others lie."""


@dataclass(frozen=True)
class Spread:
    """Distribution of one measure at one level.

    Parameters
    ----------
    level
        Vertebra, or the whole spine.
    scans
        Index of the scan of each value, in the order of the values.
    values
        From the smallest to the largest.
    quartiles
        First quartile, median, third quartile.
    fences
        Values outside these are outliers; infinite where there are too few values.
    """

    level: str
    scans: tuple[int, ...]
    values: tuple[float, ...]
    quartiles: tuple[float, float, float]
    fences: tuple[float, float]

    @property
    def outliers(self) -> list[tuple[int, float]]:
        """Scan and value of each outlier."""
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
        Rows with ``scan`` (an index), ``level``, and the measure as text, number or None.
    measure
        Name of the column.
    levels
        Order of the levels; other levels follow, sorted by name.
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
    """Finite number in a cell of a table; None for anything else."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if np.isfinite(found) else None


def _spread(level: str, pairs: Sequence[tuple[float, int]]) -> Spread:
    """Distribution of sorted values, each with its scan."""
    values = tuple(value for value, _ in pairs)
    first, middle, third = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
    fences = (-np.inf, np.inf)
    if len(values) >= MIN_VALUES:
        reach = max(FACTOR * (third - first), MIN_DISTANCE * abs(middle))
        fences = (first - reach, third + reach)
    scans = tuple(scan for _, scan in pairs)
    return Spread(level, scans, values, (first, middle, third), fences)
