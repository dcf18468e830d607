"""How probable each name is, over all sequences of labels that the terms of `disc_path` allow.

The labels of the discs come from the best assignment. Here all others are weighed against it, with
the same evidence, landmarks and distances, but as logarithms of odds (`Weights`): how much more
often a landmark class fills a disc that it belongs to than another one. A disc with the label of a
landmark that shows nothing of its class counts against the assignment, and so does the disc on the
sacrum where no sacrum is found. The odds of anomalies are those that all systems share: an L6, a
missing T12 and a missing L5, and a T13, which no label map of TotalSpineSeg can show. Names of
vertebrae follow from the labels of the discs as in the label map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.missed_vertebrae import relative_spacings
from ..core.name_posterior import ANOMALY_ODDS, NamePosterior, posterior_of
from ..core.name_sequences import cheapest_sequences
from ..core.spine_names import NO_VERTEBRA
from ..errors import EmptyResultError
from .disc_path import NEIGHBOUR_GAPS, UNNAMED_PENALTY, DiscEvidence, gap_penalty
from .labels import ANATOMY, DISC_L5_S, DISC_T12_L1
from .numbering import SpinePart, number_vertebrae
from .regions import SpineOrder
from .settings import LabelerSettings, Numerics


class Landmark(NamedTuple):
    """What the class of a landmark is worth, as logarithms of odds.

    Parameters
    ----------
    fills, absent
        How much more often than another disc the one that the class belongs to is filled by it,
        and how much less often it shows nothing of it. In between the worth is linear in the
        share that is filled.
    """

    fills: float
    absent: float

    def of_share(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logarithm of the odds of the landmark, by the share of a disc that its class fills."""
        return share * (self.fills + self.absent) - self.absent


@dataclass(frozen=True)
class Weights:
    """Logarithms of odds of what is seen of the discs.

    Parameters
    ----------
    landmarks
        By label; other landmarks are worth `other`.
    other
        Landmarks that the compact networks do not find, so that their absence means nothing.
    sacrum
        Of the disc on the sacrum where a sacrum is found, and against it where there is none.
    localizer
        Of a label that a localizer gives to the whole disc.
    gap
        Of one unit of the penalties for distances, missed discs and discs without a label.
    """

    landmarks: Mapping[int, Landmark] = field(
        default_factory=lambda: {
            DISC_T12_L1: Landmark(fills=2.0, absent=0.7),
            DISC_L5_S: Landmark(fills=3.5, absent=3.0),
        }
    )
    other: Landmark = Landmark(fills=3.5, absent=0.0)
    sacrum: float = 2.0
    localizer: float = 8.0
    gap: float = 6.0


WEIGHTS: Final = Weights()
SPAN: Final = -math.log(1e-4)
"""Assignments this much less likely than the best (logarithm of the odds) are left out."""
MOST: Final = 300
"""Largest number of assignments."""
THORACIC: Final = 1
"""Place of the thoracic vertebrae among the regions."""
SACRUM_MM3: Final = 6000.0
"""Volume from which on what a network calls sacrum is one: in 14 views of phantoms and real scans
it was 18 to 55 cm3 where the sacrum was in view, and at most 2 cm3 where it was not."""
LEFT_OUT: Final = (82, 95)
"""Discs that a spine without T12, and one without L5, does not have."""


@dataclass(frozen=True)
class DiscProblem:
    """What is known of the discs of a scan, uppermost first.

    Parameters
    ----------
    discs
        Their components.
    centres
        Their centres of mass, shape (discs, 3), in mm.
    accepted
        Component to label, for the landmarks that the rules accept.
    evidence
        One entry for each disc.
    sacrum
        Whether a sacrum is found; None where nothing tells.
    told
        Whether the landmark is what a user says of the uppermost disc, so that it is certain.
    """

    discs: Sequence[int]
    centres: NDArray[np.float64]
    accepted: Mapping[int, int]
    evidence: DiscEvidence
    sacrum: bool | None = None
    told: bool = False


