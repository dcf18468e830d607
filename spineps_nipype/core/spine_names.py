"""Sequences of names that a spine may have, and how they are written.

A spine has 7 cervical, 12 thoracic and 5 lumbar vertebrae; some have a T13, an L6, or no T12. What
a scan shows is a piece of it without a gap, so that first name, last name and number of vertebrae
say everything. Where a mask lacks a vertebra among others, the pieces on either side are named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import chain, pairwise, product
from typing import Final, NamedTuple

from .anatomy import C1, L1, L5, L6, RANK, SACRUM, T11, T12, T13, USUAL, VERTEBRA_NAMES
from .name_posterior import NamePosterior

NUMBERS: Final = {name: number for number, name in VERTEBRA_NAMES.items()}
NO_VERTEBRA: Final = 0
"""Label of a piece that is no vertebra with a name."""
LEAST_PROBABILITY: Final = 1e-6
"""Sequences that are less probable are not written down."""
_WRITTEN: Final = re.compile(r"(.+) \(([0-9.e+-]+)\)")
LONGEST: Final = 26
"""Vertebrae of the longest spine that has names."""


def name_of(label: int) -> str:
    """Name of a vertebra, such as L1; the number where there is none."""
    return VERTEBRA_NAMES.get(label, "none" if label == NO_VERTEBRA else str(label))


class Names(NamedTuple):
    """Names of neighbouring vertebrae.

    Parameters
    ----------
    labels
        From top to bottom.
    anomalies
        How many of T13, L6 and a missing T12 are seen in them.
    """

    labels: tuple[int, ...]
    anomalies: int


@cache
def names_of_length(count: int) -> tuple[Names, ...]:
    """All sequences of names that `count` neighbouring vertebrae may have."""
    neck = tuple(range(C1, T12))
    lumbar = tuple(range(L1, L5 + 1))
    found: dict[tuple[int, ...], int] = {}
    for middle in ((T12,), (T12, T13), ()):
        for end in ((), (L6,)):
            spine = (*neck, *middle, *lumbar, *end)
            for first in range(len(spine) - count + 1):
                labels = spine[first : first + count]
                found.setdefault(labels, anomalies_in(labels))
    return tuple(Names(labels, number) for labels, number in found.items())


def anomalies_in(labels: tuple[int, ...]) -> int:
    """How many of T13, L6 and a missing T12 a sequence of names shows."""
    without_t12 = (T12 - 1, L1) in pairwise(labels)
    return int(T13 in labels) + int(L6 in labels) + int(without_t12)


def written(posterior: NamePosterior) -> str:
    """All sequences of a scan that are not quite improbable, as text.

    >>> written(NamePosterior((((19, 20), 0.9), ((20, 21), 0.1))))
    'T12 to L1 (0.9); L1 to L2 (0.1)'
    """
    return "; ".join(
        f"{in_words(labels)} ({probability:.3g})"
        for labels, probability in posterior.sequences
        if probability >= LEAST_PROBABILITY
    )


def in_words(labels: Sequence[int]) -> str:
    """Names of vertebrae from top to bottom, by the ends of each piece without a gap.

    >>> in_words((18, 19, 20, 22))
    'T11 to L1, L3'
    """
    pieces = [[labels[0], labels[0]]]
    for above, below in pairwise(labels):
        if left_out(above, below):
            pieces.append([below, below])
        pieces[-1][1] = below
    several = len(pieces) > 1
    return ", ".join(
        name_of(first) if several and first == last else f"{name_of(first)} to {name_of(last)}"
        for first, last in pieces
    )


def left_out(above: int, below: int) -> tuple[int, ...]:
    """Vertebrae of a usual spine between the names of two neighbours.

    None where T12 may lack, and above the sacrum.
    """
    if above not in RANK or RANK.get(below, RANK[SACRUM]) >= RANK[SACRUM]:
        return ()
    if (above, below) == (T11, L1):
        return ()
    return tuple(label for label in USUAL if RANK[above] < RANK[label] < RANK[below])


def read_written(text: str, count: int) -> NamePosterior | None:
    """Sequences from the text of `written`.

    Parameters
    ----------
    text
        What `written` gave.
    count
        Number of vertebrae that the sequences name.

    Returns
    -------
    NamePosterior or None
        None if the text does not tell sequences of so many vertebrae.
    """
    found = []
    for part in text.split("; "):
        match = _WRITTEN.fullmatch(part.strip())
        labels = _read_words(match[1], count) if match else None
        if not match or labels is None:
            return None
        try:
            found.append((labels, float(match[2])))
        except ValueError:
            return None
    return NamePosterior(tuple(found))


def _read_words(text: str, count: int) -> tuple[int, ...] | None:
    """Labels from the text of `in_words`: the only ones that are so many, if there are any."""
    pieces = []
    for piece in text.split(", "):
        ends = [NUMBERS.get(name, 0) for name in piece.split(" to ")]
        pieces.append(_between(ends[0], ends[-1]) if len(ends) <= 2 else ())
    for chosen in product(*pieces):
        labels = tuple(chain.from_iterable(chosen))
        if len(labels) == count and in_words(labels) == text:
            return labels
    return None


@cache
def _between(first: int, last: int) -> tuple[tuple[int, ...], ...]:
    """Names of neighbouring vertebrae from one to another: with and without T12 and T13."""
    every = (n.labels for count in range(1, LONGEST + 1) for n in names_of_length(count))
    return tuple(labels for labels in every if (labels[0], labels[-1]) == (first, last))
