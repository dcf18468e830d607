"""Faults of an original program as named switches: one table a system, one field a fault.

The table of a system is a frozen dataclass in its ``upstream.py``, with a docstring for each field
that says what the original does. Nothing else tells the numerics apart: rules ask for a switch by
name, ``upstream(numerics).half_precision``. All switches are off under ``corrected``, the default.
"""

from __future__ import annotations

from dataclasses import field, fields
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
        Kind that is wanted.
    known
        Kinds that the system has.

    Raises
    ------
    ValueError
        If the system has no such kind.
    """
    if numerics not in known:
        raise ValueError(f"numerics is {numerics!r}; known are {', '.join(known)}")
    on = {
        f.name: numerics in (f.metadata["versions"] or set(known) - {CORRECTED})
        for f in fields(table)
    }
    return table(**on)