def name_posterior(
    problem: DiscProblem,
    parts: Sequence[SpinePart],
    rows: Sequence[int],
    settings: LabelerSettings,
    *,
    numerics: Numerics = "corrected",
    weights: Weights = WEIGHTS,
) -> NamePosterior | None:
    """Probabilities of the names of one scan.

    Parameters
    ----------
    problem
        The discs.
    parts
        Discs and vertebrae from top to bottom.
    rows
        Components of the vertebrae that are asked for, uppermost first.
    settings
        Labels.
    numerics
        Rules by which names follow from the labels of the discs.

    Returns
    -------
    NamePosterior or None
        In the labels of `core.anatomy`, one for each of `rows`; None if there are none.
    """
    if not rows:
        return None
    spine = _with_t13(settings)
    found = []
    for labels, cost in _assignments(problem, spine, settings, weights):
        try:
            names = number_vertebrae(parts, labels, spine, numerics=numerics)
        except EmptyResultError:  # a top that these rules cannot count from
            continue
        sequence = [ANATOMY.get(names.get(row, NO_VERTEBRA), NO_VERTEBRA) for row in rows]
        found.append((sequence, cost))
    return posterior_of(found, 1.0)


def _with_t13(settings: LabelerSettings) -> SpineOrder:
    """Labels from top to bottom with one more thoracic vertebra."""
    sizes = list(settings.region_max_sizes)
    sizes[THORACIC] += 1
    return SpineOrder.of(replace(settings, region_max_sizes=tuple(sizes)))


def _assignments(
    problem: DiscProblem, spine: SpineOrder, settings: LabelerSettings, weights: Weights
) -> Iterator[tuple[dict[int, int], float]]:
    """Label of each component, and the cost, the cheapest first.

    The first and the last state stand for discs above and below those with a label.
    """
    count, size = len(problem.discs), len(spine.discs)
    states = np.full((count, size + 2), weights.gap * UNNAMED_PENALTY)
    states[:, 1:-1] = -_log_odds(problem, spine, settings, weights)
    states[0, -1] = states[-1, 0] = np.inf
    if problem.told:
        told = spine.discs.index(problem.accepted[problem.discs[0]])
        states[0, np.arange(size + 2) != told + 1] = np.inf
    steps = np.full((max(count - 1, 0), size + 2, size + 2), np.inf)
    steps[:, 0, :-1] = steps[:, 1:, -1] = 0
    for row, gap in enumerate(relative_spacings(problem.centres, NEIGHBOUR_GAPS)):
        for upper in range(size):
            for lower in range(upper + 1, size):
                step = _step(spine, upper, lower, gap, weights)
                steps[row, upper + 1, lower + 1] = step
    for path, cost in cheapest_sequences(states, steps, span=SPAN, most=MOST):
        yield (
            {
                number: spine.discs[state - 1]
                for number, state in zip(problem.discs, path, strict=True)
                if 0 < state <= size
            },
            cost,
        )


def _log_odds(
    problem: DiscProblem, spine: SpineOrder, settings: LabelerSettings, weights: Weights
) -> NDArray[np.float64]:
    """Logarithm of the odds of each label (columns) for each disc (rows) by itself."""
    evidence = problem.evidence
    out = np.zeros((len(evidence.landmarks), len(spine.discs)))
    used = dict(
        zip(settings.disc_landmark_labels, settings.disc_landmark_output_labels, strict=True)
    )
    landmarks = {used[raw] for raw in settings.selected_disc_landmarks if raw in used}
    for column, label in enumerate(spine.discs):
        if label in landmarks:
            seen = np.array([shares.get(label, 0.0) for shares in evidence.landmarks])
            out[:, column] += weights.landmarks.get(label, weights.other).of_share(seen)
        told = np.array([shares.get(label, 0.0) for shares in evidence.localizer])
        out[:, column] += weights.localizer * told
        if label not in spine.usual_discs:
            out[:, column] += math.log(ANOMALY_ODDS)
        if label == DISC_L5_S and problem.sacrum is not None:
            out[:, column] += weights.sacrum if problem.sacrum else -weights.sacrum
    return out


def _step(spine: SpineOrder, upper: int, lower: int, gap: float, weights: Weights) -> float:
    """Cost of two neighbouring discs: what lies between was missed, or this spine lacks it."""
    between = [label for label in spine.discs[upper + 1 : lower] if label in spine.usual_discs]
    missed, spare = len(between), sum(label in LEFT_OUT for label in between)
    return min(
        weights.gap * gap_penalty(missed - n, gap) - n * math.log(ANOMALY_ODDS)
        for n in range(spare + 1)
    )
