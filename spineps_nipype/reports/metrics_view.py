"""Metrics of a scan as its page shows them: angles, and a table with usual ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .outliers import number
from .usual_ranges import UsualRanges

HIDDEN: Final = ("level", "label")
"""Columns that are no measure: the first heads the rows, the second says the same in numbers."""
LARGE, MEDIUM = 1000, 100
"""From these on values are shown with a separator, and without decimals."""
UNITS: Final = {"mm^2": "mm²", "mm^3": "mm³", "degree": "°"}


@dataclass(frozen=True)
class Cell:
    """A value as text, its usual range (empty for none), and its side of it."""

    text: str
    usual: str = ""
    side: str = ""


@dataclass(frozen=True)
class Head:
    """A measure: its name, unit and description."""

    title: str
    unit: str
    description: str


@dataclass(frozen=True)
class MetricsView:
    """Measures of the whole spine, and one row of cells for each level."""

    whole: Sequence[tuple[Head, Cell]]
    heads: Sequence[Head]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    whose: str
    """Of whom the ranges are; empty if none is shown."""


def metrics_view(
    metrics: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Mapping[str, Any]],
    usual: UsualRanges,
) -> MetricsView | None:
    """Arrange the metrics of a scan; measures without any value are left out.

    Parameters
    ----------
    metrics
        Rows of the table; values are numbers, text or None. A row without a label is of the whole
        spine.
    columns
        Data dictionary of the table; other columns are left out.
    usual
        Ranges of the same measures.

    Returns
    -------
    MetricsView or None
        None if there are no rows.
    """
    if not metrics:
        return None
    levels = [row for row in metrics if _given(row.get("label"))]
    whole = [row for row in metrics if not _given(row.get("label"))]
    names = [name for name in columns if name not in HIDDEN]
    shown = [name for name in names if any(_given(row.get(name)) for row in levels)]
    tiles = [
        (_head(columns[name]), _cell(row, name, usual))
        for row in whole
        for name in names
        if _given(row.get(name))
    ]
    rows = [(str(row["level"]), [_cell(row, name, usual) for name in shown]) for row in levels]
    cells = [cell for _, line in rows for cell in line] + [cell for _, cell in tiles]
    whose = usual.whose if any(cell.usual for cell in cells) else ""
    return MetricsView(tiles, [_head(columns[name]) for name in shown], rows, whose)


def _given(value: object) -> bool:
    return value is not None and value != ""


def _head(said: Mapping[str, Any]) -> Head:
    unit = said.get("Units", "")
    return Head(said["LongName"], UNITS.get(unit, unit), said["Description"])


def _cell(row: Mapping[str, Any], name: str, usual: UsualRanges) -> Cell:
    said = row.get(name)
    if not _given(said):
        return Cell("")
    value = number(said)
    if value is None:
        return Cell(str(said))
    known = usual.of(str(row["level"]), name)
    if known is None:
        return Cell(_text(value))
    return Cell(_text(value), f"{_text(known.low)}–{_text(known.high)}", known.side(value))


def _text(value: float) -> str:
    """A number with as many digits as a reader needs."""
    if abs(value) >= LARGE:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= MEDIUM else f"{value:.1f}"
