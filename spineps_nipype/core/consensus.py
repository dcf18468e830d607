"""What two systems say about the same scan, in canonical names.

Label maps lie on one grid. Vertebrae of one system may be whole bones and those of another
bodies only; such pairs are compared by name, and their overlap is not judged.
"""

from __future__ import annotations

from collections import Counter
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

NAMED: Final = ("vertebra", "disc")
"""Kinds of structures whose names can disagree."""
COMPARED: Final = frozenset({"vertebra", "disc", "sacrum", "spinal"})
"""Kinds of structures that are compared: those that more than one system knows."""
LEAST_SHARE: Final = 0.25
"""Share of a structure that another must cover to be taken for the same one."""


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
        Distance of the centres of mass, and mean distance of the surfaces; None where one is
        absent.
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
        """Whether both systems mean the same part of the body."""
        return self.extent_a == self.extent_b


@dataclass(frozen=True)
class Disagreement:
    """The same part of the body under two names.

    Parameters
    ----------
    name_a, name_b
        Canonical names.
    share
        Share of the smaller of both that they have in common.
    """

    system_a: str
    system_b: str
    name_a: str
    name_b: str
    share: float


@dataclass(frozen=True)
class Consensus:
    """Comparison of all pairs of systems on a scan."""

    agreements: tuple[Agreement, ...]
    disagreements: tuple[Disagreement, ...]
    line: str


def compare(readings: Sequence[Reading], spacing: Sequence[float]) -> Consensus:
    """Compare every pair of systems.

    Parameters
    ----------
    readings
        Results on one grid.
    spacing
        Voxel size in mm.
    """
    rows: list[Agreement] = []
    quarrels: list[Disagreement] = []
    words: list[str] = []
    for i, first in enumerate(readings):
        for second in readings[i + 1 :]:
            one, other = _same_parts(first, second)
            found = _agreements(one, other, spacing)
            named = _disagreements(one, other)
            rows += found
            quarrels += named
            words.append(_sentence(one.system, other.system, found, named))
    return Consensus(tuple(rows), tuple(quarrels), " ".join(words))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Overlap: twice the common voxels over the sum of both; 0 when both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 0.0


def surface_distance(
    a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Sequence[float]
) -> float | None:
    """Mean distance in mm from the surface of each mask to that of the other; None if empty."""
    if not a.any() or not b.any():
        return None
    zoom = np.asarray(spacing, float)
    first, second = _surface(a) * zoom, _surface(b) * zoom
    there, back = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    return float((there.sum() + back.sum()) / (len(there) + len(back)))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def _same_parts(a: Reading, b: Reading) -> tuple[Reading, Reading]:
    """Both readings, whole bones cut down to bodies where the parts are known."""
    if a.canonical.extent == b.canonical.extent:
        return a, b
    return _bodies(a), _bodies(b)


def _bodies(reading: Reading) -> Reading:
    canonical = reading.canonical
    if canonical.extent != "whole" or canonical.parts is None:
        return reading
    bone = np.isin(canonical.labels, _numbers("vertebra"))
    body = np.isin(canonical.parts, (CORPUS_BORDER, CORPUS))
    labels = np.where(bone & ~body, 0, canonical.labels).astype(np.uint16)
    return replace(reading, canonical=replace(canonical, labels=labels, extent="body"))


def _numbers(kind: str) -> list[int]:
    return [n for name, n in canonical_numbers().items() if structure(name).kind == kind]


def _known(name: str, kind: System) -> bool:
    """Whether a system has a number for a structure of its own."""
    if kind == "spineps":
        return code_of(name, "spineps_vert") is not None or (
            code_of(name, "spineps_spine") is not None
        )
    return code_of(name, COLUMN_OF[kind]) is not None


