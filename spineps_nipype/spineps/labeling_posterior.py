"""How probable each name is, over all sequences of names that a spine may have.

A spine has few sequences: where the top vertebra is known, only T13, L6 and a missing T12 are left
open. All of them are gone through, with the costs by which the likeliest is chosen, so that the
probability of a name takes in every witness: classifier, form and look, dens, sacrum, neighbours,
the price of an anomaly and the distances that tell of missed vertebrae. A sequence of cost c has
the weight exp(-c / `TEMPERATURE`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from ..core.missed_vertebrae import Missed
from ..core.name_posterior import ANOMALY_ODDS, NamePosterior, posterior_of
from .labeling_costs import SequenceCosts, State, labels_of
from .labeling_scores import Scores
from .settings import LabelingSettings

TEMPERATURE: Final = 0.3
"""Cost of a sequence that is e times less likely."""
ANOMALY_COST: Final = -TEMPERATURE * math.log(ANOMALY_ODDS)
"""The price of one that these odds ask for."""


def name_posterior(
    scores: Scores,
    *,
    c1_enabled: bool,
    settings: LabelingSettings,
    anomaly_cost: float = ANOMALY_COST,
    missed: Missed = (),
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
        missed=missed,
    )
    found = _sequences(costs) if costs.rows else iter(())
    return posterior_of(
        ((labels_of(classes, costs.axis), cost) for classes, cost in found), TEMPERATURE
    )


def _sequences(costs: SequenceCosts) -> Iterator[tuple[list[int], float]]:
    """Classes of every sequence that names all vertebrae, and its cost."""

    def go_on(row: int, state: State, cost: float) -> Iterator[tuple[list[int], float]]:
        cost += costs.of_name(row, state)
        if row == costs.rows - 1:
            yield [state[0]], cost + costs.of_end(state)
            return
        for target, step in costs.steps(row, row + 1, state):
            for below, total in go_on(row + 1, target, cost + step):
                yield [state[0], *below], total

    for state in costs.first_states():
        yield from go_on(0, state, 0.0)
