"""How probable each name is, over all sequences of names that a spine may have.

A spine has few sequences: where the top vertebra is known, only T13, L6 and a missing T12 are left
open. All of them are gone through, with the costs by which the likeliest is chosen, so that the
probability of a name takes in every witness: classifier, form and look, dens, sacrum, neighbours
and the price of an anomaly. A sequence of cost c has the weight exp(-c / `TEMPERATURE`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .labeling_costs import SequenceCosts, State, labels_of
from .labeling_scores import Scores
from .settings import LabelingSettings

TEMPERATURE: Final = 0.3
"""Cost of a sequence that is e times less likely."""
ANOMALY_ODDS: Final = 0.03
"""Odds of a T13, of an L6 and of a missing T12, each against a spine without it.

Of 418 people seen from neck to sacrum 18 had a vertebra more, T13 or L6, 14 one less, and 4 a
lumbarised S1. Source: Tins and Balain, Insights into Imaging 2016, doi 10.1007/s13244-016-0468-7.
"""
ANOMALY_COST: Final = -TEMPERATURE * math.log(ANOMALY_ODDS)
"""The price of one that these odds ask for."""


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


def name_posterior(
    scores: Scores,
    *,
    c1_enabled: bool,
    settings: LabelingSettings,
    anomaly_cost: float = ANOMALY_COST,
) -> NamePosterior | None:
    """Probabilities of the names of one scan; the parameters are those of `find_path`.

    Returns
    -------
    NamePosterior or None
        None if there are no vertebrae, or more than a spine has names for.
    """
    costs = SequenceCosts(
        scores,
        c1_enabled=c1_enabled,
        no_anomaly=settings.proc_lab_force_no_tl_anomaly,
        anomaly_cost=anomaly_cost,
    )
    found = list(_sequences(costs)) if costs.rows else []
    if not found:
        return None
    classes, energies = zip(*found, strict=True)
    probabilities = _probabilities(np.array(energies))
    joint: dict[tuple[int, ...], float] = {}
    for sequence, probability in zip(classes, probabilities, strict=True):
        labels = tuple(labels_of(sequence, costs.axis))
        joint[labels] = joint.get(labels, 0.0) + float(probability)
    return NamePosterior(tuple(sorted(joint.items(), key=lambda item: -item[1])))


def _probabilities(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp((energies.min() - energies) / TEMPERATURE)
    return np.asarray(weights / weights.sum())


def _sequences(costs: SequenceCosts) -> Iterator[tuple[list[int], float]]:
    """Classes of every sequence without a gap, and its cost."""

    def go_on(row: int, state: State, cost: float) -> Iterator[tuple[list[int], float]]:
        cost += costs.of_name(row, state)
        if row == costs.rows - 1:
            yield [state[0]], cost + costs.of_end(state)
            return
        for target in costs.moves(state):
            step = costs.of_move(row, row + 1, state, target)
            for below, total in go_on(row + 1, target, cost + step):
                yield [state[0], *below], total

    for state in costs.first_states():
        yield from go_on(0, state, 0.0)
