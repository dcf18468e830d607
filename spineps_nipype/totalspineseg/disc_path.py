"""Labels of all discs at once: the best path through the labels of the spine.

Problem: counting on from single landmarks, as the original does, lets one wrong landmark or one
missed disc shift the labels of a whole spine. Here all landmark classes, the localizer and the
distances between neighbouring discs decide together.

Model: rows are the discs from top to bottom, states the possible disc labels in the order of the
spine; labels must increase downward. The score of an assignment is the sum of

* rewards of each disc and its label: for the accepted landmark, and for the share of the disc that
  landmark classes or the localizer give to that label, less what they give to other labels;
* penalties of each pair of neighbours: for every usual disc that their labels leave out, and for a
  distance that does not fit the number of discs left out. If the lower one is the disc on the
  sacrum, a spine with one vertebra less may explain the gap instead;
* a penalty for each disc above the first and below the last label, which stays unnamed.

All numbers are in units of one landmark that fills its disc. The best assignment is found by
dynamic programming in O(discs x labels^2). Source: ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..core.missed_vertebrae import relative_spacings
from .regions import SpineOrder

ACCEPTED_REWARD: Final = 1.0
"""Reward of a disc that gets the label of its accepted landmark."""
LANDMARK_WEIGHT: Final = 1.0
"""Reward of a label whose landmark class fills the whole disc, and penalty if it fills it and the
disc gets another label."""
LOCALIZER_WEIGHT: Final = 2.0
"""The same for the localizer."""
MISSED_PENALTY: Final = 0.4
"""Penalty for a disc of a normal spine that was not found between two others."""
UNUSUAL_PENALTY: Final = 1.0
"""Penalty for a disc that a normal spine does not have."""
FEWER_PENALTY: Final = 1.0
"""Penalty for a spine with one disc less above the sacrum, such as one with four lumbar
vertebrae."""
UNNAMED_PENALTY: Final = 0.75
"""Penalty for a disc without a label at an end of the spine."""
SPACING_PENALTY: Final = 0.8
"""Penalty for a distance between neighbours that is wrong by the usual distance or more: a gap of
twice the usual distance costs more than one missed disc in it."""
NEIGHBOUR_GAPS: Final = 1
"""Gaps on either side whose median is the usual distance, which grows down the spine."""


@dataclass(frozen=True)
class DiscEvidence:
    """Evidence for the labels of each disc, uppermost first.

    Parameters
    ----------
    landmarks
        Output label to the share of the disc that its landmark class fills.
    localizer
        Output label to its share in the voxels of the localizer in the disc.
    """

    landmarks: tuple[Mapping[int, float], ...]
    localizer: tuple[Mapping[int, float], ...]


def fit_discs(
    discs: Sequence[int],
    centres: NDArray[np.float64],
    accepted: Mapping[int, int],
    evidence: DiscEvidence,
    spine: SpineOrder,
) -> dict[int, int]:
    """Label the discs by the best assignment; see the head of this module.

    Parameters
    ----------
    discs
        Components, uppermost first.
    centres
        Their centres of mass, shape (discs, 3), in mm.
    accepted
        Component to label, for the landmarks that the rules accept.
    evidence
        One entry for each disc.
    spine
        Possible and usual labels.

    Returns
    -------
    dict
        Component to label. Labels increase downward; discs beyond the ends of the spine have none.
    """
    count, size = len(discs), len(spine.discs)
    reward = _rewards(discs, accepted, evidence, spine)
    relative_gap = relative_spacings(centres, NEIGHBOUR_GAPS)
    # best[i, j]: best score of discs 0 to i if disc i has label j; back[i, j]: label of the disc
    # above it, -1 if that is unnamed.
    best = np.full((count, size), -np.inf)
    back = np.full((count, size), -1)
    for i in range(count):
        best[i] = reward[i] - UNNAMED_PENALTY * i  # disc i is the first named one
        if not i:
            continue
        for j in range(1, size):
            steps = [
                best[i - 1, k] - _step_penalty(spine, k, j, relative_gap[i - 1]) for k in range(j)
            ]
            k = int(np.argmax(steps))
            if steps[k] + reward[i, j] > best[i, j]:
                best[i, j], back[i, j] = steps[k] + reward[i, j], k
    unnamed = UNNAMED_PENALTY * np.arange(count - 1, -1, -1)
    i, j = divmod(int((best - unnamed[:, None]).argmax()), size)
    out: dict[int, int] = {}
    while j >= 0:
        out[discs[i]] = spine.discs[j]
        i, j = i - 1, int(back[i, j])
    return out


def _rewards(
    discs: Sequence[int],
    accepted: Mapping[int, int],
    evidence: DiscEvidence,
    spine: SpineOrder,
) -> NDArray[np.float64]:
    """Reward of each label (columns) for each disc (rows) by itself."""
    out = np.zeros((len(discs), len(spine.discs)))
    column = {label: j for j, label in enumerate(spine.discs)}
    for i, number in enumerate(discs):
        if number in accepted and accepted[number] in column:
            out[i, column[accepted[number]]] += ACCEPTED_REWARD
        for shares, weight in (
            (evidence.landmarks[i], LANDMARK_WEIGHT),
            (evidence.localizer[i], LOCALIZER_WEIGHT),
        ):
            known = {label: share for label, share in shares.items() if label in column}
            # Every label loses all shares, and its own share counts twice: s - (sum - s).
            out[i] -= weight * sum(known.values())
            for label, share in known.items():
                out[i, column[label]] += 2 * weight * share
    for j, label in enumerate(spine.discs):
        if label not in spine.usual_discs:
            out[:, j] -= UNUSUAL_PENALTY
    return out


def _step_penalty(spine: SpineOrder, upper: int, lower: int, relative_gap: float) -> float:
    """Penalty of two neighbouring discs.

    Parameters
    ----------
    upper, lower
        Indices of their labels.
    relative_gap
        Their distance as a multiple of the usual one.
    """
    missed = sum(label in spine.usual_discs for label in spine.discs[upper + 1 : lower])
    cost = gap_penalty(missed, relative_gap)
    if missed and lower == len(spine.discs) - 1:
        # One disc less was missed if the spine has one less above the sacrum.
        return min(cost, FEWER_PENALTY + gap_penalty(missed - 1, relative_gap))
    return cost


def gap_penalty(missed: int, relative_gap: float) -> float:
    """Penalty of some missed discs between two others, at a multiple of the usual distance."""
    return MISSED_PENALTY * missed + SPACING_PENALTY * min(abs(relative_gap - 1 - missed), 1.0)
