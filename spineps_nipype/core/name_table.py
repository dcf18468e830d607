"""The table of names that every system writes: what its columns mean, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .name_posterior import NamePosterior
from .spine_names import NO_VERTEBRA, in_words, name_of

ALTERNATIVES: Final = 2
"""Next likely names that the table gives for each vertebra."""
SEQUENCES: Final = 2
"""Sequences of names that the table tells: that of the mask, and the likeliest other one."""
NAME_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "label": {"Description": "Number in the vertebra mask."},
    "name": {"Description": "Name of the vertebra."},
    "confidence": {
        "Description": "Probability of the name, over all sequences that a spine may have."
    },
}
ALTERNATIVE_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "alternative_1": {"Description": "Next likely name."},
    "alternative_1_confidence": {"Description": "Its probability."},
    "alternative_2": {"Description": "Name likely after that."},
    "alternative_2_confidence": {"Description": "Its probability."},
    "sequences": {
        "Description": "The names of all vertebrae together with their probability, and the "
        "likeliest others; the same in each row."
    },
}


def confidence_columns(
    posterior: NamePosterior, names: Sequence[int | None], row: int
) -> dict[str, Any]:
    """Columns of a vertebra that tell how probable its names are.

    Parameters
    ----------
    posterior
        Of the scan, in the labels of `anatomy`.
    names
        Labels in force, from top to bottom, one for each row of the posterior.
    row
        Place of the vertebra.
    """
    label = names[row] or NO_VERTEBRA
    others = [(other, p) for other, p in posterior.of_row(row) if other != label]
    columns: dict[str, Any] = {"confidence": posterior.of_label(row, label)}
    for i, (other, probability) in enumerate(others[:ALTERNATIVES], start=1):
        columns[f"alternative_{i}"] = name_of(other)
        columns[f"alternative_{i}_confidence"] = probability
    columns["sequences"] = sequences_in_words(posterior, names)
    return columns


def sequences_in_words(posterior: NamePosterior, names: Sequence[int | None]) -> str:
    """The sequence in force and the likeliest other one, such as ``T11 to L5 (0.83); ...``."""
    told = []
    for labels, probability in posterior.beside(names)[:SEQUENCES]:
        named = [label for label in labels if label != NO_VERTEBRA] or [NO_VERTEBRA]
        told.append(f"{in_words(named)} ({probability:.2f})")
    return "; ".join(told)
