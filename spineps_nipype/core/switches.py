"""Faults of an original program as named switches: one table a system, one field a fault.

The table of a system is a frozen dataclass in its ``upstream.py``, with a docstring for each field
that says what the original does. Nothing else tells the numerics apart: rules ask for a switch by
name, ``upstream(numerics).half_precision``. All switches are off under ``corrected``, the default.
Single ones are turned on by name: ``corrected,slivers_kept`` is corrected but for that rule.
"""

from __future__ import annotations

from dataclasses import field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Table = TypeVar("Table", bound=DataclassInstance)

CORRECTED: Final = "corrected"
"""Numerics without any fault."""


def fault(*versions: str) -> Any:
    """Declare a switch of a table.

    Parameters
    ----------
    *versions
        Numerics that have it on; none for all but ``corrected``.
    """
    return field(default=False, metadata={"versions": frozenset(versions)})


def switches(table: type[Table], numerics: str, known: tuple[str, ...]) -> Table:
    """Switches of a kind of numerics.

    Parameters
    ----------
    table
        Dataclass whose fields are declared with `fault`.
    numerics
        Kind that is wanted, and after commas further switches to turn on.
    known
        Kinds that the system has.

    Raises
    ------
    ValueError
        If the system has no such kind or switch.
    """
    kind, *named = numerics.split(",")
    if kind not in known:
        raise ValueError(f"numerics is {kind!r}; known are {', '.join(known)}")
    names = [f.name for f in fields(table)]
    for name in named:
        if name not in names:
            near = get_close_matches(name, names, n=3) or names
            raise ValueError(f"no switch is called {name!r}; there is {', '.join(near)}")
    on = {
        f.name: f.name in named or kind in (f.metadata["versions"] or set(known) - {CORRECTED})
        for f in fields(table)
    }
    return table(**on)