def _agreements(a: Reading, b: Reading, spacing: Sequence[float]) -> list[Agreement]:
    boxes_a = ndimage.find_objects(a.canonical.labels.astype(np.int32))
    boxes_b = ndimage.find_objects(b.canonical.labels.astype(np.int32))
    rows = []
    for number, name in enumerate(all_names(), start=1):
        box_a, box_b = _box(boxes_a, number), _box(boxes_b, number)
        if box_a is None and box_b is None:
            continue
        one = structure(name)
        if one.kind not in COMPARED or (one.kind in NAMED and one.above is None):
            continue
        if not (_known(name, a.kind) and _known(name, b.kind)):
            continue
        box = _joined(box_a, box_b)
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


def _joined(a: tuple[slice, ...] | None, b: tuple[slice, ...] | None) -> tuple[slice, ...]:
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
    """Structures that lie on one of the same kind with another name."""
    found = []
    names = all_names()
    sizes_a = np.bincount(a.canonical.labels.ravel(), minlength=len(names) + 1)
    sizes_b = np.bincount(b.canonical.labels.ravel(), minlength=len(names) + 1)
    for kind in NAMED:
        numbers = [n for n in _numbers(kind) if structure(names[n - 1]).above is not None]
        common = _common(a.canonical.labels, b.canonical.labels, numbers)
        partner = {n: max(rest, key=lambda m: rest[m]) for n, rest in common.items()}
        for n, m in partner.items():
            share = common[n][m] / min(sizes_a[n], sizes_b[m])
            if n != m and share >= LEAST_SHARE:
                found.append(
                    Disagreement(a.system, b.system, names[n - 1], names[m - 1], float(share))
                )
    return found


def _common(
    a: NDArray[np.uint16], b: NDArray[np.uint16], numbers: Sequence[int]
) -> dict[int, dict[int, int]]:
    """Common voxels of each structure of `a` with those of `b`."""
    wanted = np.isin(a, numbers) & np.isin(b, numbers)
    pairs, counts = np.unique(np.stack([a[wanted], b[wanted]]), axis=1, return_counts=True)
    out: dict[int, dict[int, int]] = {}
    for (n, m), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        out.setdefault(n, {})[m] = count
    return out


def _sentence(a: str, b: str, rows: Sequence[Agreement], quarrels: Sequence[Disagreement]) -> str:
    """One line for the checks of a scan."""
    both = [r for r in rows if r.voxels_a and r.voxels_b]
    named = [r for r in both if structure(r.structure).kind in NAMED and r.dice > 0]
    same = [r.structure for r in named if all(r.structure != q.name_a for q in quarrels)]
    total = len(same) + len(quarrels)
    if not total:
        return f"{a} and {b}: no vertebra or disc of one lies on one of the other."
    judged = [r.dice for r in both if r.comparable and r.dice > 0]
    overlap = f", median Dice {median(judged):.2f}" if judged else ""
    text = f"{a} and {b}: same name for {len(same)} of {total} vertebrae and discs{overlap}"
    if not quarrels:
        return f"{text}."
    steps = Counter(_levels(q) for q in quarrels)
    step, count = steps.most_common(1)[0]
    first = quarrels[0]
    example = f"{_short(first.name_a)} of {a} is {_short(first.name_b)} of {b}"
    if step and count == len(quarrels):
        way = "higher" if step < 0 else "lower"
        by = f"{abs(step)} level{'s' if abs(step) > 1 else ''} {way}"
        return f"{text}; {b} names {count} of them {by} ({example})."
    return f"{text}; {example}{' and more' if len(quarrels) > 1 else ''}."


def _levels(quarrel: Disagreement) -> int:
    order = [s.above for s in map(structure, all_names()) if s.kind == "vertebra" and s.above]
    one, other = structure(quarrel.name_a).above, structure(quarrel.name_b).above
    if one not in order or other not in order:
        return 0
    usual = [name for name in order if name not in {"T13", "L6", "L7"} or name in {one, other}]
    return usual.index(other) - usual.index(one)


def _short(name: str) -> str:
    return name.partition("_")[2].replace("_", "-")
