"""What two systems say about the same scan, in canonical names.

All label maps lie on one grid. If one system segments whole vertebrae and another their bodies
only, their vertebrae are compared by name, and their overlap is not rated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from .anatomy import CORPUS, CORPUS_BORDER
from .canonical import COLUMN_OF, Canonical, Extent, System
from .nomenclature import all_names, canonical_numbers, code_of, structure

NAMED_KINDS: Final = ("vertebra", "disc")
"""Kinds of structures whose names can disagree."""
COMPARED_KINDS: Final = frozenset({"vertebra", "disc", "sacrum", "spinal"})
"""Kinds of structures that are compared: those that more than one system knows."""
MIN_COMMON_SHARE: Final = 0.25
"""Share of the smaller of two structures that must overlap for them to count as one."""
TRANSITIONAL: Final = frozenset({"T13", "L6", "L7"})
"""Vertebrae that most spines do not have."""


@dataclass(frozen=True)
class Reading:
    """Result of one system.

    Parameters
    ----------
    system
        Name of the system.
    kind
        Nomenclature of its label map.
    canonical
        Its label map in canonical numbers.
    """

    system: str
    kind: System
    canonical: Canonical


@dataclass(frozen=True)
class Agreement:
    """One structure in two systems.

    Parameters
    ----------
    structure
        Canonical name.
    extent_a, extent_b
        What it covers in each system; overlap is meaningful where both are equal.
    voxels_a, voxels_b
        Its size; 0 where the system did not find it.
    dice
        Overlap of both.
    centroid_mm, surface_mm
        Distance of the centres of mass, and mean distance of the surfaces; None if one of both
        systems did not find the structure.
    """

    system_a: str
    system_b: str
    structure: str
    extent_a: Extent
    extent_b: Extent
    voxels_a: int
    voxels_b: int
    dice: float
    centroid_mm: float | None
    surface_mm: float | None

    @property
    def comparable(self) -> bool:
        """Whether the structure has the same extent in both systems."""
        return self.extent_a == self.extent_b


@dataclass(frozen=True)
class Disagreement:
    """One structure to which two systems give different names.

    Parameters
    ----------
    name_a, name_b
        Canonical names.
    share
        Overlap as a share of the smaller of the two.
    """

    system_a: str
    system_b: str
    name_a: str
    name_b: str
    share: float


@dataclass(frozen=True)
class Comparison:
    """Comparison of all pairs of systems on a scan."""

    agreements: tuple[Agreement, ...]
    disagreements: tuple[Disagreement, ...]
    line: str


def compare(readings: Sequence[Reading], spacing: Sequence[float]) -> Comparison:
    """Compare every pair of systems.

    Parameters
    ----------
    readings
        Results on one grid.
    spacing
        Voxel size in mm.
    """
    agreements: list[Agreement] = []
    disagreements: list[Disagreement] = []
    sentences: list[str] = []
    for i, first in enumerate(readings):
        for second in readings[i + 1 :]:
            one, other = _with_equal_extent(first, second)
            matched = _agreements(one, other, spacing)
            renamed = _disagreements(one, other)
            agreements += matched
            disagreements += renamed
            sentences.append(_summary(one.system, other.system, matched, renamed))
    return Comparison(tuple(agreements), tuple(disagreements), " ".join(sentences))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Dice overlap: twice the common voxels over the sum of both; 0 if both masks are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 0.0


def surface_distance(
    a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Sequence[float]
) -> float | None:
    """Mean distance [mm] of each surface from the other; None if a mask is empty."""
    if not a.any() or not b.any():
        return None
    zoom = np.asarray(spacing, float)
    first, second = _surface(a) * zoom, _surface(b) * zoom
    there, back = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    return float((there.sum() + back.sum()) / (len(there) + len(back)))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def _with_equal_extent(a: Reading, b: Reading) -> tuple[Reading, Reading]:
    """Both readings; if their extents differ, whole vertebrae are reduced to their bodies."""
    if a.canonical.extent == b.canonical.extent:
        return a, b
    return _bodies(a), _bodies(b)


def _bodies(reading: Reading) -> Reading:
    """The reading with bodies in place of whole vertebrae, if its semantic mask tells them."""
    canonical = reading.canonical
    if canonical.extent != "whole" or canonical.parts is None:
        return reading
    bone = np.isin(canonical.labels, _numbers("vertebra"))
    body = np.isin(canonical.parts, (CORPUS_BORDER, CORPUS))
    labels = np.where(bone & ~body, 0, canonical.labels).astype(np.uint16)
    return replace(reading, canonical=replace(canonical, labels=labels, extent="body"))


def _numbers(kind: str) -> list[int]:
    """Canonical numbers of all structures of a kind."""
    return [n for name, n in canonical_numbers().items() if structure(name).kind == kind]


def _known(name: str, kind: System) -> bool:
    """Whether a system has a number for a structure."""
    if kind == "spineps":
        return code_of(name, "spineps_vert") is not None or (
            code_of(name, "spineps_spine") is not None
        )
    return code_of(name, COLUMN_OF[kind]) is not None


def _agreements(a: Reading, b: Reading, spacing: Sequence[float]) -> list[Agreement]:
    """Overlap and distances of each structure that both systems can represent."""
    boxes_a = ndimage.find_objects(a.canonical.labels.astype(np.int32))
    boxes_b = ndimage.find_objects(b.canonical.labels.astype(np.int32))
    rows = []
    for number, name in enumerate(all_names(), start=1):
        box_a, box_b = _box(boxes_a, number), _box(boxes_b, number)
        if box_a is None and box_b is None:
            continue
        one = structure(name)
        if one.kind not in COMPARED_KINDS or (one.kind in NAMED_KINDS and one.above is None):
            continue
        if not (_known(name, a.kind) and _known(name, b.kind)):
            continue
        box = _enclosing_box(box_a, box_b)
        mask_a, mask_b = a.canonical.labels[box] == number, b.canonical.labels[box] == number
        bone = one.kind == "vertebra"
        rows.append(
            Agreement(
                a.system,
                b.system,
                name,
                a.canonical.extent if bone else "whole",
                b.canonical.extent if bone else "whole",
                int(mask_a.sum()),
                int(mask_b.sum()),
                dice(mask_a, mask_b),
                _centroid_distance(mask_a, mask_b, spacing),
                surface_distance(mask_a, mask_b, spacing),
            )
        )
    return rows


def _box(boxes: Sequence[Any], number: int) -> tuple[slice, ...] | None:
    return boxes[number - 1] if number <= len(boxes) else None


def _enclosing_box(a: tuple[slice, ...] | None, b: tuple[slice, ...] | None) -> tuple[slice, ...]:
    """Smallest box around two boxes, of which one may be absent."""
    if a is None or b is None:
        only = a or b
        assert only is not None
        return only
    return tuple(
        slice(min(x.start, y.start), max(x.stop, y.stop)) for x, y in zip(a, b, strict=True)
    )


def _centroid_distance(
    a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Sequence[float]
) -> float | None:
    if not a.any() or not b.any():
        return None
    apart = np.argwhere(a).mean(axis=0) - np.argwhere(b).mean(axis=0)
    return float(np.linalg.norm(apart * np.asarray(spacing, float)))


def _disagreements(a: Reading, b: Reading) -> list[Disagreement]:
    """Structures whose best match in the other system is of the same kind but has another name."""
    found = []
    names = all_names()
    sizes_a = np.bincount(a.canonical.labels.ravel(), minlength=len(names) + 1)
    sizes_b = np.bincount(b.canonical.labels.ravel(), minlength=len(names) + 1)
    for kind in NAMED_KINDS:
        numbers = [n for n in _numbers(kind) if structure(names[n - 1]).above is not None]
        common = _common(a.canonical.labels, b.canonical.labels, numbers)
        partner = {n: max(rest, key=lambda m: rest[m]) for n, rest in common.items()}
        for n, m in partner.items():
            share = common[n][m] / min(sizes_a[n], sizes_b[m])
            if n != m and share >= MIN_COMMON_SHARE:
                found.append(
                    Disagreement(a.system, b.system, names[n - 1], names[m - 1], float(share))
                )
    return found


def _common(
    a: NDArray[np.uint16], b: NDArray[np.uint16], numbers: Sequence[int]
) -> dict[int, dict[int, int]]:
    """Number of voxels that each structure of `a` shares with each structure of `b`."""
    wanted = np.isin(a, numbers) & np.isin(b, numbers)
    pairs, counts = np.unique(np.stack([a[wanted], b[wanted]]), axis=1, return_counts=True)
    out: dict[int, dict[int, int]] = {}
    for (n, m), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        out.setdefault(n, {})[m] = count
    return out


def _summary(
    a: str, b: str, agreements: Sequence[Agreement], disagreements: Sequence[Disagreement]
) -> str:
    """How far two systems agree on the names of vertebrae and discs, in one sentence."""
    both = [r for r in agreements if r.voxels_a and r.voxels_b and r.dice > 0]
    renamed = {d.name_a for d in disagreements}
    same = sum(
        structure(r.structure).kind in NAMED_KINDS and r.structure not in renamed for r in both
    )
    total = same + len(disagreements)
    if not total:
        return f"{a} and {b}: no vertebra or disc of one lies on one of the other."
    rated = [r.dice for r in both if r.comparable]
    overlap = f", median Dice {median(rated):.2f}" if rated else ""
    text = f"{a} and {b}: same name for {same} of {total} vertebrae and discs{overlap}"
    return f"{text}{_difference(a, b, disagreements)}."


def _difference(a: str, b: str, disagreements: Sequence[Disagreement]) -> str:
    """The second half of the sentence: an example, and the shift if all names share one."""
    if not disagreements:
        return ""
    first = disagreements[0]
    example = f"{_short(first.name_a)} of {a} is {_short(first.name_b)} of {b}"
    shifts = {_level_shift(d) for d in disagreements}
    shift = shifts.pop()
    if shifts or not shift:
        return f"; {example}{' and more' if len(disagreements) > 1 else ''}"
    direction = "higher" if shift < 0 else "lower"
    by = f"{abs(shift)} level{'s' if abs(shift) > 1 else ''} {direction}"
    return f"; {b} names {len(disagreements)} of them {by} ({example})"


def _level_shift(pair: Disagreement) -> int:
    """Levels by which the second name lies below the first; 0 if that is not known."""
    order = [s.above for s in map(structure, all_names()) if s.kind == "vertebra" and s.above]
    one, other = structure(pair.name_a).above, structure(pair.name_b).above
    if one not in order or other not in order:
        return 0
    # Most spines have no transitional vertebra, so it counts as a level only if one name is its.
    usual = [name for name in order if name not in TRANSITIONAL or name in {one, other}]
    return usual.index(other) - usual.index(one)


def _short(name: str) -> str:
    return name.partition("_")[2].replace("_", "-")
