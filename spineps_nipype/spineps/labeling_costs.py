"""Which sequences of vertebra names there are, and what each costs.

Problem: the labelling network scores each vertebra by itself, but names must descend the spine
without a gap, unless vertebrae were missed. A single vertebra that looks like its neighbour must
not break the sequence.

Model: rows are the vertebrae from top to bottom, columns the classes of a `ClassAxis`. The state
of a row is its class and, where T13 and L6 have no class of their own (24 names), whether it
stands for the second T12 or L5. From one row to the next, a state moves on to the next class, may
double T12 or L5 once, and may skip T12 or T13; where the distance of both tells of missed
vertebrae (ours), it may leave out as many names. The cost of a path is the sum of

* minus the score of each name,
* the (negative) cost of being the first or last vertebra of a region, and of being a T13,
* `anomaly_cost` for each T13, L6 and missing T12 (ours),
* the cost of vertebrae that the mask has missed, by the distance of their neighbours (ours).

Source: SPINEPS 2.1.3 (VERIDAH), path search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from ..core.anatomy import L1, L5, L6, T11, T12, T13
from ..core.missed_vertebrae import Missed
from .labeling_scores import (
    AXIS_24,
    FIRST_LUMBAR,
    FIRST_THORACIC,
    LAST_LUMBAR,
    ClassAxis,
    Scores,
)

State: TypeAlias = tuple[int, bool]
"""Class, and whether it stands for the second vertebra of that class: T13 or L6."""


class Step(NamedTuple):
    """A step from a vertebra to the next one that is named, and its cost."""

    state: State
    cost: float


def labels_of(classes: Sequence[int], axis: ClassAxis) -> list[int]:
    """Labels of a sequence of classes; the second T12 is T13, a second L5 at the end is L6."""
    labels = [axis.labels[cls] for cls in classes]
    if axis is not AXIS_24:
        return labels
    if T12 in labels:
        first = labels.index(T12)
        if labels[first + 1 : first + 2] == [T12]:
            labels[first + 1] = T13
    if labels[-2:] == [L5, L5]:
        labels[-1] = L6
    return labels


class SequenceCosts:
    """Costs of the names of one scan; lower is likelier.

    Parameters
    ----------
    scores
        Scores of all names for each vertebra.
    c1_enabled
        Whether the top vertebra may be C1.
    no_anomaly
        Whether T13 and a missing T12 are ruled out.
    anomaly_cost
        Cost of a T13, of an L6 and of a missing T12, in units of the scores.
    missed
        How many vertebrae may be missed, with the cost.
    """

    def __init__(
        self,
        scores: Scores,
        *,
        c1_enabled: bool,
        no_anomaly: bool,
        anomaly_cost: float,
        missed: Missed = (),
    ) -> None:
        self.scores, self.axis, self.rows = scores, scores.axis, len(scores.total)
        self._first, self._no_anomaly, self._anomaly = (
            int(not c1_enabled),
            no_anomaly,
            anomaly_cost,
        )
        self._missed = missed
        labels = self.axis.labels
        self._t11, self._t12, self._l1, self._l5 = map(labels.index, (T11, T12, L1, L5))
        self._t13 = labels.index(T13) if T13 in labels else None
        self._usual = [cls for cls, label in enumerate(labels) if label not in (T13, L6)]

    def states(self) -> Iterator[State]:
        """All states of a row."""
        for cls in range(self.axis.size):
            yield cls, False
            if self._may_double(cls):
                yield cls, True

    def first_states(self) -> Iterator[State]:
        """States of the top row."""
        for cls in range(self._first, self.axis.size):
            if not (self._no_anomaly and cls == self._t13):
                yield cls, False

    def steps(self, row: int, below: int, state: State) -> Iterator[Step]:
        """Steps from the state of a row to those of the next one that is named."""
        for target in self._neighbours(state):
            anomaly = self._anomaly if self._is_anomaly(state, target) else 0.0
            yield Step(target, self._of_step(row, below, state, target) + anomaly)
        if below == row + 1 and row < len(self._missed) and self._missed[row]:
            yield from self._steps_over_missed(row, state)

    def _steps_over_missed(self, row: int, state: State) -> Iterator[Step]:
        """Steps to the next row that leave out names."""
        further = [cls for cls in self._usual if cls > state[0]]
        for missed, cost in self._missed[row].items():
            if missed < len(further):
                target = further[missed], False
                # a region ends with the upper vertebra if the uppermost missed one opens the next
                opened = further[0], False
                yield Step(target, self._of_step(row, row + 1, state, opened) + cost)

    def _neighbours(self, state: State) -> Iterator[State]:
        """States that may follow directly below."""
        cls, doubled = state
        t13_allowed = not self._no_anomaly
        if cls + 1 < self.axis.size and (t13_allowed or cls + 1 != self._t13):
            yield cls + 1, False
        if self._may_double(cls) and not doubled and (t13_allowed or cls == self._l5):
            yield cls, True
        if cls == self._t11 and not self._no_anomaly:
            yield self._l1, False
        if cls == self._t12 and self._t13 is not None:
            yield self._l1, False

    def of_name(self, row: int, state: State) -> float:
        """Cost of a name by itself, and of opening the thoracic or lumbar region."""
        cls = state[0]
        cost = -float(self.scores.total[row, cls])
        if cls == self.axis.regions[1]:
            cost += float(self.scores.relative[row, FIRST_THORACIC])
        elif cls == self.axis.regions[2]:
            cost += float(self.scores.relative[row, FIRST_LUMBAR])
        return cost

    def _of_step(self, row: int, below: int, state: State, target: State) -> float:
        """Cost that the network gives to going on from a row to the next named one."""
        cost, region = 0.0, self.axis.region(state[0])
        if self._is_t13(state, target):
            cost += float(self.scores.t13[below])
        if self.axis.region(target[0]) > region:  # this row is the last of its region
            cost += float(self.scores.relative[row, 2 * region + 1])
        return cost

    def of_end(self, state: State) -> float:
        """Cost of a name of the lowest row: where it ends the lumbar region."""
        ends = self.axis.labels[state[0]] in (L5, L6)
        return float(self.scores.relative[-1, LAST_LUMBAR]) if ends else 0.0

    def _may_double(self, cls: int) -> bool:
        """Whether a class may stand for two vertebrae: T12 for T13, L5 for L6, with 24 names."""
        return self.axis is AXIS_24 and cls in (self._t12, self._l5)

    def _is_t13(self, state: State, target: State) -> bool:
        """Whether a move leads to T13: its own class, or the second T12."""
        return target[0] == self._t13 or (target[0] == state[0] == self._t12)

    def _is_anomaly(self, state: State, target: State) -> bool:
        """Whether a move makes a T13 or an L6, or leaves out T12."""
        without_t12 = state[0] == self._t11 and target[0] == self._l1
        sixth = self.axis.labels[target[0]] == L6 or target[1]
        return without_t12 or sixth or self._is_t13(state, target)
