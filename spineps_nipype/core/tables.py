"""Tables in the format of BIDS: tab-separated, with ``n/a`` for missing values."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .files import write_text

MISSING: Final = "n/a"
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""Characters with which a formula begins in the usual spreadsheets."""
DECIMALS: Final = 4
"""Significant digits of numbers that a network gave."""


def read_rows(path: str | Path) -> list[dict[str, str | None]]:
    """Rows of a table; missing values are None."""
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return [
            {key: None if value == MISSING else value for key, value in row.items()}
            for row in csv.DictReader(stream, delimiter="\t")
        ]


def read_labels(path: str | Path) -> list[dict[str, Any]]:
    """Rows of the table of the labelling phase; confidences are numbers or None."""
    rows: list[dict[str, Any]] = [dict(row) for row in read_rows(path)]
    for row in rows:
        if row.get("confidence") is not None:
            row["confidence"] = float(row["confidence"])
    return rows


def write_rows(
    rows: Sequence[Mapping[str, Any]], path: Path, columns: Sequence[str] | None = None
) -> None:
    """Write rows as a table, see `table_text`; the file is complete or not there at all."""
    write_text(path, table_text(rows, columns))


def table_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Rows as a table; None and empty text become ``n/a``.

    Text that a spreadsheet would take for a formula gets an apostrophe before it.

    Parameters
    ----------
    columns
        Names of the columns in their order; by default the keys of the first row.
    """
    names = list(rows[0]) if columns is None else list(columns)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        values = (row.get(name) for name in names)
        writer.writerow([MISSING if v is None or v == "" else plain_cell(v) for v in values])
    return text.getvalue()


def plain_cell(value: Any) -> Any:
    """The value of a cell, so that no spreadsheet takes a text for a formula; numbers stay.

    >>> plain_cell("=1+1"), plain_cell("-3.5"), plain_cell("-see notes"), plain_cell(-2)
    ("'=1+1", '-3.5', "'-see notes", -2)
    """
    if not isinstance(value, str) or not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def write_table(
    rows: Sequence[Mapping[str, Any]], path: Path, columns: Sequence[str] = ()
) -> None:
    """Write rows that may differ in their columns, with rounded numbers.

    First the stated columns, then others in the order of their appearance. Nested values
    (probabilities of a head) become columns ``<key>_<position>``.
    """
    flat = [{key: _rounded(value) for key, value in _flatten(row).items()} for row in rows]
    write_rows(flat, path, list(dict.fromkeys([*columns, *(n for row in flat for n in row)])))


def _flatten(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{name}_"))
        elif hasattr(value, "__len__") and not isinstance(value, str):
            flat.update({f"{name}_{i}": v for i, v in enumerate(value)})
        else:
            flat[name] = value
    return flat


def _rounded(value: Any) -> Any:
    """Text of a value; None for what is not known, which NaN is."""
    if value is None or isinstance(value, bool) or not hasattr(value, "__float__"):
        return value
    number = float(value)
    if number != number:
        return None
    whole = number.is_integer() and abs(number) > 1
    return str(int(number)) if whole else f"{number:.{DECIMALS}g}"
