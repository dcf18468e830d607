"""The group page, with all scans: one HTML file that works offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Final

from .. import __version__
from ..core.files import write_text
from ..core.verdicts import VERDICTS
from .box_plots import BoxPlot, box_plot
from .methods_view import methods_views
from .outliers import Spread, number
from .templates import load_template

PAGE: Final = "group.html"
TITLES: Final[Mapping[str, str]] = {
    "scan": "Scan",
    "pipeline": "System",
    "status": "Status",
    "verdict": "Checks",
    "expected_dice": "Expected Dice",
    "rating": "Rating",
    "levels": "Levels",
    "vertebrae": "Vertebrae",
    "label_confidence": "Confidence of names",
    "outliers": "Outliers",
    "median_body_height_middle": "Body height (mm)",
    "median_disc_height": "Disc height (mm)",
    "median_canal_area": "Canal (mm²)",
    "median_cord_area": "Cord (mm²)",
    "lumbar_lordosis": "Lordosis (°)",
    "thoracic_kyphosis": "Kyphosis (°)",
    "seconds": "Time (s)",
    "version": "Version",
    "engine": "Engine",
    "device": "Device",
}
"""Columns that the table on the page shows if they are not empty, and their headings."""
UNLESS_SAME: Final = ("pipeline", "version", "engine", "device")
"""Columns that are left out if all scans have the same there; the page says it in a sentence."""
WORDY: Final = ("verdict", "rating", "outliers")
"""Columns with sentences in their cells, which are wider."""
ORDERED: Final = {"verdict": VERDICTS, "rating": VERDICTS}
"""Columns that are sorted by the meaning of their words."""


@dataclass(frozen=True)
class GroupEntry:
    """A row of the table.

    Parameters
    ----------
    row
        Cells by column.
    page, picture
        Subject page and thumbnail, relative to the page; empty for none.
    outliers
        Descriptions of the outliers of the scan.
    """

    row: Mapping[str, Any]
    page: str = ""
    picture: str = ""
    outliers: Sequence[str] = ()

    def key(self, column: str) -> str:
        """Sort key of a cell: a number or text; empty cells come last."""
        value = self.row.get(column)
        if value is None or value == "":
            return ""
        if column in ORDERED:
            return str(ORDERED[column].index(value)) if value in ORDERED[column] else ""
        return str(value)


@dataclass(frozen=True)
class Distribution:
    """Distribution of a measure: its name, description and box plot."""

    name: str
    title: str
    description: str
    unit: str
    plot: BoxPlot
    outliers: Sequence[tuple[int, str, float, float, float]]
    """Scan, level, value, and the range of the other values (two numbers)."""


def write_group_page(
    folder: Path,
    entries: Sequence[GroupEntry],
    columns: Mapping[str, Mapping[str, Any]],
    spreads: Mapping[str, Sequence[Spread]],
    measures: Mapping[str, Mapping[str, Any]],
    methods: str,
) -> Path:
    """Write ``group.html``.

    Parameters
    ----------
    folder
        Root of the output folder.
    entries
        One for each scan.
    columns
        Data dictionary of the table of scans; other columns are left out.
    spreads
        Distributions of each measure, level by level; scans are indices into `entries`.
    measures
        Data dictionary of the measures.
    methods
        Methods text with its references.
    """
    same = _same(entries, columns)
    shown = {
        key: title
        for key, title in TITLES.items()
        if key in columns and key not in same and any(entry.key(key) for entry in entries)
    }
    numeric = {
        key
        for key in shown
        if all(number(e.row.get(key)) is not None for e in entries if e.key(key)) or key in ORDERED
    }
    text = load_template("group.html").render(
        version=__version__,
        entries=entries,
        table=_worst_first(entries),
        columns=shown,
        numeric=numeric,
        descriptions=columns,
        failures=[entry for entry in entries if entry.row.get("error")],
        counts=_counts(entries),
        choices=_choices(entries),
        verdicts=VERDICTS,
        wordy=WORDY,
        constant=[f"{TITLES[key].lower()} {value}" for key, value in same.items()],
        distributions=[_distribution(name, spreads[name], measures[name]) for name in spreads],
        methods=methods_views(methods),
    )
    path = folder / PAGE
    write_text(path, text)
    return path


def _same(
    entries: Sequence[GroupEntry], columns: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """What all scans with results have in common, by column."""
    found = {key: {entry.key(key) for entry in entries} - {""} for key in UNLESS_SAME}
    return {key: str(*said) for key, said in found.items() if key in columns and len(said) == 1}


def _worst_first(entries: Sequence[GroupEntry]) -> list[GroupEntry]:
    """Rows of the table: what needs eyes first, then by expected Dice, else in the order given."""
    return sorted(entries, key=lambda entry: (-_need(entry), _expected_dice(entry)))


def _expected_dice(entry: GroupEntry) -> float:
    """Lowest expected Dice of the structures of a scan; unknown ones come last."""
    value = number(entry.row.get("expected_dice"))
    return inf if value is None else value


def _need(entry: GroupEntry) -> int:
    """How much a scan needs eyes: it failed, or its verdict; a reader's counts first."""
    if entry.row.get("status") != "done":
        return len(VERDICTS)
    said = _said(entry)
    return VERDICTS.index(said) if said in VERDICTS else 0


def _said(entry: GroupEntry) -> Any:
    return entry.row.get("rating") or entry.row.get("verdict")


def _counts(entries: Sequence[GroupEntry]) -> list[tuple[str, int, str]]:
    """Numbers of scans by outcome: words, number, and the verdict that readers gave."""

    def count(key: str, word: str) -> int:
        return sum(entry.row.get(key) == word for entry in entries)

    calm = sum(bool(_said(entry)) and not _need(entry) for entry in entries)
    found = [
        ("scans", len(entries), ""),
        (f"({calm / max(len(entries), 1):.0%}) need no eyes", calm, ""),
        ("with an error", count("status", "failed"), ""),
    ]
    return found + [("rated", count("rating", word), word) for word in VERDICTS]


def _choices(entries: Sequence[GroupEntry]) -> list[tuple[str, int]]:
    """Verdicts of the checks by which the table can be filtered, and the number of scans."""
    said = [entry.row.get("verdict") or "none" for entry in entries]
    return [("all", len(said)), *((word, said.count(word)) for word in (*VERDICTS, "none"))]


def _distribution(name: str, spreads: Sequence[Spread], entry: Mapping[str, Any]) -> Distribution:
    """Distribution of a measure; `entry` describes it in the data dictionary."""
    return Distribution(
        name,
        entry["LongName"],
        entry["Description"],
        entry["Units"],
        box_plot(spreads),
        [
            (scan, one.level, value, *whiskers)
            for one in spreads
            for whiskers in [one.whiskers]  # once a level: it looks at the values of all scans
            for scan, value in one.outliers
        ],
    )
