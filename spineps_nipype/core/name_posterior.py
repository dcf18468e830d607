"""How probable each name of the vertebrae of a scan is, over all sequences of names it may have.

Every system that names vertebrae goes through its sequences with the costs by which it chooses the
likeliest one; what they share stands here: the probabilities that follow from the costs, and the
odds of anomalies. Labels are those of `core.anatomy`, whatever numbers the masks of a system have,
so that scans of several systems can be held against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

ANOMALY_ODDS: Final = 0.03
"""Odds of a T13, of an L6, of a missing T12 and, where a system lets the sacrum follow L4, of a
missing L5, each against a spine without it.

Of 418 people seen from neck to sacrum 18 had a vertebra more, T13 or L6, 14 one less, and 4 a
lumbarised S1. Source: Tins and Balain, Insights into Imaging 2016, doi 10.1007/s13244-016-0468-7.
"""


@dataclass(frozen=True)
class NamePosterior:
    """Probabilities of the names of one scan.

    Parameters
    ----------
    sequences
        Labels of the vertebrae from top to bottom, each sequence with its probability, the most
        probable first; together they have probability 1.
    """

    sequences: tuple[tuple[tuple[int, ...], float], ...]

    def of_label(self, row: int, label: int) -> float:
        """Probability that a vertebra has a label."""
        return float(sum(p for labels, p in self.sequences if labels[row] == label))

    def beside(self, names: Sequence[int | None]) -> list[tuple[tuple[int, ...], float]]:
        """The sequence of the stated names, then the others, the most probable first."""
        return sorted(self.sequences, key=lambda item: item[0] != tuple(names))

    def of_row(self, row: int) -> list[tuple[int, float]]:
        """Labels that a vertebra may have, with their probabilities, the most probable first."""
        out: dict[int, float] = {}
        for labels, probability in self.sequences:
            out[labels[row]] = out.get(labels[row], 0.0) + probability
        return sorted(out.items(), key=lambda item: -item[1])


def posterior_of(
    sequences: Iterable[tuple[Sequence[int], float]], temperature: float
) -> NamePosterior | None:
    """Probabilities of sequences by their costs.

    Parameters
    ----------
    sequences
        Labels from top to bottom with the cost of the sequence; labels may occur several times,
        with the cost of each way to them.
    temperature
        Cost of a sequence that is e times less likely.

    Returns
    -------
    NamePosterior or None
        None if there is no sequence.
    """
    found = list(sequences)
    if not found:
        return None
    energies = np.array([cost for _, cost in found])
    weights = np.exp((energies.min() - energies) / temperature)
    probabilities = weights / weights.sum()
    joint: dict[tuple[int, ...], float] = {}
    for (sequence, _), probability in zip(found, probabilities, strict=True):
        labels = tuple(sequence)
        joint[labels] = joint.get(labels, 0.0) + float(probability)
    return NamePosterior(tuple(sorted(joint.items(), key=lambda item: -item[1])))
