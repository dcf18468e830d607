"""Names of vertebrae that a reader fixed; the others are counted from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from TPTBox import NII

from ..core.anatomy import L1, L5, L6, T12, T13
from ..errors import InputError
from .labeling import Labelled
from .numbers import in_order, is_vertebra, number_above, number_below, rank, vertebra_name

REACH_MM: Final = 10.0
"""A point may miss its vertebra by this distance [mm]."""
BY_READER: Final = "reader"
COUNTED: Final = "counted from reader"


@dataclass(frozen=True)
class FixedName:
    """One vertebra and its name.

    Parameters
    ----------
    label
        Label of the name that the vertebra gets.
    found
        Label that it has so far, None if a point says which vertebra is meant.
    point
        Point in the vertebra: world coordinates of the scan, RAS [mm].
    """

    label: int
    found: int | None = None
    point: tuple[float, float, float] | None = None


def fix_names(
    vert: NII, rows: Sequence[Mapping[str, Any]], fixed: Sequence[FixedName]
) -> Labelled:
    """Give vertebrae the names that a reader fixed, and count the others from them.

    Parameters
    ----------
    vert
        Vertebra mask with the labels found.
    rows
        Table of `label_vertebrae`; without one, rows are made.
    fixed
        What the reader fixed.

    Raises
    ------
    InputError
        If a vertebra is not there, or the names do not fit the vertebrae.
    """
    array = vert.get_array()
    instances = [n for n in in_order(int(v) for v in np.unique(array)) if is_vertebra(n)]
    wanted: dict[int, int] = {}
    for entry in fixed:
        place = _place(vert, instances, entry)
        if wanted.setdefault(place, entry.label) != entry.label:
            both = f"{vertebra_name(wanted[place])} and {vertebra_name(entry.label)}"
            raise InputError(
                f"The vertebra found as {vertebra_name(place)} is to be {both}.",
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
            "name": vertebra_name(names[found]),
            "source": _source(found, names, wanted, old),
            "found": vertebra_name(found),
        }
        for found in instances
    ]
    return Labelled(vert.set_array(table[array], seg=True, verbose=False), out)


def count_names(instances: Sequence[int], fixed: Mapping[int, int]) -> dict[int, int]:
    """Names of all vertebrae, given those of some.

    Vertebrae beside one whose name stays keep theirs. Others are counted in a spine of seven,
    twelve and five; between two fixed names there may be a T13 more or a T12 less.

    Parameters
    ----------
    instances
        Labels found, from top to bottom.
    fixed
        Label found to the label that it gets.

    >>> count_names([20, 21, 22], {21: 23})
    {20: 22, 21: 23, 22: 24}
    """
    places = [i for i, n in enumerate(instances) if n in fixed]
    out = {instances[i]: fixed[instances[i]] for i in places}
    for above, below in pairwise(places):
        if rank(out[instances[above]]) >= rank(out[instances[below]]):
            raise InputError(
                f"{vertebra_name(out[instances[below]])} cannot lie below "
                f"{vertebra_name(out[instances[above]])}.",
                remedy="Correct the rows of --manual-labels.",
            )
        _between(instances, above, below, out)
    first, last = (places[0], places[-1]) if places else (0, len(instances) - 1)
    for i in range(first - 1, -1, -1):
        under = instances[i + 1]
        out[instances[i]] = _next(instances[i], under, out[under], number_above(out[under]))
    for i in range(last + 1, len(instances)):
        over = instances[i - 1]
        following = number_below(out[over]) or (L6 if out[over] == L5 else None)
        out[instances[i]] = _next(instances[i], over, out[over], following)
    return {n: out.get(n, n) for n in instances}


def _next(found: int, neighbour: int, named: int, counted: int | None) -> int:
    """Name beside a vertebra: the one found if that vertebra kept its own, else the next one."""
    if neighbour == named:
        return found
    if counted is None:
        raise InputError(
            f"There is a vertebra beyond {vertebra_name(named)}, which has no name.",
            remedy="Correct the rows of --manual-labels, or the mask.",
        )
    return counted


def _between(instances: Sequence[int], above: int, below: int, out: dict[int, int]) -> None:
    """Name the vertebrae between two that are fixed."""
    inner = instances[above + 1 : below]
    upper, lower = out[instances[above]], out[instances[below]]
    if (upper, lower) == (instances[above], instances[below]):
        out.update({n: n for n in inner})
        return
    names: list[int] = []
    number = number_below(upper)
    while number is not None and rank(number) < rank(lower):
        names.append(number)
        number = number_below(number)
    if len(names) == len(inner) + 1 and T12 in names:
        names.remove(T12)
    elif len(names) == len(inner) - 1 and rank(upper) <= rank(T12) < rank(L1) <= rank(lower):
        names.insert(sum(rank(n) <= rank(T12) for n in names), T13)
    if len(names) != len(inner):
        raise InputError(
            f"Between {vertebra_name(upper)} and {vertebra_name(lower)} there are {len(inner)} "
            f"vertebrae and {len(names)} names.",
            remedy="Correct the rows of --manual-labels, or the mask.",
        )
    out.update(zip(inner, names, strict=True))


def _place(vert: NII, instances: Sequence[int], entry: FixedName) -> int:
    """Label found of the vertebra that is meant."""
    names = ", ".join(map(vertebra_name, instances))
    if entry.point is None:
        if entry.found is not None and entry.found in instances:
            return entry.found
        raise InputError(
            f"No vertebra was found as {vertebra_name(entry.found or 0)}; there are {names}.",
            remedy="Correct the column 'found' of --manual-labels, or give points (x, y, z).",
        )
    inverse = np.linalg.inv(vert.affine)
    voxel = inverse[:3, :3] @ np.array(entry.point) + inverse[:3, 3]
    where = np.argwhere(np.isin(vert.get_array(), instances))
    distance = np.linalg.norm((where - voxel) * np.array(vert.zoom), axis=1)
    nearest = int(distance.argmin())
    if distance[nearest] > REACH_MM:
        raise InputError(
            f"The point {entry.point} for {vertebra_name(entry.label)} lies "
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
    if found in wanted:
        return BY_READER
    if names[found] != found:
        return COUNTED
    return str(old.get(found, {}).get("source", "count"))
