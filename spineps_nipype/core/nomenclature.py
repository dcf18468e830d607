"""One name for every structure, and its number in each system.

The table `data/nomenclature.tsv` holds the numbers. A star marks a number that several
structures share: by itself it means the structure without the star; other labels of the image
may tell that it means another one (`resolve_shared`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, get_args

TABLE: Final = Path(__file__).parents[1] / "data" / "nomenclature.tsv"

Column = Literal[
    "spineps_vert",
    "spineps_spine",
    "totalspineseg",
    "spine_segmentation",
    "totalsegmentator",
    "totalsegmentator_mr",
    "sct_level",
]
CODE_COLUMNS: Final[tuple[Column, ...]] = get_args(Column)
SHARED_MARK: Final = "*"

# Structures of masks that tell the tissue but not the level
SOME_VERTEBRA: Final = "vertebra"
SOME_DISC: Final = "disc"
SOME_ENDPLATE: Final = "endplate"
UNNUMBERED: Final = (SOME_VERTEBRA, SOME_DISC, SOME_ENDPLATE)

# Numbers that we add to those of spine-segmentation, see `spine_segmentation.names`
OWN_NUMBERS: Final[dict[int, str]] = {51: "vertebra_T13", 52: "disc_T13_L1"}
LEVEL_C1: Final = 1
"""Level of the Spinal Cord Toolbox at the top of the cord, taken for C1."""


@dataclass(frozen=True)
class Structure:
    """A row of the table.

    Parameters
    ----------
    name
        Such as ``vertebra_L5``, ``disc_L5_S1``, ``sacrum``.
    codes
        Number in each system that knows it.
    shared
        Systems in which the number means another structure unless the image tells otherwise.
    snomed
        SNOMED CT concept, empty where none is verified.
    """

    name: str
    codes: Mapping[Column, int]
    shared: frozenset[Column]
    snomed: str = ""

    @property
    def kind(self) -> str:
        """First word of the name."""
        return self.name.split("_")[0]

    @property
    def above(self) -> str | None:
        """Vertebra above a disc, or the vertebra itself; None for other structures."""
        words = self.name.split("_")
        named = len(words) > 1 and self.kind in {"vertebra", "disc", "endplate", "rib"}
        return words[1] if named else None

    @property
    def below(self) -> str | None:
        """Vertebra below a disc."""
        words = self.name.split("_")
        return words[2] if len(words) > 2 and self.kind == "disc" else None


@cache
def structures() -> tuple[Structure, ...]:
    """All rows of the table, in its order."""
    with TABLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return tuple(
        Structure(
            row["structure"],
            {c: int(row[c].rstrip(SHARED_MARK)) for c in CODE_COLUMNS if row[c]},
            frozenset(c for c in CODE_COLUMNS if row[c].endswith(SHARED_MARK)),
            row["snomed"],
        )
        for row in rows
    )


@cache
def structure(name: str) -> Structure:
    """Row of the table for a structure.

    Raises
    ------
    KeyError
        If there is no such structure.
    """
    return next(s for s in (*structures(), *_unnumbered()) if s.name == name)


def _unnumbered() -> tuple[Structure, ...]:
    """Structures that only the semantic mask of SPINEPS and step 1 of TotalSpineSeg know."""
    codes: dict[str, dict[Column, int]] = {
        SOME_VERTEBRA: {"spineps_spine": 40},
        SOME_DISC: {"spineps_spine": 100},
        SOME_ENDPLATE: {"spineps_spine": 62},
    }
    return tuple(Structure(name, codes[name], frozenset()) for name in UNNUMBERED)


@cache
def all_names() -> tuple[str, ...]:
    """Names in the order of canonical numbers, which begin at 1."""
    return (*UNNUMBERED, *(s.name for s in structures()))


@cache
def canonical_numbers() -> Mapping[str, int]:
    """Number of each structure in canonical label maps; they are not stored in files."""
    return {name: i for i, name in enumerate(all_names(), start=1)}


@cache
def plain_meaning(column: Column) -> Mapping[int, str]:
    """Structure that each number of a system means if the rest of the image is not known."""
    found = {
        s.codes[column]: s.name
        for s in structures()
        if column in s.codes and column not in s.shared
    }
    if column == "spine_segmentation":
        found.update(OWN_NUMBERS)
    if column == "sct_level":
        found[LEVEL_C1] = "vertebra_C1"
    return found


def code_of(name: str, column: Column) -> int | None:
    """Number of a structure in a system, shared ones included; None if it has none."""
    return structure(name).codes.get(column)


def meanings(column: Column, present: Iterable[int]) -> dict[int, str]:
    """Structure that each number of a system means in an image.

    Parameters
    ----------
    column
        System.
    present
        All numbers in the image; they decide what shared numbers mean.

    Returns
    -------
    dict
        For the numbers in `present` that the system knows.
    """
    numbers = set(present)
    plain = plain_meaning(column)
    shared = resolve_shared(column, numbers)
    return {n: shared.get(n, plain[n]) for n in sorted(numbers) if n in plain}


def resolve_shared(column: Column, present: set[int]) -> dict[int, str]:
    """Structures that shared numbers of a system mean, given the vertebrae in the image.

    A disc has the number of the vertebra above it. Which vertebra lies below it, and which one
    lies above the disc on the sacrum in TotalSpineSeg, depends on what else the image holds.
    """
    if column == "spineps_vert":
        return _shared_of_spineps(present)
    if column == "totalspineseg":
        lowest = max(present & {44, 45, 46}, default=45)
        return {100: {44: "disc_L4_S1", 45: "disc_L5_S1", 46: "disc_L6_S1"}[lowest]}
    if column == "spine_segmentation":
        return _shared_of_spine_segmentation(present)
    return {}


def _shared_of_spineps(present: set[int]) -> dict[int, str]:
    """The same for the vertebra mask of SPINEPS: L5, L6 and S1 are 24 to 26, T13 is 28."""
    out = {124: "disc_L5_L6" if 25 in present else "disc_L5_S1"}
    if 26 in present and not present & {24, 25}:
        out[123] = "disc_L4_S1"
    if 28 in present:
        out[119] = "disc_T12_T13"
    if present & set(range(29, 34)):
        out[26] = "vertebra_S1"
    return out


def _shared_of_spine_segmentation(present: set[int]) -> dict[int, str]:
    """The same for spine-segmentation: L5, L6 and S1 are 45, 47 and 49, T13 is 51."""
    out = {46: "disc_L5_L6" if 47 in present else "disc_L5_S1"}
    if 49 in present and not present & {45, 47}:
        out[44] = "disc_L4_S1"
    if 51 in present:
        out[36] = "disc_T12_T13"
    return out
