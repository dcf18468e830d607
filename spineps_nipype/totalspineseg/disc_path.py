"""Numbers of all discs at once: the best path through the labels of the spine.

Counting on from single landmarks, as the original does, lets one wrong landmark or one missed
disc shift a whole spine. Here every landmark class, the localizer and the distances between
neighbouring discs vote together, and the cheapest increasing assignment of labels wins. Ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .regions import SpineOrder

ACCEPTED: Final = 1.0
"""Reward of a disc that gets the label of its accepted landmark."""
SHARE: Final = 1.0
"""Reward of a landmark class that fills a whole disc, and fine of one that is contradicted."""
LOCALIZER: Final = 2.0
"""The same for a localizer."""
SKIPPED: Final = 0.4
"""Fine of a disc that a normal spine has and that is not found between two others."""
UNUSUAL: Final = 1.0
"""Fine of a disc that a normal spine does not have."""
FEWER: Final = 1.0
"""Fine of a spine with one disc less above the sacrum, such as four lumbar vertebrae."""
UNNAMED: Final = 0.75
"""Fine of a disc that stays without label at an end of the spine."""
STRETCH: Final = 0.8
"""Fine of a distance between neighbours that is off by the usual one: a gap of two usual
distances costs more than a missed disc in it."""
NEIGHBOURS: Final = 1
"""Gaps on each side whose median says what distance is usual; it grows down the spine."""


@dataclass(frozen=True)
class DiscEvidence:
    """What speaks for a label of each disc, uppermost first.

    Parameters
    ----------
    landmarks
        Output label to the share of its landmark class in the disc.
    localizer
        Output label to its share of the localizer voxels in the disc.
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
    """Component to label for the best assignment.

    Parameters
    ----------
    discs
        Components, uppermost first.
    centres
        Their centres of mass, shape (discs, 3), mm.
    accepted
        Component to label of the landmarks that the rules accept.
    evidence
        One entry for each disc.
    spine
        Possible and usual labels.

    Returns
    -------
    dict
        Labels increase downward. Discs beyond the ends of the spine are absent.
    """
    count, size = len(discs), len(spine.discs)
    gain = _gains(discs, accepted, evidence, spine)
    stretch = _stretches(centres)
    # best[i, j]: disc i has label j. Discs above the first named one cost UNNAMED each.
    best = np.full((count, size), -np.inf)
    back = np.full((count, size), -1)
    for i in range(count):
        best[i] = gain[i] - UNNAMED * i
        if not i:
            continue
        for j in range(1, size):
            steps = [best[i - 1, k] - _step_cost(spine, k, j, stretch[i - 1]) for k in range(j)]
            k = int(np.argmax(steps))
            if steps[k] + gain[i, j] > best[i, j]:
                best[i, j], back[i, j] = steps[k] + gain[i, j], k
    unnamed = UNNAMED * np.arange(count - 1, -1, -1)
    i, j = divmod(int((best - unnamed[:, None]).argmax()), size)
    out: dict[int, int] = {}
    while j >= 0:
        out[discs[i]] = spine.discs[j]
        i, j = i - 1, int(back[i, j])
    return out


def _gains(
    discs: Sequence[int],
    accepted: Mapping[int, int],
    evidence: DiscEvidence,
    spine: SpineOrder,
) -> NDArray[np.float64]:
    """Reward of each label for each disc by itself."""
    out = np.zeros((len(discs), len(spine.discs)))
    column = {label: j for j, label in enumerate(spine.discs)}
    for i, number in enumerate(discs):
        if number in accepted and accepted[number] in column:
            out[i, column[accepted[number]]] += ACCEPTED
        for shares, weight in (
            (evidence.landmarks[i], SHARE),
            (evidence.localizer[i], LOCALIZER),
        ):
            known = {label: share for label, share in shares.items() if label in column}
            out[i] -= weight * sum(known.values())
            for label, share in known.items():
                out[i, column[label]] += 2 * weight * share
    for j, label in enumerate(spine.discs):
        if label not in spine.usual_discs:
            out[:, j] -= UNUSUAL
    return out


def _stretches(centres: NDArray[np.float64]) -> list[float]:
    """Distance of each disc from the next one, as a multiple of what is usual around it."""
    gaps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    out = []
    for i, gap in enumerate(gaps):
        before, after = gaps[max(0, i - NEIGHBOURS) : i], gaps[i + 1 : i + 1 + NEIGHBOURS]
        around = np.concatenate([before, after])
        usual = float(np.median(around)) if len(around) else 0.0
        out.append(gap / usual if usual > 0 else 1.0)
    return out


def _step_cost(spine: SpineOrder, upper: int, lower: int, stretch: float) -> float:
    """Fine of two neighbours with these labels."""
    missed = sum(label in spine.usual_discs for label in spine.discs[upper + 1 : lower])
    cost = SKIPPED * missed + STRETCH * min(abs(stretch - 1 - missed), 1.0)
    if missed and lower == len(spine.discs) - 1:
        missed -= 1
        fewer = FEWER + SKIPPED * missed + STRETCH * min(abs(stretch - 1 - missed), 1.0)
        return min(cost, fewer)
    return cost
