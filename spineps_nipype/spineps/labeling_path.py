"""The likeliest sequence of vertebra names, by dynamic programming.

`labeling_costs` says which sequences there are and what each costs. `_Search` is exact: it fills
its table from the last row upward, in O(rows x classes), or O(rows^2 x classes) where rows may be
skipped. Each row that stays without a name costs `SKIP_COST` (ours), which is allowed only if
there are more vertebrae than names.

Source: SPINEPS 2.1.3 (VERIDAH), path search.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Final

from ..core.missed_vertebrae import Missed
from .labeling_costs import SequenceCosts, State, labels_of
from .labeling_greedy import IMPOSSIBLE, greedy_path
from .labeling_scores import Scores
from .settings import LabelingSettings, Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

SKIP_COST: Final = 1e3
"""Cost of leaving a row without a name, above every sum of scores."""


@dataclass(frozen=True)
class LabelPath:
    """A sequence of names.

    Parameters
    ----------
    classes
        Class of each vertebra, None where the sequence has more vertebrae than names.
    labels
        Vertebra label of each vertebra, None likewise.
    cost
        Total cost; lower is likelier.
    """

    classes: list[int | None]
    labels: list[int | None]
    cost: float


def find_path(
    scores: Scores,
    *,
    c1_enabled: bool,
    settings: LabelingSettings,
    anomaly_cost: float = 0.0,
    missed: Missed = (),
    numerics: Numerics = "corrected",
) -> LabelPath:
    """Find the sequence of names with the lowest cost.

    Parameters
    ----------
    c1_enabled
        Whether the top vertebra may be C1.
    settings
        ``proc_lab_force_no_tl_anomaly`` allows neither a T13 nor a missing T12.
    anomaly_cost
        Cost of a T13, of an L6 and of a missing T12, in units of the scores.
    missed
        How many vertebrae may be missed, with the cost in units of the scores.
    numerics
        ``spineps-2.1.3`` drops a path with a third T12 or L5 only after choosing it, decides
        on a continuation before the cost of changing region, and with 26 classes makes T13
        mandatory under ``proc_lab_force_no_tl_anomaly``.
    """
    force = settings.proc_lab_force_no_tl_anomaly
    rows = len(scores.total)
    if rows == 0:
        return LabelPath([], [], 0.0)
    if upstream(numerics).greedy_path:
        classes, cost = greedy_path(scores, int(not c1_enabled), force)
        if cost < IMPOSSIBLE / 2:
            return LabelPath([*classes], [*labels_of(classes, scores.axis)], cost)
    # Without a gap every vertebra has a name; only if that is impossible some may lack one.
    costs = SequenceCosts(
        scores,
        c1_enabled=c1_enabled,
        no_anomaly=force,
        anomaly_cost=anomaly_cost,
        missed=missed,
    )
    for gap in (0, rows - 1):
        named, cost = _Search(costs, gap).best()
        if math.isfinite(cost):
            break
    if gap:
        logger.warning("%d vertebrae were found: more than a spine has names for", rows)
    found = labels_of([cls for _, cls in named], scores.axis)
    out: list[int | None] = [None] * rows
    labels: list[int | None] = [None] * rows
    for (row, cls), label in zip(named, found, strict=True):
        out[row], labels[row] = cls, label
    return LabelPath(out, labels, cost)


class _Search:
    """Exact search from the last row upward.

    Parameters
    ----------
    gap
        Most neighbouring rows that may stay without a name.
    """

    def __init__(self, costs: SequenceCosts, gap: int) -> None:
        self.costs, self.gap = costs, gap
        self.value: list[dict[State, float]] = [{} for _ in range(costs.rows)]
        self.follower: list[dict[State, tuple[int, State] | None]] = [
            {} for _ in range(costs.rows)
        ]

    def best(self) -> tuple[list[tuple[int, int]], float]:
        """Named rows with their classes, and the cost; an infinite cost if nothing fits."""
        for row in reversed(range(self.costs.rows)):
            for state in self.costs.states():
                self._fill(row, state)
        cost, row, state = math.inf, 0, (0, False)
        for first in range(min(self.gap, self.costs.rows - 1) + 1):
            for top in self.costs.first_states():
                value = self.value[first][top] + SKIP_COST * first
                if value < cost:
                    cost, row, state = value, first, top
        if not math.isfinite(cost):
            return [], cost
        named = [(row, state[0])]
        while (following := self.follower[row][state]) is not None:
            row, state = following
            named.append((row, state[0]))
        return named, cost

    def _fill(self, row: int, state: State) -> None:
        """Find the cheapest way down from a row and state; the rows below are filled already."""
        best, follower = self._cost_of_ending(row, state), None
        for below in range(row + 1, min(row + 2 + self.gap, self.costs.rows)):
            for target, step in self.costs.steps(row, below, state):
                cost = self.value[below][target] + step + SKIP_COST * (below - row - 1)
                if cost < best:
                    best, follower = cost, (below, target)
        self.value[row][state] = self.costs.of_name(row, state) + best
        self.follower[row][state] = follower

    def _cost_of_ending(self, row: int, state: State) -> float:
        """Cost of a path that ends here, so that the rows below have no names."""
        left = self.costs.rows - 1 - row
        if left > self.gap:
            return math.inf
        return SKIP_COST * left if left else self.costs.of_end(state)
