"""What another system tells of the names of a scan, for the other scans of its session.

Its table of names has probabilities; what they leave belongs to all other sequences, by the odds
of their anomalies. None of them knows of a mask that is wrong, so that they count by `TRUST` only;
the rest is that of names one level up or down. A mask without such a table, of an older output,
has its own names by that probability.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import DISC_OFFSET
from ..core.canonical import System
from ..core.convert_labels import convert_labels
from ..core.name_posterior import ANOMALY_ODDS, NamePosterior
from ..core.name_table import ALTERNATIVES
from ..core.session_names import ScanNames
from ..core.spine_names import NO_VERTEBRA, NUMBERS, names_of_length
from ..core.volume import Volume
from .labeling import body_places
from .numbers import in_order, is_vertebra, number_above, number_below

Names = tuple[int, ...]
"""Labels from top to bottom."""
TRUST: Final = 0.9
"""Share of what a system says that is believed."""
LEAST: Final = 1e-4
"""Sequences that are less probable are not told of."""


def other_names(
    system: System, mask: Volume, rows: Sequence[Mapping[str, Any]], scan: str
) -> ScanNames | None:
    """Names and places of the vertebrae of a scan by another system.

    Bodies of TotalSpineSeg are taken to be half-way between the discs above and below, as its
    vertebrae are whole bones.

    Parameters
    ----------
    system
        Whose mask it is.
    mask
        As stored.
    rows
        Table of names, from top to bottom; empty if there is none.
    scan
        What the scan is called.

    Returns
    -------
    ScanNames or None
        None where the mask has no vertebra with a place, or its names have gaps.
    """
    labels = convert_labels(mask.get_array(), system, "spineps").labels
    present = [n for n in in_order(int(v) for v in np.unique(labels)) if is_vertebra(n)]
    if not present:
        return None
    if system == "totalspineseg":
        places = _between_discs(labels, present, mask.affine)
    else:
        places = dict(zip(present, body_places(labels, present, mask.affine), strict=True))
    placed = without_sacrum(tuple(n for n in present if n in places), rows)
    posterior = believed(placed, told_names(placed, rows))
    points = np.array([places[n] for n in placed]).reshape(-1, 3)
    return None if posterior is None else ScanNames(scan, points, posterior)


def without_sacrum(labels: Names, rows: Sequence[Mapping[str, Any]]) -> Names:
    """Vertebrae that are not more probably a piece of the sacrum, or none at all.

    Parameters
    ----------
    labels, rows
        As for `told_names`.
    """
    named = _by_label(rows)
    likeliest = {n: max(said, key=said.__getitem__) for n, said in named.items() if said}
    return tuple(n for n in labels if is_vertebra(likeliest.get(n, n)))


def told_names(labels: Names, rows: Sequence[Mapping[str, Any]]) -> dict[Names, float]:
    """Probabilities of sequences of names of some vertebrae, by the table of names of a system.

    A table tells the three likeliest names of each vertebra. A sequence is at most as probable as
    the least of its names, and as names are right or wrong together, the one of which that is the
    most is given it; then the next one what that leaves, and so on.

    Parameters
    ----------
    labels
        Vertebrae that are asked for, by the names that they have in the mask.
    rows
        Table of all vertebrae.

    Returns
    -------
    dict
        Empty where the table tells no probabilities, or is not of this mask.
    """
    named = _by_label(rows)
    if not labels or not set(labels) <= set(named):
        return {}
    left = [dict(named[label]) for label in labels]
    told: dict[Names, float] = {}
    every = [n.labels for n in names_of_length(len(labels))]
    while every:
        names = max(every, key=lambda names: _least(left, names))
        p = _least(left, names)
        if p < LEAST:
            break
        told[names] = p
        every.remove(names)
        for said, label in zip(left, names, strict=True):
            said[label] -= p
    return told


def _least(each: Sequence[Mapping[int, float]], names: Names) -> float:
    """Least probability of the names of a sequence, by those of each vertebra."""
    return min(said.get(label, 0.0) for said, label in zip(each, names, strict=True))


def _by_label(rows: Sequence[Mapping[str, Any]]) -> dict[int, dict[int, float]]:
    """Probabilities of the names of each vertebra, by its label."""
    return {NUMBERS.get(str(row.get("name")), NO_VERTEBRA): _names_of_row(row) for row in rows}


def _names_of_row(row: Mapping[str, Any]) -> dict[int, float]:
    """Names that a vertebra may have, with their probabilities; 0 is no vertebra."""
    said = [("name", "confidence")]
    said += [
        (f"alternative_{i}", f"alternative_{i}_confidence") for i in range(1, ALTERNATIVES + 1)
    ]
    found = {}
    for word, confidence in said:
        try:
            p = float(row.get(confidence) or 0)
        except ValueError:
            continue
        if 0 < p <= 1:
            found[NUMBERS.get(str(row.get(word)), NO_VERTEBRA)] = p
    return found


def believed(labels: Names, told: Mapping[Names, float]) -> NamePosterior | None:
    """Probabilities of the names of a scan, by what a system tells of them.

    Parameters
    ----------
    labels
        Names in force.
    told
        Probabilities of sequences; empty where only the names in force are known.

    Returns
    -------
    NamePosterior or None
        None if the names have gaps.
    """
    every = {n.labels: n.anomalies for n in names_of_length(len(labels))} if labels else {}
    if labels not in every:
        return None
    said = {names: p for names, p in (told or {labels: 1.0}).items() if names in every and p > 0}
    untold = {n: ANOMALY_ODDS**number for n, number in every.items() if n not in said}
    tops = {labels[0], number_above(labels[0]), number_below(labels[0])}
    beside = {n: 1.0 for n, number in every.items() if not number and n[0] in tops and n != labels}
    parts = (
        (TRUST, said),
        (TRUST * max(1 - sum(said.values()), 0.0), _shares(untold)),
        (1 - TRUST, _shares(beside)),
    )
    found: dict[Names, float] = {}
    for weight, part in parts:
        for names, p in part.items():
            found[names] = found.get(names, 0.0) + weight * p
    return NamePosterior(tuple(sorted(found.items(), key=lambda item: -item[1])))


def _shares(weights: Mapping[Names, float]) -> dict[Names, float]:
    """Weights of which the sum is 1."""
    total = sum(weights.values())
    return {names: weight / total for names, weight in weights.items()}


def _between_discs(
    labels: NDArray[Any], present: Sequence[int], affine: NDArray[Any]
) -> dict[int, NDArray[np.float64]]:
    """Middle between the discs above and below each vertebra [mm]; not for those without both."""
    discs = [n + DISC_OFFSET for n in present if (labels == n + DISC_OFFSET).any()]
    centres = dict(zip(discs, body_places(labels, discs, affine), strict=True)) if discs else {}
    return {
        lower: (centres[upper + DISC_OFFSET] + centres[lower + DISC_OFFSET]) / 2
        for upper, lower in pairwise(present)
        if upper + DISC_OFFSET in centres and lower + DISC_OFFSET in centres
    }
