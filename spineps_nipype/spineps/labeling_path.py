"""The likeliest sequence of vertebra names, by dynamic programming.

Problem: the labelling network scores each vertebra by itself, but names must descend the spine
without a gap. A single vertebra that looks like its neighbour must not break the sequence.

Model: rows are the vertebrae from top to bottom, columns the classes of a `ClassAxis`. The state
of a row is its class and, where T13 and L6 have no class of their own (24 names), whether it
stands for the second T12 or L5. From one row to the next, a state moves on to the next class, may
double T12 or L5 once, and may skip T12 or T13. The cost of a path is the sum of

* minus the score of each name,
* the (negative) cost of being the first or last vertebra of a region, and of being a T13,
* `anomaly_cost` for each T13, L6 and missing T12 (ours),
* `SKIP_COST` for each vertebra that stays without a name (ours), allowed only if there are more
  vertebrae than names.

`_Search` is exact: it fills its table from the last row upward, in O(rows x classes), or
O(rows^2 x classes) where rows may be skipped. `_greedy_path` reproduces the search of SPINEPS,
which chooses a continuation before it knows its full cost.

Source: SPINEPS 2.1.3 (VERIDAH), path search.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import L1, L5, L6, T11, T12, T13
from .labeling_scores import (
    AXIS_24,
    FIRST_LUMBAR,
    FIRST_THORACIC,
    LAST_LUMBAR,
    ClassAxis,
    Scores,
)
from .settings import LabelingSettings, Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

SKIP_COST: Final = 1e3
"""Cost of leaving a row without a name, above every sum of scores."""
IMPOSSIBLE: Final = float(2**63 - 1)
"""Cost that SPINEPS gives to names below the last class."""
MAX_REPEATS: Final = 2
"""Vertebrae that SPINEPS lets share the name T12 (the second is T13) or L5 (L6)."""

State = tuple[int, bool]
"""Class, and whether it stands for the second vertebra of that class: T13 or L6."""


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
    numerics: Numerics = "corrected",
) -> LabelPath:
    """Find the sequence of names with the lowest cost; see the head of this module.

    Parameters
    ----------
    c1_enabled
        Whether the top vertebra may be C1.
    settings
        ``proc_lab_force_no_tl_anomaly`` allows neither a T13 nor a missing T12.
    anomaly_cost
        Cost of a T13, of an L6 and of a missing T12, in units of the scores.
    numerics
        ``spineps-2.1.3`` drops a path with a third T12 or L5 only after choosing it, decides
        on a continuation before the cost of changing region, and with 26 classes makes T13
        mandatory under ``proc_lab_force_no_tl_anomaly``.
    """
    start = 0 if c1_enabled else 1
    force = settings.proc_lab_force_no_tl_anomaly
    rows = len(scores.total)
    if rows == 0:
        return LabelPath([], [], 0.0)
    if upstream(numerics).greedy_path:
        classes, cost = _greedy_path(scores, start, force)
        if cost < IMPOSSIBLE / 2:
            return LabelPath(list(classes), _labels(classes, scores.axis), cost)
    # Without a gap every vertebra has a name; only if that is impossible some may lack one.
    for gap in (0, rows - 1):
        named, cost = _Search(scores, start, force, gap, anomaly_cost).best()
        if math.isfinite(cost):
            break
    if gap:
        logger.warning("%d vertebrae were found: more than a spine has names for", rows)
    found = _labels([cls for _, cls in named], scores.axis)
    out: list[int | None] = [None] * rows
    labels: list[int | None] = [None] * rows
    for (row, cls), label in zip(named, found, strict=True):
        out[row], labels[row] = cls, label
    return LabelPath(out, labels, cost)


def _labels(classes: Sequence[int], axis: ClassAxis) -> list[int | None]:
    """Labels of a sequence of classes; the second T12 is T13, a second L5 at the end is L6."""
    labels: list[int | None] = [axis.labels[cls] for cls in classes]
    if axis is not AXIS_24:
        return labels
    if T12 in labels:
        first = labels.index(T12)
        if labels[first + 1 : first + 2] == [T12]:
            labels[first + 1] = T13
    if labels[-2:] == [L5, L5]:
        labels[-1] = L6
    return labels


class _Search:
    """Exact search from the last row upward.

    Parameters
    ----------
    start
        First class that the top vertebra may have.
    force
        Whether T13 and a missing T12 are ruled out.
    gap
        Most neighbouring rows that may stay without a name.
    anomaly_cost
        As for `find_path`.
    """

    def __init__(
        self, scores: Scores, start: int, force: bool, gap: int, anomaly_cost: float
    ) -> None:
        self.scores, self.axis = scores, scores.axis
        self.force, self.gap, self.start = force, gap, start
        self.anomaly_cost = anomaly_cost
        labels = self.axis.labels
        self.t11, self.t12, self.l1 = (labels.index(v) for v in (T11, T12, L1))
        self.l5 = labels.index(L5)
        self.t13 = labels.index(T13) if T13 in labels else None
        self.rows = len(scores.total)
        self.value: list[dict[State, float]] = [{} for _ in range(self.rows)]
        self.follower: list[dict[State, tuple[int, State] | None]] = [{} for _ in range(self.rows)]

    def best(self) -> tuple[list[tuple[int, int]], float]:
        """Named rows with their classes, and the cost; an infinite cost if nothing fits."""
        for row in reversed(range(self.rows)):
            for cls in range(self.axis.size):
                for doubled in (False, True) if self._may_double(cls) else (False,):
                    self._fill(row, (cls, doubled))
        cost, row, state = math.inf, 0, (0, False)
        for first in range(min(self.gap, self.rows - 1) + 1):
            for cls in range(self.start, self.axis.size):
                if self.force and cls == self.t13:
                    continue
                value = self.value[first][cls, False] + SKIP_COST * first
                if value < cost:
                    cost, row, state = value, first, (cls, False)
        if not math.isfinite(cost):
            return [], cost
        named = [(row, state[0])]
        while (following := self.follower[row][state]) is not None:
            row, state = following
            named.append((row, state[0]))
        return named, cost

    def _fill(self, row: int, state: State) -> None:
        """Find the cheapest way down from a row and state; the rows below are filled already."""
        best, follower = self._cost_of_ending(row, state[0]), None
        for below, target, cost in self._continuations(row, state):
            if cost < best:
                best, follower = cost, (below, target)
        self.value[row][state] = self._own_cost(row, state[0]) + best
        self.follower[row][state] = follower

    def _own_cost(self, row: int, cls: int) -> float:
        """Cost of a name by itself, and of opening the thoracic or lumbar region."""
        cost = -float(self.scores.total[row, cls])
        if cls == self.axis.regions[1]:
            cost += float(self.scores.relative[row, FIRST_THORACIC])
        elif cls == self.axis.regions[2]:
            cost += float(self.scores.relative[row, FIRST_LUMBAR])
        return cost

    def _cost_of_ending(self, row: int, cls: int) -> float:
        """Cost of a path that ends here, so that the rows below have no names."""
        left = self.rows - 1 - row
        if left > self.gap:
            return math.inf
        if left == 0 and self.axis.labels[cls] in (L5, L6):
            return float(self.scores.relative[row, LAST_LUMBAR])
        return SKIP_COST * left

    def _continuations(self, row: int, state: State) -> Iterator[tuple[int, State, float]]:
        """Next named row, its state, and the cost from there on, for every way to go on."""
        region = self.axis.region(state[0])
        for below in range(row + 1, min(row + 2 + self.gap, self.rows)):
            for target in self._moves(state):
                cost = self.value[below][target] + SKIP_COST * (below - row - 1)
                if self._is_t13(state, target):
                    cost += float(self.scores.t13[below])
                if self._is_anomaly(state, target):
                    cost += self.anomaly_cost
                if self.axis.region(target[0]) > region:  # this row is the last of its region
                    cost += float(self.scores.relative[row, 2 * region + 1])
                yield below, target, cost

    def _may_double(self, cls: int) -> bool:
        """Whether a class may stand for two vertebrae: T12 for T13, L5 for L6, with 24 names."""
        return self.axis is AXIS_24 and cls in (self.t12, self.l5)

    def _is_t13(self, state: State, target: State) -> bool:
        """Whether a move leads to T13: its own class, or the second T12."""
        return target[0] == self.t13 or (target[0] == state[0] == self.t12)

    def _is_anomaly(self, state: State, target: State) -> bool:
        """Whether a move makes a T13 or an L6, or leaves out T12."""
        without_t12 = state[0] == self.t11 and target[0] == self.l1
        sixth = self.axis.labels[target[0]] == L6 or target[1]
        return without_t12 or sixth or self._is_t13(state, target)

    def _moves(self, state: State) -> Iterator[State]:
        """States that may follow directly below."""
        cls, doubled = state
        t13_allowed = not self.force
        if cls + 1 < self.axis.size and (t13_allowed or cls + 1 != self.t13):
            yield cls + 1, False
        if self._may_double(cls) and not doubled and (t13_allowed or cls == self.l5):
            yield cls, True
        if cls == self.t11 and not self.force:
            yield self.l1, False
        if cls == self.t12 and self.t13 is not None:
            yield self.l1, False


def _greedy_path(scores: Scores, start: int, force: bool) -> tuple[list[int], float]:
    """Search of SPINEPS: the best continuation is chosen first and judged afterwards.

    A third T12 or L5 makes a path impossible only once it has been chosen, and the cost of leaving
    a region is added to a continuation that was chosen without it.
    """
    axis, rows = scores.axis, len(scores.total)
    doubles = axis is AXIS_24
    value = np.full((rows, axis.size), IMPOSSIBLE)
    follower = np.full((rows, axis.size), -1)
    repeats = np.zeros((rows, axis.size, 2), dtype=int)
    for row in reversed(range(rows)):
        for cls in range(axis.size):
            best, chosen = _greedy_choice(scores, value, row, cls, force)
            own = -float(scores.total[row, cls])
            own += _greedy_relative(scores, row, cls, chosen)
            value[row, cls], follower[row, cls] = own + best, chosen
            if chosen >= 0:
                repeats[row, cls] = repeats[row + 1, chosen]
            repeats[row, cls] += (axis.labels[cls] == T12, axis.labels[cls] == L5)
            if doubles and repeats[row, cls].max() > MAX_REPEATS:
                value[row, cls] = IMPOSSIBLE
    cls = start + int(value[0, start:].argmin())
    cost = float(value[0, cls])
    path = [cls]
    for row in range(rows - 1):
        cls = int(follower[row, cls])
        path.append(cls)
    return path, cost


def _greedy_choice(
    scores: Scores, value: NDArray[np.float64], row: int, cls: int, force: bool
) -> tuple[float, int]:
    """Cost of the best continuation and its class, -1 if there is none."""
    if row == len(value) - 1:
        return 0.0, -1
    best, chosen = math.inf, -1
    for target, extra in _greedy_moves(scores, row, cls, force):
        inside = target < scores.axis.size
        cost = value[row + 1, target] + extra if inside else IMPOSSIBLE
        if cost < best:
            best, chosen = cost, target if inside else -1
    return best, chosen


def _greedy_moves(scores: Scores, row: int, cls: int, force: bool) -> Iterator[tuple[int, float]]:
    """Classes that may follow in the next row, and their extra cost; the first may not exist."""
    axis = scores.axis
    doubles, label = axis is AXIS_24, axis.labels[cls]
    yield cls + 1, 0.0
    if doubles and label == L5:
        yield cls, 0.0
    if force:
        return
    if label == T11 or (label == T12 and not doubles):
        yield axis.regions[2], 0.0
    elif label == T12:
        yield cls, float(scores.t13[row + 1])


def _greedy_relative(scores: Scores, row: int, cls: int, following: int) -> float:
    """Cost of being the first or last vertebra of a region."""
    axis, relative = scores.axis, scores.relative[row]
    region = axis.region(cls)
    cost = float(relative[2 * region]) if region and cls == axis.regions[region] else 0.0
    if following >= 0 and axis.region(following) > region:
        cost += float(relative[2 * region + 1])
    return cost
