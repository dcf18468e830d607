"""Names of vertebrae that a reader has set; the names of the others are counted from them.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

import numpy as np

from ..core.anatomy import L1, L5, L6, T12, T13
from ..core.spine_names import left_out, name_of
from ..core.volume import Volume
from ..errors import InputError
from .labeling import Labelled
from .numbers import in_order, is_vertebra, number_above, number_below, rank

POINT_REACH_MM: Final = 10.0
"""Largest distance of a point from the vertebra that it stands for."""
SOURCE_READER: Final = "reader"
SOURCE_COUNTED: Final = "counted from reader"
"""Where a name comes from, in the column ``source`` of the table."""


@dataclass(frozen=True)
class FixedName:
    """Name that a reader gives to a vertebra.

    Parameters
    ----------
    label
        Label of the new name.
    found
        Label that the vertebra was found with, None if a point tells which one is meant.
    point
        Point in the vertebra, in world coordinates of the scan [mm, RAS].
    """

    label: int
    found: int | None = None
    point: tuple[float, float, float] | None = None


def fix_names(
    vert: Volume, rows: Sequence[Mapping[str, Any]], fixed: Sequence[FixedName]
) -> Labelled:
    """Give vertebrae the names that a reader has set, and count the others from them.

    Parameters
    ----------
    vert
        Vertebra mask with the labels that were found.
    rows
        Table of `label_vertebrae`; missing rows are added.
    fixed
        Names set by the reader.

    Raises
    ------
    InputError
        If a vertebra does not exist, or the names do not fit the vertebrae.
    """
    array = vert.get_array()
    instances = [n for n in in_order(int(v) for v in np.unique(array)) if is_vertebra(n)]
    wanted: dict[int, int] = {}
    for entry in fixed:
        place = _find_instance(vert, instances, entry)
        if wanted.setdefault(place, entry.label) != entry.label:
            both = f"{name_of(wanted[place])} and {name_of(entry.label)}"
            raise InputError(
                f"The vertebra found as {name_of(place)} is to be {both}.",
                remedy="Keep one of both rows of --manual-labels.",
            )
    names = count_names(instances, wanted)
    table = np.arange(int(array.max()) + 1, dtype=np.uint16)
    for found, label in names.items():
        table[found] = label
    old = {row["label"]: row for row in rows}
    out = [
        {
            **old.get(found, {"number": found}),
            "label": names[found],
            "name": name_of(names[found]),
            "source": _source(found, names, wanted, old),
            "found": name_of(found),
        }
        for found in instances
    ]
    return Labelled(vert.set_array(table[array], seg=True), out)


def count_names(instances: Sequence[int], fixed: Mapping[int, int]) -> dict[int, int]:
    """Names of all vertebrae, given the names of some.

    Next to a vertebra that keeps its name, vertebrae keep theirs. Others are counted in a spine of
    7 cervical, 12 thoracic and 5 lumbar vertebrae; between two given names there may be a T13 in
    addition, or T12 may be missing. Where the names that were found leave out vertebrae, which the
    mask lacks, so do the new ones; names that are given to neighbours may leave out others.

    Parameters
    ----------
    instances
        Labels that were found, from top to bottom.
    fixed
        Label that was found to the label of the new name.

    Returns
    -------
    dict
        Label that was found to final label, for all vertebrae.

    >>> count_names([20, 21, 22], {21: 23})
    {20: 22, 21: 23, 22: 24}
    """
    places = [i for i, n in enumerate(instances) if n in fixed]
    out = {instances[i]: fixed[instances[i]] for i in places}
    for above, below in pairwise(places):
        if rank(out[instances[above]]) >= rank(out[instances[below]]):
            raise InputError(
                f"{name_of(out[instances[below]])} cannot lie below "
                f"{name_of(out[instances[above]])}.",
                remedy="Correct the rows of --manual-labels.",
            )
        _name_between(instances, above, below, out)
    first, last = (places[0], places[-1]) if places else (0, len(instances) - 1)
    for i in range(first - 1, -1, -1):
        found, under = instances[i], instances[i + 1]
        name = _further(out[under], number_above, len(left_out(found, under)))
        out[found] = _name_beside(found, under, out[under], name)
    for i in range(last + 1, len(instances)):
        found, over = instances[i], instances[i - 1]
        name = _further(out[over], _following, len(left_out(over, found)))
        out[found] = _name_beside(found, over, out[over], name)
    return {n: out.get(n, n) for n in instances}


def _following(name: int) -> int | None:
    return number_below(name) or (L6 if name == L5 else None)


def _further(name: int, next_to: Callable[[int], int | None], missed: int) -> int | None:
    """Name beyond some vertebrae that were missed, None beyond the ends of the spine."""
    found: int | None = name
    for _ in range(missed + 1):
        found = None if found is None else next_to(found)
    return found


def _name_beside(label: int, neighbour: int, name: int, next_name: int | None) -> int:
    """Name of a vertebra beside one that has its final name.

    Parameters
    ----------
    label, neighbour
        Labels that the vertebra and its neighbour were found with.
    name
        Final name of the neighbour. If it is the one that was found, so is that of the vertebra.
    next_name
        Name that follows that of the neighbour, None beyond the ends of the spine.
    """
    if neighbour == name:
        return label
    if next_name is None:
        raise InputError(
            f"There is a vertebra beyond {name_of(name)}, which has no name.",
            remedy="Correct the rows of --manual-labels, or the mask.",
        )
    return next_name


def _name_between(instances: Sequence[int], above: int, below: int, out: dict[int, int]) -> None:
    """Name the vertebrae between two whose names are given, by adding to `out`."""
    inner = instances[above + 1 : below]
    upper, lower = out[instances[above]], out[instances[below]]
    if (upper, lower) == (instances[above], instances[below]):
        out.update({n: n for n in inner})
        return
    if not inner:
        return
    names: list[int] = []
    number = number_below(upper)
    while number is not None and rank(number) < rank(lower):
        names.append(number)
        number = number_below(number)
    steps = [len(left_out(a, b)) + 1 for a, b in pairwise(instances[above : below + 1])]
    if len(names) == sum(steps) - 1:
        names = [names[place - 1] for place in accumulate(steps[:-1])]
    # One name too many or too few is explained by an unusual number of thoracic vertebrae.
    if len(names) == len(inner) + 1 and T12 in names:
        names.remove(T12)
    elif len(names) == len(inner) - 1 and rank(upper) <= rank(T12) < rank(L1) <= rank(lower):
        names.insert(sum(rank(n) <= rank(T12) for n in names), T13)
    if len(names) != len(inner):
        raise InputError(
            f"Between {name_of(upper)} and {name_of(lower)} there are {len(inner)} "
            f"vertebrae and {len(names)} names.",
            remedy="Correct the rows of --manual-labels, or the mask.",
        )
    out.update(zip(inner, names, strict=True))


def _find_instance(vert: Volume, instances: Sequence[int], entry: FixedName) -> int:
    """Label that the vertebra was found with to which a reader gives a name."""
    names = ", ".join(map(name_of, instances))
    if entry.point is None:
        if entry.found is not None and entry.found in instances:
            return entry.found
        raise InputError(
            f"No vertebra was found as {name_of(entry.found or 0)}; there are {names}.",
            remedy="Correct the column 'found' of --manual-labels, or give points (x, y, z).",
        )
    inverse = np.linalg.inv(vert.affine)
    voxel = inverse[:3, :3] @ np.array(entry.point) + inverse[:3, 3]
    where = np.argwhere(np.isin(vert.get_array(), instances))
    distance = np.linalg.norm((where - voxel) * np.array(vert.zoom), axis=1)
    nearest = int(distance.argmin())
    if distance[nearest] > POINT_REACH_MM:
        raise InputError(
            f"The point {entry.point} for {name_of(entry.label)} lies "
            f"{distance[nearest]:.0f} mm from the next vertebra.",
            remedy="Points of --manual-labels are world coordinates of the scan in mm (RAS).",
        )
    return int(vert.get_array()[tuple(where[nearest])])


def _source(
    found: int,
    names: Mapping[int, int],
    wanted: Mapping[int, int],
    old: Mapping[int, Mapping[str, Any]],
) -> str:
    """Where the name of a vertebra comes from."""
    if found in wanted:
        return SOURCE_READER
    if names[found] != found:
        return SOURCE_COUNTED
    return str(old.get(found, {}).get("source", "count"))
