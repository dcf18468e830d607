"""Text that people write: any of the encodings of usual editors, JSON of any depth, tables."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the encodings that they stand for."""
MOST_DIGITS: Final = 18
"""A whole number with more digits counts nothing that there is."""
SEPARATORS: Final = "\t;,"
"""What parts the columns of a table, the likeliest first."""


def whole_number(text: str) -> int | None:
    """Whole number of a few decimal digits, without a sign; None for anything else.

    >>> whole_number("12"), whole_number("-1"), whole_number("²"), whole_number("9" * 5000)
    (12, None, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def read_text(path: str | Path) -> str:
    """Text of a file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is in none of these encodings; the words say what to do.
    """
    raw = Path(path).read_bytes()
    encoding = next((name for mark, name in MARKS if raw.startswith(mark)), "")
    if not encoding:  # every second byte of plain letters in UTF-16 is 0
        zeros = raw[:64:2].count(0), raw[1:64:2].count(0)
        half = max(len(raw[:64]) // 4, 1)
        encoding = (
            "utf-16-be" if zeros[0] >= half else "utf-16-le" if zeros[1] >= half else "utf-8"
        )
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as fault:
        raise ValueError(
            f"byte {fault.start} is not {encoding.upper().removesuffix('-SIG')}; "
            "save the file as UTF-8"
        ) from fault


def parse_json(path: str | Path) -> Any:
    """Content of a JSON file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(read_text(path))
    except RecursionError as fault:
        raise ValueError("it is nested too deeply") from fault


def parse_table(
    path: str | Path, known: Collection[str]
) -> tuple[list[str], list[dict[str, str | None]]]:
    """Columns and rows of a table whose columns a tab, a semicolon or a comma parts.

    Parameters
    ----------
    known
        Names of columns; the separator is the one that finds most of them.

    Returns
    -------
    columns, rows
        Where a semicolon parts the columns, spreadsheets write decimal commas; numbers with one
        get a point.

    Raises
    ------
    OSError, ValueError
        If it cannot be read.
    """
    lines = read_text(path).splitlines()
    head = lines[0] if lines else ""
    separator = max(SEPARATORS, key=lambda mark: _found(head, mark, known))
    try:
        reader = csv.DictReader(lines, delimiter=separator, restkey="")
        rows: list[dict[str, str | None]] = [dict(row) for row in reader]
    except csv.Error as fault:
        raise ValueError(str(fault)) from fault
    columns = [name.strip() for name in reader.fieldnames or ()]
    named = [
        {(key or "").strip(): _with_point(value, separator) for key, value in row.items()}
        for row in rows
    ]
    return columns, named


def _found(head: str, separator: str, known: Collection[str]) -> int:
    names = next(csv.reader([head], delimiter=separator), [])
    return len({name.strip() for name in names} & set(known))


def _with_point(value: str | Sequence[str] | None, separator: str) -> str | None:
    """A number with a decimal point in place of a comma; other text as it is."""
    if not isinstance(value, str):
        return None
    whole, comma, rest = value.strip().partition(",")
    if separator != "," and comma and rest.isdecimal() and whole.lstrip("+-").isdecimal():
        return f"{whole}.{rest}"
    return value
