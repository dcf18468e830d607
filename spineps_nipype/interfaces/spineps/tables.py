"""Tables of vertebrae in the format of BIDS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DECIMALS = 4
MISSING = "n/a"  # BIDS


def write_table(
    rows: Sequence[Mapping[str, Any]], path: Path, columns: Sequence[str] = ()
) -> None:
    """Write rows as TSV: first the given columns, then others in the order of their appearance.

    Nested values, such as the probabilities of a head, become columns ``<key>_<position>``.
    """
    flat = [_flatten(row) for row in rows]
    columns = list(dict.fromkeys([*columns, *(name for row in flat for name in row)]))
    lines = ["\t".join(columns)]
    lines += ["\t".join(_text(row.get(name)) for name in columns) for row in flat]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


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


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return str(value)
    number = float(value)
    if number != number:  # NaN has no place in a BIDS table
        return MISSING
    whole = number.is_integer() and abs(number) > 1
    return str(int(number)) if whole else f"{number:.{DECIMALS}g}"
