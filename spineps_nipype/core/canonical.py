"""Label maps in canonical names: reading the label maps of all systems.

Nothing is dropped silently: labels that could not be read are returned as a list.
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
MOST_UNKNOWN: Final = 128
"""Numbers without a name beyond which a map is taken for grey values; a label map of the whole
body (TotalSegmentator has 117 labels, all systems beside the spine fewer) stays below."""
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
    """A structure that the target system cannot represent.

    Parameters
    ----------
    name
        Name of the structure, or its number if it is unknown.
    voxels
        Number of its voxels.
    kind
        ``dropped``: they are 0 now. ``merged``: they carry the number of something larger.
    reason
        Explanation for the user.
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
        What the label of a vertebra covers: the whole bone, its body, or a point on the disc.
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
        """Names of the structures in the image, in the order of the table."""
        return [name for name, _ in voxels_by_name(self.labels)]


def to_canonical(
    source: System,
    labels: NDArray[Any] | None,
    *,
    spine: NDArray[Any] | None = None,
    numbering: Numbering | None = None,
) -> Canonical:
    """Read a label map; parameters and errors are those of `convert_labels.convert_labels`."""
    if source == "spineps":
        return _from_spineps(labels, spine, numbering)
    if labels is None:
        raise InputError(f"A label map of {source} is needed.")
    data = _checked(labels)
    present = voxels_by_number(data)
    step1 = source == "totalspineseg_step1"
    names = _step1_names(present) if step1 else meanings(COLUMN_OF[source], present)
    extent = EXTENT_OF.get(source, "whole")
    return Canonical(_to_canonical_numbers(data, names), extent, losses=_unknown(present, names))


def _from_spineps(
    vert: NDArray[Any] | None, spine: NDArray[Any] | None, numbering: Numbering | None
) -> Canonical:
    _check_spineps(vert, spine, numbering)
    losses: list[Loss] = []
    labels: NDArray[np.uint16] | None = None
    sacrum: set[int] = set()
    if spine is not None:
        tissue = _checked(spine)
        present = voxels_by_number(tissue)
        names = _tissue_names(present)
        # The vertebra mask may lack the sacrum, which decides what its shared numbers mean.
        sacrum = {SACRUM} & set(present)
        labels = _to_canonical_numbers(tissue, names)
        losses += _unknown(present, names, UNKNOWN_TISSUE)
    if vert is not None:
        bones = _checked(vert)
        present = voxels_by_number(bones)
        names = meanings("spineps_vert", {*present, *sacrum})
        numbered = _to_canonical_numbers(bones, names)
        losses += _unknown(present, names)
        labels = numbered if labels is None else np.where(numbered > 0, numbered, labels)
    assert labels is not None
    return Canonical(labels, "whole", spine, tuple(losses))


def _check_spineps(
    vert: NDArray[Any] | None, spine: NDArray[Any] | None, numbering: Numbering | None
) -> None:
    """Refuse masks of SPINEPS whose vertebrae are not named, or that do not fit each other."""
    if vert is None and spine is None:
        raise InputError("The vertebra mask or the semantic mask of SPINEPS is needed.")
    if vert is not None and numbering != "anatomical":
        why = "were only counted from the top" if numbering else "may have been counted only"
        raise CompatibilityError(
            f"The vertebrae {why}; such numbers are no anatomy.",
            remedy="Run a labelling model, or state that the numbering is anatomical "
            "(--numbering anatomical).",
        )
    if vert is not None and spine is not None and vert.shape != spine.shape:
        raise InputError(
            f"The masks differ in shape: {vert.shape} and {spine.shape}.",
            remedy="Give both masks of one scan, on one grid.",
        )


def _tissue_names(present: dict[int, int]) -> dict[int, str]:
    """Name of each label of the semantic mask, which says the tissue but not the level."""
    names = {**meanings("spineps_spine", present)}
    for code in present:
        if code in VERTEBRA_PARTS:
            names[code] = SOME_VERTEBRA
        elif code in ENDPLATES:
            names[code] = SOME_ENDPLATE
        elif code == DISC:
            names[code] = SOME_DISC
    return names


def _step1_names(present: dict[int, int]) -> dict[int, str]:
    """Name of each label of step 1 of TotalSpineSeg, which tells C1 from other vertebrae only."""
    names = meanings("totalspineseg", present)
    for code, name in names.items():
        if structure(name).kind in {"vertebra", "sacrum"} and code != STEP1_C1:
            names[code] = SOME_VERTEBRA
    return names


def _checked(labels: NDArray[Any]) -> NDArray[Any]:
    """The label map itself; an error if it holds anything but whole numbers from 0."""
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError("Label maps hold whole numbers.")
    if labels.size and int(labels.min()) < 0:
        raise InputError("Label maps hold no negative numbers.")
    return labels


def voxels_by_number(labels: NDArray[Any]) -> dict[int, int]:
    """Number of voxels of each label other than 0."""
    counts = np.bincount(labels.ravel())
    return {int(n): int(counts[n]) for n in np.flatnonzero(counts) if n}


def voxels_by_name(labels: NDArray[np.uint16]) -> list[tuple[str, int]]:
    """Name and number of voxels of each structure of a canonical label map, in table order."""
    names = all_names()
    return [(names[n - 1], voxels) for n, voxels in voxels_by_number(labels).items()]


def _to_canonical_numbers(labels: NDArray[Any], names: dict[int, str]) -> NDArray[np.uint16]:
    """The label map in canonical numbers; labels without a name become 0."""
    numbers = canonical_numbers()
    table = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.uint16)
    for code, name in names.items():
        table[code] = numbers[name]
    return np.asarray(table[labels])


def _unknown(
    present: Mapping[int, int], names: Mapping[int, str], reason: str = UNKNOWN
) -> tuple[Loss, ...]:
    """Labels that have no name, as losses; so many that it must be an image are an error."""
    unknown = {code: voxels for code, voxels in present.items() if code not in names}
    if len(unknown) > MOST_UNKNOWN:
        raise InputError(
            f"{len(unknown)} numbers have no name: these look like grey values, not labels.",
            remedy="Give a label map, and the system that it comes from.",
        )
    return tuple(Loss(str(code), voxels, "dropped", reason) for code, voxels in unknown.items())
