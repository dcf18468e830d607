"""JSON and tables read against a schema: the content, and a word for what is wrong with it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from .tables import MISSING

LONGEST_CELL: Final = 100_000
"""Longest cell of a table that is believed [characters]."""
Schema = Any
"""A type, ``None``, a tuple of alternatives, ``[schema]`` for a list, a mapping of keys (each may
be absent unless it is `Need`; other keys are free), or `Every` for a mapping of any keys."""


@dataclass(frozen=True)
class Need:
    """A key that must be there."""

    schema: Schema


@dataclass(frozen=True)
class Every:
    """A mapping whose values all fit a schema."""

    schema: Schema


class Content(NamedTuple):
    """What a JSON file says; empty with a fault where it does not fit its schema."""

    said: dict[str, Any]
    fault: str = ""


class Rows(NamedTuple):
    """Rows of a table; none with a fault where it does not fit."""

    rows: list[dict[str, str | None]]
    fault: str = ""


Check = Callable[[str | None], bool]
"""Whether the value of a cell, None for a missing one, is possible."""


def misfit(content: Any, schema: Schema, place: str = "") -> str:
    """How a value differs from a schema, in words; empty if it fits.

    >>> misfit({"a": [1, "x"]}, {"a": [int]})
    'a[1] is no int'
    """
    return next(_misfits(content, schema, place), "")


def _misfits(content: Any, schema: Schema, place: str) -> Iterator[str]:
    where = place or "it"
    if isinstance(schema, tuple):
        if not any(not misfit(content, one, place) for one in schema):
            yield f"{where} is none of what is possible"
    elif isinstance(schema, list):
        if not isinstance(content, list):
            yield f"{where} is no list"
            return
        for number, entry in enumerate(content):
            yield from _misfits(entry, schema[0], f"{place}[{number}]")
    elif isinstance(schema, Every | Mapping):
        yield from _of_mapping(content, schema, place)
    elif schema is None:
        if content is not None:
            yield f"{where} is not null"
    elif schema is float:
        if not _is_number(content):
            yield f"{where} is no number"
    elif not isinstance(content, schema) or (schema is int and isinstance(content, bool)):
        yield f"{where} is no {schema.__name__}"


def _of_mapping(content: Any, schema: Schema, place: str) -> Iterator[str]:
    if not isinstance(content, dict):
        yield f"{place or 'it'} is no mapping"
        return
    wanted = dict.fromkeys(content, schema.schema) if isinstance(schema, Every) else schema
    for key, entry in wanted.items():
        name = f"{place}.{key}" if place else str(key)
        if key in content:
            inner = entry.schema if isinstance(entry, Need) else entry
            yield from _misfits(content[key], inner, name)
        elif isinstance(entry, Need):
            yield f"{name} is missing"


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def parse_object(text: str, schema: Schema) -> Content:
    """A JSON object that must fit a schema."""
    try:
        content = json.loads(text)
        fault = misfit(content, schema) if isinstance(content, dict) else "it is no object"
    except RecursionError:
        return Content({}, "it is nested too deeply")
    except ValueError as raised:
        return Content({}, f"it is no JSON ({raised})")
    return Content({}, fault) if fault else Content(content)


def read_object(path: Path, schema: Schema) -> Content:
    """A JSON file with an object that must fit a schema; a fault where there is no file."""
    try:
        return parse_object(path.read_text(encoding="utf-8"), schema)
    except (OSError, UnicodeDecodeError) as raised:
        return Content({}, _unreadable(raised))


def read_table(path: Path, needed: Sequence[str], checks: Mapping[str, Check]) -> Rows:
    """Rows of a table; missing values are None.

    Parameters
    ----------
    path
        The table.
    needed
        Columns that must be there.
    checks
        Whether a value is possible, by column; of columns that are there.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, delimiter="\t")
            names = next(reader, [])
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as raised:
        return Rows([], _unreadable(raised))
    if not names:
        return Rows([], "it is empty")
    absent = [name for name in needed if name not in names]
    if absent or len(set(names)) < len(names):
        return Rows([], f"column {absent[0]} is missing" if absent else "a column is there twice")
    found: list[dict[str, str | None]] = []
    for line, cells in enumerate(rows, start=2):
        if not any(cells):
            continue
        fault = _of_row(cells, names, checks)
        if fault:
            return Rows([], f"line {line}: {fault}")
        found.append({n: None if c == MISSING else c for n, c in zip(names, cells, strict=True)})
    return Rows(found)


def _of_row(cells: Sequence[str], names: Sequence[str], checks: Mapping[str, Check]) -> str:
    if len(cells) != len(names):
        return f"{len(cells)} cells under {len(names)} columns"
    for name, cell in zip(names, cells, strict=True):
        if len(cell) > LONGEST_CELL or "\0" in cell:
            return f"{name} is no text"
        check = checks.get(name)
        if check is not None and not check(None if cell == MISSING else cell):
            return f"{name} cannot be {cell[:40]!r}"
    return ""


def number_or_nothing(value: str | None) -> bool:
    """Whether a cell holds a finite number, or nothing."""
    try:
        return value is None or math.isfinite(float(value))
    except ValueError:
        return False


def _unreadable(raised: Exception) -> str:
    if isinstance(raised, UnicodeDecodeError):
        return "it is no text in UTF-8"
    said = raised.strerror if isinstance(raised, OSError) else str(raised)
    return f"it cannot be read ({said})"
