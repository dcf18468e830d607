"""What a number of a mask means: name, abbreviation, colour and tissue, as label tables tell it.

BIDS derivatives describe a mask by a table ``_dseg.tsv`` with the columns of `COLUMNS`. Viewers
have formats of their own, see `lookup_tables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from .anatomy import (
    ANATOMICAL_ORDER,
    CANAL,
    CORD,
    DISC,
    DISC_OFFSET,
    ENDPLATE_OFFSET,
    METAL,
    SACRUM,
    SPINE_NAMES,
    T13,
    VERTEBRA_NAMES,
)
from .colours import Colour, structure_colours, vertebra_colours
from .nomenclature import Column, Structure, plain_meaning, structure
from .tables import MISSING

COLUMNS: Final = ("index", "name", "abbreviation", "color", "mapping")
"""Columns of a label table. Source: BIDS 1.9, derivatives of imaging, segmentations."""
BONE: Final = 4
SOFT_TISSUE: Final = 5
"""Numbers in the table of common labels of BIDS, which has none for cord, canal and metal."""
UNKNOWN_COLOUR: Final[Colour] = (160, 160, 160)
"""Grey of structures that pages do not show, such as ribs."""
ABBREVIATIONS: Final[Mapping[int, str]] = {
    26: "SAC",
    40: "VERT",
    41: "ARC",
    42: "SP",
    43: "CPL",
    44: "CPR",
    45: "SAL",
    46: "SAR",
    47: "IAL",
    48: "IAR",
    49: "VBB",
    50: "VB",
    51: "DENS",
    52: "EPS",
    53: "EPI",
    60: "SC",
    61: "CAN",
    62: "EP",
    80: "MET",
    100: "IVD",
}
"""Abbreviation of each label of the semantic mask of SPINEPS."""


@dataclass(frozen=True)
class Label:
    """One number of a mask.

    Parameters
    ----------
    index, name, abbreviation
        The number and its names.
    colour
        Red, green and blue from 0 to 255: the same as on pages and in their viewer.
    mapping
        Number of the tissue in the common labels of BIDS, None if there is none for it.
    """

    index: int
    name: str
    abbreviation: str
    colour: Colour
    mapping: int | None

    @property
    def row(self) -> dict[str, str]:
        """Values by the columns of the table of BIDS; the colour as ``#rrggbb``."""
        red, green, blue = self.colour
        mapping = MISSING if self.mapping is None else str(self.mapping)
        values = (str(self.index), self.name, self.abbreviation)
        return dict(
            zip(COLUMNS, (*values, f"#{red:02x}{green:02x}{blue:02x}", mapping), strict=True)
        )


def _tissue(part: int) -> int | None:
    """Common label of BIDS for a label of the semantic mask."""
    if part in (CORD, CANAL, METAL):
        return None
    return SOFT_TISSUE if part == DISC else BONE


def spine_labels() -> list[Label]:
    """Labels of the semantic mask of SPINEPS, by number."""
    colours = structure_colours()
    return [
        Label(number, name, ABBREVIATIONS[number], colours[number][1], _tissue(number))
        for number, name in sorted(SPINE_NAMES.items())
    ]


def vertebra_labels() -> list[Label]:
    """Labels of the vertebra mask of SPINEPS: vertebrae, discs, endplates, from top to bottom."""
    with_discs = [n for n in ANATOMICAL_ORDER if n < SACRUM or n == T13]
    colours = vertebra_colours()
    kinds = (
        (ANATOMICAL_ORDER, 0, "", "", BONE),
        (with_discs, DISC_OFFSET, "Disc_", "IVD_", SOFT_TISSUE),
        (with_discs, ENDPLATE_OFFSET, "Endplate_", "EP_", BONE),
    )
    return [
        Label(
            offset + number,
            f"{word}{VERTEBRA_NAMES[number]}",
            f"{short}{VERTEBRA_NAMES[number]}",
            colours[offset + number][1],
            tissue,
        )
        for numbers, offset, word, short, tissue in kinds
        for number in numbers
    ]


def tissue_label(index: int, name: str, part: int) -> Label:
    """Label of another system for a tissue that the semantic mask of SPINEPS has as `part`."""
    colour = structure_colours()[part][1]
    return Label(index, name, ABBREVIATIONS[part], colour, _tissue(part))


def system_labels(column: Column, names: Mapping[int, str] | None = None) -> list[Label]:
    """Labels of a system of the nomenclature, by number.

    Parameters
    ----------
    column
        The system.
    names
        Number to name, where the system has names of its own.
    """
    meaning = plain_meaning(column)
    told: Iterable[tuple[int, str]] = sorted((meaning if names is None else names).items())
    return [_label_of(structure(meaning[index]), index, name) for index, name in told]


def _label_of(known: Structure, index: int, name: str) -> Label:
    """Label for a structure, in the colour that it has in the masks of SPINEPS."""
    vertebra, part = known.codes.get("spineps_vert"), known.codes.get("spineps_spine")
    if vertebra is not None:
        colour = vertebra_colours().get(vertebra, ("", UNKNOWN_COLOUR))[1]
    else:
        colour = UNKNOWN_COLOUR if part is None else structure_colours()[part][1]
    tissue = SOFT_TISSUE if known.kind == "disc" else BONE
    return Label(
        index, name, _abbreviation(known), colour, tissue if part is None else _tissue(part)
    )


def _abbreviation(known: Structure) -> str:
    """Short name of a structure: L5, L5-S1, SAC."""
    if known.kind == "disc" and known.above and known.below:
        return f"{known.above}-{known.below}"
    if known.kind in ("vertebra", "rib", "endplate") and known.above:
        return {"vertebra": "", "rib": "R_", "endplate": "EP_"}[known.kind] + known.above
    part = known.codes.get("spineps_spine")
    return ABBREVIATIONS[part] if part else known.name
