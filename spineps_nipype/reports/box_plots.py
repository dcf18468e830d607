"""Layout of box plots: a measure, level by level, in pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Final

from .outliers import MIN_VALUES, Spread

HEIGHT: Final = 180
TOP: Final = 10
LEFT: Final = 52
STEP: Final = 38
"""Distance between two levels [pixels]."""
BOTTOM: Final = 24
TICKS: Final = 4
ROOM: Final = 0.06
"""Margin above and below the values, as a share of their range."""


@dataclass(frozen=True)
class Dot:
    """One value: its position, its scan, and whether it is an outlier."""

    x: float
    y: float
    scan: int
    value: float
    outlier: bool


@dataclass(frozen=True)
class Box:
    """One level: its name, its box with the median, its whiskers and the single values."""

    level: str
    x: float
    box: tuple[float, float, float] | None
    whiskers: tuple[float, float] | None
    dots: tuple[Dot, ...]
    count: int


@dataclass(frozen=True)
class BoxPlot:
    """Box plot of a measure; positions are pixels from the upper left corner."""

    width: int
    height: int
    ticks: tuple[tuple[float, str], ...]
    boxes: tuple[Box, ...]


def box_plot(spreads: Sequence[Spread]) -> BoxPlot:
    """Lay out boxes and dots; where there are few values, each of them is a dot instead of a box.

    Parameters
    ----------
    spreads
        One for each level; at least one.
    """
    low = min(s.values[0] for s in spreads)
    high = max(s.values[-1] for s in spreads)
    room = ROOM * (high - low) or abs(high) * ROOM or 1.0
    low, high = low - room, high + room

    def place(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low), 1)

    decimals = max(0, 1 - floor(log10((high - low) / TICKS)))
    steps = [low + room + (high - low - 2 * room) * i / (TICKS - 1) for i in range(TICKS)]
    ticks = {f"{value:.{decimals}f}": place(value) for value in steps}
    return BoxPlot(
        LEFT + STEP * len(spreads) + 8,
        HEIGHT,
        tuple((y, text) for text, y in ticks.items()),
        tuple(_box(spread, LEFT + STEP * (i + 0.5), place) for i, spread in enumerate(spreads)),
    )


def _box(spread: Spread, x: float, place: Callable[[float], float]) -> Box:
    """Box of one level at the position x; `place` turns values into positions."""
    few = len(spread.values) < MIN_VALUES
    outliers = {scan for scan, _ in spread.outliers}
    dots = tuple(
        Dot(x, place(value), scan, value, scan in outliers)
        for scan, value in zip(spread.scans, spread.values, strict=True)
        if few or scan in outliers
    )
    if few:
        return Box(spread.level, x, None, None, dots, len(spread.values))
    first, middle, third = (place(q) for q in spread.quartiles)
    low, high = (place(w) for w in spread.whiskers)
    return Box(spread.level, x, (first, middle, third), (low, high), dots, len(spread.values))
