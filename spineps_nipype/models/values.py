"""Values of the JSON files of model packages: their types and ranges.

Each function returns the value, or raises a `ValueError` that names the entry, what it must be,
and what it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

SHOWN: Final = 40
"""Letters of a wrong value that a message shows."""
MAX_ENTRIES: Final = 10_000
"""Most entries of a list or an object."""
LEAST_SPACING_MM, MOST_SPACING_MM = 0.02, 50.0
"""Voxel sizes of body scans; the same as those that images may have."""
AXES: Final = (frozenset("RL"), frozenset("AP"), frozenset("SI"))
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def wrong(name: str, wanted: str, value: object) -> ValueError:
    """Error that says what an entry must be, and what it is."""
    text = repr(value)
    return ValueError(
        f"{name} must be {wanted}, not {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"
    )


def whole(value: object, name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    wanted = f"a whole number from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(name, wanted, value)
    if not math.isfinite(value) or value != int(value) or not low <= value <= high:
        raise wrong(name, wanted, value)
    return int(value)


def real(value: object, name: str, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise wrong(name, f"a number from {low:g} to {high:g}", value)
    return float(value)  # type: ignore[arg-type]


def switch(value: object, name: str) -> bool:
    """``true`` or ``false``; 1 and 0 are taken for them."""
    if value not in (True, False) or isinstance(value, float):
        raise wrong(name, "true or false", value)
    return bool(value)


def text(value: object, name: str) -> str:
    """A text that has printable letters only."""
    if not isinstance(value, str) or not value.isprintable():
        raise wrong(name, "a text", value)
    return value


def file_word(value: object, name: str) -> str:
    """A text that may be part of the name of a file or folder."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise wrong(name, "a name of letters, digits, -, _ and .", value)
    return value


def listed(
    value: object, name: str, entry: Callable[[Any, str], T], length: int | None = None
) -> tuple[T, ...]:
    """A list whose entries have a type of their own."""
    wanted = "a list" if length is None else f"a list of {length}"
    if not isinstance(value, list | tuple) or len(value) > MAX_ENTRIES:
        raise wrong(name, wanted, value)
    if length is not None and len(value) != length:
        raise wrong(name, wanted, value)
    return tuple(entry(one, f"{name}[{place}]") for place, one in enumerate(value))


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping) or len(value) > MAX_ENTRIES:
        raise wrong(name, "an object", value)
    return value


def entry_of(content: Mapping[str, Any], name: str) -> Any:
    """An entry that must be there."""
    if name not in content:
        raise ValueError(f"{name} is missing")
    return content[name]


def words(value: object, allowed: Collection[str], name: str) -> tuple[str, ...]:
    """One of some words, or a list of them."""
    found = (value,) if isinstance(value, str) else value
    if (
        not isinstance(found, list | tuple)
        or not found
        or any(not isinstance(word, str) or word not in allowed for word in found)
    ):
        text = repr(value)[:SHOWN]
        raise ValueError(f"{name} is {text}; known are {', '.join(allowed)}")
    return tuple(found)


def spacing(value: object, name: str) -> tuple[float, float, float]:
    """Voxel size along three axes [mm]."""

    def size(one: object, place: str) -> float:
        return real(one, place, LEAST_SPACING_MM, MOST_SPACING_MM)

    if not isinstance(value, list | tuple) or len(value) != 3:
        raise wrong(name, "a list of three positive numbers", value)
    first, second, third = listed(value, name, size, 3)
    return first, second, third


def orientation(value: object, name: str) -> tuple[str, str, str]:
    """Where three axes run to: one letter each of R or L, A or P, S or I."""
    codes = value if isinstance(value, str | list | tuple) else ()
    letters = [str(code) for code in codes] if len(codes) <= MAX_ENTRIES else []
    if len(letters) != 3:
        raise ValueError(f"{name} has {len(letters)} letters, not 3")
    if any(sum(letter in axis for letter in letters) != 1 for axis in AXES):
        raise wrong(name, "one letter of each axis, such as PIR", value)
    return letters[0], letters[1], letters[2]
