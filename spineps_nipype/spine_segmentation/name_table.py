"""The table of the names of the vertebrae, and what sidecars say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..core.name_table import ALTERNATIVE_COLUMNS, NAME_COLUMNS
from .recipe import NAMES_TABLE
from .sequence import NamedVertebra

LABEL_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "number": {"Description": "Number of the vertebra counted from the top, before naming."},
    **NAME_COLUMNS,
    "label": {"Description": "Number in the mask of instances."},
    **ALTERNATIVE_COLUMNS,
    "share": {"Description": "Share of its voxels that the network of names gives this name."},
    "margin": {
        "Description": "Score of the sequence of names minus that of the best one in which the "
        "vertebra has another name (difference of logarithms); inf where there is none."
    },
}
"""Meaning of the columns."""
ENTRIES: Final[Mapping[str, Mapping[str, Any]]] = {NAMES_TABLE: LABEL_COLUMNS}
"""Entries of the sidecars of single results."""
CONFIDENCES: Final = {"instances": NAMES_TABLE}
"""Mask whose sidecar tells the confidence of each name, and the table that has it."""


def name_rows(vertebrae: Sequence[NamedVertebra]) -> list[dict[str, Any]]:
    """One row for each vertebra, with the columns of `LABEL_COLUMNS`."""
    return [
        {
            "number": v.instance,
            "label": v.id,
            "name": v.name,
            **v.probable,
            "share": v.share,
            "margin": v.margin,
        }
        for v in vertebrae
    ]
