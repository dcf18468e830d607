"""The table of the names of the vertebrae, and what sidecars say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..core.name_posterior import NamePosterior
from ..core.name_table import ALTERNATIVE_COLUMNS, NAME_COLUMNS, confidence_columns
from .labels import ANATOMY, VERTEBRA_NAMES
from .recipe import NAMES_TABLE

LABEL_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "number": {"Description": "Number of the vertebra counted from the top."},
    **NAME_COLUMNS,
    "label": {"Description": "Number in the label map of step 2."},
    **ALTERNATIVE_COLUMNS,
}
"""Meaning of the columns."""
ENTRIES: Final[Mapping[str, Mapping[str, Any]]] = {NAMES_TABLE: LABEL_COLUMNS}
"""Entries of the sidecars of single results."""
CONFIDENCES: Final = {"step2_output": NAMES_TABLE}
"""Label map whose sidecar tells the confidence of each name, and the table that has it."""


def name_rows(vertebrae: Sequence[int], posterior: NamePosterior | None) -> list[dict[str, Any]]:
    """One row for each vertebra, with the columns of `LABEL_COLUMNS`.

    Parameters
    ----------
    vertebrae
        Labels of TotalSpineSeg, from top to bottom.
    posterior
        Probabilities of their names; None where there are none.
    """
    names = [ANATOMY[label] for label in vertebrae]
    return [
        {
            "number": row + 1,
            "label": label,
            "name": VERTEBRA_NAMES[label],
            **({} if posterior is None else confidence_columns(posterior, names, row)),
        }
        for row, label in enumerate(vertebrae)
    ]
