"""Usual ranges of the metrics, level by level, and whose they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from .templates import HOME

TABLE: Final = "usual_ranges"
"""Name of the table and of the JSON file that says where it comes from."""
FEWEST: Final = 10
"""Scans that must show a measure at a level before it gets a range."""
SHARE: Final = 0.9
"""Share of the values that lie within the range: those in the middle."""


@dataclass(frozen=True)
class UsualRange:
    """Range of the middle of the values of one measure at one level, and their number."""

    low: float
    high: float
    scans: int

    def side(self, value: float) -> str:
        """Where a value lies: ``below``, ``above``, or empty for within."""
        if value < self.low:
            return "below"
        return "above" if value > self.high else ""


@dataclass(frozen=True)
class UsualRanges:
    """Ranges by level and measure, and a sentence that says of whom."""

    ranges: Mapping[tuple[str, str], UsualRange]
    whose: str

    def of(self, level: str, measure: str) -> UsualRange | None:
        """Range of a measure at a level; None where it is not known."""
        return self.ranges.get((level, measure))


@cache
def usual_ranges() -> UsualRanges:
    """Ranges that this package carries; ``benchmarks/usual_ranges.py`` makes their table."""
    text = (HOME / f"{TABLE}.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    ranges = {
        (row["level"], row["measure"]): UsualRange(
            float(row["low"]), float(row["high"]), int(row["scans"])
        )
        for row in rows
    }
    said: Mapping[str, Any] = json.loads((HOME / f"{TABLE}.json").read_text(encoding="utf-8"))
    return UsualRanges(ranges, said["Whose"])
