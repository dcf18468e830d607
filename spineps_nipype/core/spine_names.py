"""Sequences of names that a spine may have, and how they are written.

A spine has 7 cervical, 12 thoracic and 5 lumbar vertebrae; some have a T13, an L6, or no T12. What
a scan shows is a piece of it without a gap, so that first name, last name and number of vertebrae
say everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple

from .anatomy import C1, L1, L5, L6, T12, T13, VERTEBRA_NAMES
from .name_posterior import NamePosterior

NUMBERS: Final = {name: number for number, name in VERTEBRA_NAMES.items()}
LEAST_PROBABILITY: Final = 1e-6
"""Sequences that are less probable are not written down."""
_WRITTEN: Final = re.compile(r"(\w+) to (\w+) \(([0-9.e+-]+)\)")


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


@cache
def _by_ends(count: int) -> Mapping[tuple[int, int], tuple[int, ...]]:
    return {(n.labels[0], n.labels[-1]): n.labels for n in names_of_length(count)}


def written(posterior: NamePosterior) -> str:
    """All sequences of a scan that are not quite improbable, as text.

    >>> written(NamePosterior((((19, 20), 0.9), ((20, 21), 0.1))))
    'T12 to L1 (0.9); L1 to L2 (0.1)'
    """
    return "; ".join(
        f"{VERTEBRA_NAMES[labels[0]]} to {VERTEBRA_NAMES[labels[-1]]} ({probability:.3g})"
        for labels, probability in posterior.sequences
        if probability >= LEAST_PROBABILITY
    )


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
    known = _by_ends(count) if count > 0 else {}
    found = []
    for part in text.split("; "):
        match = _WRITTEN.fullmatch(part.strip())
        ends = match and (NUMBERS.get(match[1], 0), NUMBERS.get(match[2], 0))
        if not match or not ends or ends not in known:
            return None
        try:
            found.append((known[ends], float(match[3])))
        except ValueError:
            return None
    return NamePosterior(tuple(found))
