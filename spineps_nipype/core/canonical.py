"""Label maps in canonical names: what the image of a system says, and what it cannot say.

Nothing is dropped silently: what could not be read is returned as a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import CompatibilityError, InputError
from .anatomy import DISC, ENDPLATE, SACRUM, VERTEBRA_PARTS
from .nomenclature import (
    SOME_DISC,
    SOME_ENDPLATE,
    SOME_VERTEBRA,
    Column,
    all_names,
    canonical_numbers,
    meanings,
    structure,
)

System = Literal[
    "spineps",
    "totalspineseg",
    "totalspineseg_step1",
    "spine_segmentation",
    "totalsegmentator",
    "totalsegmentator_mr",
    "sct_levels",
]
SYSTEMS: Final[tuple[System, ...]] = get_args(System)
Numbering = Literal["anatomical", "counted"]
Extent = Literal["whole", "body", "point"]

UNKNOWN: Final = "unknown number"
UNKNOWN_TISSUE: Final = "unknown number in the semantic mask"
ENDPLATES: Final = (52, 53, ENDPLATE)
STEP1_BONE: Final = 50
"""Step 1 of TotalSpineSeg: any vertebra but C1, or the sacrum."""
STEP1_C1: Final = 11

COLUMN_OF: Final[dict[System, Column]] = {
    "totalspineseg": "totalspineseg",
    "totalspineseg_step1": "totalspineseg",
    "spine_segmentation": "spine_segmentation",
    "totalsegmentator": "totalsegmentator",
    "totalsegmentator_mr": "totalsegmentator_mr",
    "sct_levels": "sct_level",
}
EXTENT_OF: Final[dict[System, Extent]] = {"spine_segmentation": "body", "sct_levels": "point"}


@dataclass(frozen=True)
class Loss:
    """Something that the target cannot say.

    Parameters
    ----------
    name
        Structure, or the number of an unknown one.
    voxels
        How many voxels it has.
    kind
        ``dropped``: they are 0 now. ``merged``: they carry the number of something larger.
    reason
        In words.
    """

    name: str
    voxels: int
    kind: Literal["dropped", "merged"]
    reason: str


@dataclass(frozen=True)
class Canonical:
    """A label map in canonical numbers.

    Parameters
    ----------
    labels
        Numbers of `canonical_numbers`, uint16.
    extent
        What vertebrae cover: the whole bone, the body, or a point on the disc.
    parts
        Semantic mask of SPINEPS, if that was the source.
    losses
        What could not be read.
    """

    labels: NDArray[np.uint16]
    extent: Extent = "whole"
    parts: NDArray[Any] | None = None
    losses: tuple[Loss, ...] = ()

    @property
    def names(self) -> list[str]:
        """Structures in the image, in the order of the table."""
        return [name for name, _ in counted(self.labels)]


def to_canonical(
    source: System,
    labels: NDArray[Any] | None,
    *,
    spine: NDArray[Any] | None = None,
    numbering: Numbering | None = None,
) -> Canonical:
    """Read a label map; parameters and errors as `convert_labels.convert_labels`."""
    if source == "spineps":
        return _from_spineps(labels, spine, numbering)
    if labels is None:
        raise InputError(f"A label map of {source} is needed.")
    data = _whole(labels)
    here = present_numbers(data)
    names = _step1(here) if source == "totalspineseg_step1" else meanings(COLUMN_OF[source], here)
    return Canonical(
        _mapped(data, names), EXTENT_OF.get(source, "whole"), losses=_unknown(here, names)
    )


def _from_spineps(
    vert: NDArray[Any] | None, spine: NDArray[Any] | None, numbering: Numbering | None
) -> Canonical:
    if vert is None and spine is None:
        raise InputError("The vertebra mask or the semantic mask of SPINEPS is needed.")
    if vert is not None and numbering != "anatomical":
        why = "were only counted from the top" if numbering else "may have been counted only"
        raise CompatibilityError(
            f"The vertebrae {why}; such numbers are no anatomy.",
            remedy="Run a labelling model, or state that the numbering is anatomical.",
        )
    if vert is not None and spine is not None and vert.shape != spine.shape:
        raise InputError(
            f"The masks differ in shape: {vert.shape} and {spine.shape}.",
            remedy="Give both masks of one scan, on one grid.",
        )
    losses: list[Loss] = []
    labels: NDArray[np.uint16] | None = None
    seen: set[int] = set()
    if spine is not None:
        tissue = _whole(spine)
        here = present_numbers(tissue)
        names = _tissues(here)
        seen = {SACRUM} & set(here)
        labels = _mapped(tissue, names)
        losses += _unknown(here, names, UNKNOWN_TISSUE)
    if vert is not None:
        bones = _whole(vert)
        here = present_numbers(bones)
        names = meanings("spineps_vert", {*here, *seen})
        numbered = _mapped(bones, names)
        losses += _unknown(here, names)
        labels = numbered if labels is None else np.where(numbered > 0, numbered, labels)
    assert labels is not None
    return Canonical(labels, "whole", spine, tuple(losses))


def _tissues(here: dict[int, int]) -> dict[int, str]:
    names = {**meanings("spineps_spine", here)}
    for code in here:
        if code in VERTEBRA_PARTS:
            names[code] = SOME_VERTEBRA
        elif code in ENDPLATES:
            names[code] = SOME_ENDPLATE
        elif code == DISC:
            names[code] = SOME_DISC
    return names


def _step1(here: dict[int, int]) -> dict[int, str]:
    names = meanings("totalspineseg", here)
    for code, name in names.items():
        if structure(name).kind in {"vertebra", "sacrum"} and code != STEP1_C1:
            names[code] = SOME_VERTEBRA
    return names


def _whole(labels: NDArray[Any]) -> NDArray[Any]:
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError("Label maps hold whole numbers.")
    if labels.size and int(labels.min()) < 0:
        raise InputError("Label maps hold no negative numbers.")
    return labels


def present_numbers(labels: NDArray[Any]) -> dict[int, int]:
    """Number of voxels of each number but 0."""
    counts = np.bincount(labels.ravel())
    return {int(n): int(counts[n]) for n in np.flatnonzero(counts) if n}


def counted(labels: NDArray[np.uint16]) -> list[tuple[str, int]]:
    """Name and voxels of each structure of a canonical label map, in the order of the table."""
    names = all_names()
    return [(names[n - 1], voxels) for n, voxels in present_numbers(labels).items()]


def _mapped(labels: NDArray[Any], names: dict[int, str]) -> NDArray[np.uint16]:
    numbers = canonical_numbers()
    table = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.uint16)
    for code, name in names.items():
        table[code] = numbers[name]
    return np.asarray(table[labels])


def _unknown(
    here: Mapping[int, int], names: Mapping[int, str], reason: str = UNKNOWN
) -> tuple[Loss, ...]:
    return tuple(
        Loss(str(code), voxels, "dropped", reason)
        for code, voxels in here.items()
        if code not in names
    )
