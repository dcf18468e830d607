"""The likeliest sequence of vertebra names, by dynamic programming.

Source: SPINEPS 2.1.3 (VERIDAH), path search. Rows are vertebrae from top to bottom, columns the
classes of the axis; a path names each row, and names only ever go down.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..core.anatomy import L5, L6, T11, T12, T13
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
"""Cost of leaving the matrix in SPINEPS."""
MAX_REPEATS: Final = 2

State = tuple[int, bool]
"""Class, and whether it stands for the second vertebra of that class (T13, L6)."""


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
    """Find the names with the highest total score.

    Parameters
    ----------
    c1_enabled
        Whether the top vertebra may be C1.
    settings
        ``proc_lab_force_no_tl_anomaly`` allows neither a T13 nor a missing T12.
    anomaly_cost
        Cost of a T13, of an L6 and of a missing T12.
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
        classes, cost = _greedy(scores, start, force)
        if cost < IMPOSSIBLE / 2:
            return LabelPath(list(classes), _labels(classes, scores.axis), cost)
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
    """Exact search from the last row upwards; the state knows whether a name was doubled."""

    def __init__(
        self, scores: Scores, start: int, force: bool, gap: int, anomaly_cost: float
    ) -> None:
        self.scores, self.axis = scores, scores.axis
        self.force, self.gap, self.start = force, gap, start
        self.anomaly_cost = anomaly_cost
        labels = self.axis.labels
        self.t11, self.t12, self.l1 = (labels.index(v) for v in (T11, T12, 20))
        self.l5 = labels.index(L5)
        self.t13 = labels.index(T13) if T13 in labels else None
        self.rows = len(scores.total)
        self.value: list[dict[State, float]] = [{} for _ in range(self.rows)]
        self.follower: list[dict[State, tuple[int, State] | None]] = [{} for _ in range(self.rows)]

    def best(self) -> tuple[list[tuple[int, int]], float]:
        """Rows with their classes, and the cost; an infinite cost if nothing fits."""
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
        cls = state[0]
        relative = self.scores.relative[row]
        own = -float(self.scores.total[row, cls])
        if cls == self.axis.regions[1]:
            own += float(relative[FIRST_THORACIC])
        elif cls == self.axis.regions[2]:
            own += float(relative[FIRST_LUMBAR])
        left = self.rows - 1 - row
        best, follower = math.inf, None
        if left <= self.gap:
            last = float(relative[LAST_LUMBAR]) if self.axis.labels[cls] in (L5, L6) else 0.0
            best = SKIP_COST * left + (last if left == 0 else 0.0)
        region = self.axis.region(cls)
        for skipped in range(min(self.gap, left - 1) + 1 if left else 0):
            below = row + 1 + skipped
            for target in self._moves(state):
                cost = self.value[below][target] + SKIP_COST * skipped
                if self._is_t13(state, target):
                    cost += float(self.scores.t13[below])
                if self._is_anomaly(state, target):
                    cost += self.anomaly_cost
                if self.axis.region(target[0]) > region:
                    cost += float(relative[2 * region + 1])
                if cost < best:
                    best, follower = cost, (below, target)
        self.value[row][state] = own + best
        self.follower[row][state] = follower

    def _may_double(self, cls: int) -> bool:
        return self.axis is AXIS_24 and cls in (self.t12, self.l5)

    def _is_t13(self, state: State, target: State) -> bool:
        return target[0] == self.t13 or (target[0] == state[0] == self.t12)

    def _is_anomaly(self, state: State, target: State) -> bool:
        without_t12 = state[0] == self.t11 and target[0] == self.l1
        sixth = self.axis.labels[target[0]] == L6 or target[1]
        return without_t12 or sixth or self._is_t13(state, target)

    def _moves(self, state: State) -> Iterator[State]:
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


def _greedy(scores: Scores, start: int, force: bool) -> tuple[list[int], float]:
    """Search of SPINEPS: the best continuation is chosen first and judged afterwards."""
    axis, rows = scores.axis, len(scores.total)
    size, doubled = axis.size, axis is AXIS_24
    t11, t12, l5 = T11 - 1, T12 - 1, axis.labels.index(L5)
    value = np.full((rows, size), IMPOSSIBLE)
    follower = np.full((rows, size), -1)
    repeats = np.zeros((rows, size, 2), dtype=int)
    for row in reversed(range(rows)):
        for cls in range(size):
            best, chosen = (0.0, -1) if row == rows - 1 else (math.inf, -1)
            if row < rows - 1:
                moves = [(cls + 1, 0.0)]
                if doubled and cls == t12 and not force:
                    moves.append((cls, float(scores.t13[row + 1])))
                if doubled and cls == l5:
                    moves.append((cls, 0.0))
                if cls == t11 and not force:
                    moves.append((axis.regions[2], 0.0))
                if not doubled and cls == t12 and not force:
                    moves.append((axis.regions[2], 0.0))
                for target, extra in moves:
                    cost = IMPOSSIBLE if target >= size else value[row + 1, target] + extra
                    if cost < best:
                        best, chosen = cost, target if target < size else -1
            own = -float(scores.total[row, cls])
            own += _greedy_relative(scores, row, cls, chosen)
            value[row, cls], follower[row, cls] = own + best, chosen
            if chosen >= 0:
                repeats[row, cls] = repeats[row + 1, chosen]
            repeats[row, cls] += (cls == t12, cls == l5)
            if doubled and repeats[row, cls].max() > MAX_REPEATS:
                value[row, cls] = IMPOSSIBLE
    cls = start + int(value[0, start:].argmin())
    cost = float(value[0, cls])
    path = [cls]
    for row in range(rows - 1):
        cls = int(follower[row, cls])
        path.append(cls)
    return path, cost


def _greedy_relative(scores: Scores, row: int, cls: int, following: int) -> float:
    axis, relative = scores.axis, scores.relative[row]
    region = axis.region(cls)
    cost = float(relative[2 * region]) if region and cls == axis.regions[region] else 0.0
    if following >= 0 and axis.region(following) > region:
        cost += float(relative[2 * region + 1])
    return cost
