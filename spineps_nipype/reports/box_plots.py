"""Boxes of a measure, level by level, as places in a drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Final

from .outliers import LEAST_VALUES, Spread

HEIGHT: Final = 180
TOP: Final = 10
LEFT: Final = 52
STEP: Final = 38
"""Distance of two levels [pixels]."""
BOTTOM: Final = 24
TICKS: Final = 4
ROOM: Final = 0.06
"""Room above and below the values, as a share of their range."""


@dataclass(frozen=True)
class Dot:
    """One value: its place, its scan, and whether it lies far from the others."""

    x: float
    y: float
    scan: int
    value: float
    far: bool


@dataclass(frozen=True)
class Box:
    """A level: its name, the box with its median, whiskers, and single values."""

    level: str
    x: float
    box: tuple[float, float, float] | None
    whiskers: tuple[float, float] | None
    dots: tuple[Dot, ...]
    count: int


@dataclass(frozen=True)
class BoxPlot:
    """Drawing of a measure; all places in pixels from the upper left corner."""

    width: int
    height: int
    ticks: tuple[tuple[float, str], ...]
    boxes: tuple[Box, ...]


def box_plot(spreads: Sequence[Spread]) -> BoxPlot:
    """Places of boxes and dots; where there are few values, each of them is a dot.

    Parameters
    ----------
    spreads
        One for each level, at least one.
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
    few = len(spread.values) < LEAST_VALUES
    far = {scan for scan, _ in spread.outliers}
    dots = tuple(
        Dot(x, place(value), scan, value, scan in far)
        for scan, value in zip(spread.scans, spread.values, strict=True)
        if few or scan in far
    )
    if few:
        return Box(spread.level, x, None, None, dots, len(spread.values))
    first, middle, third = (place(q) for q in spread.quartiles)
    low, high = (place(w) for w in spread.whiskers)
    return Box(spread.level, x, (first, middle, third), (low, high), dots, len(spread.values))
