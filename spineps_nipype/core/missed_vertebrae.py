"""How many vertebrae were missed between two neighbours, by the distances of their bodies.

Names go on from a vertebra to the next one. Where a mask lacks a vertebra between others, as
beside metal, all names above or below the gap would be one level off. But spacings change slowly
along a spine: a distance of twice those around it has a vertebra in it.

Source: ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS: Final = 2
"""Spacings on either side whose median is the usual one."""
SPREAD: Final = 0.15
"""Standard deviation of the logarithm of a spacing, relative to the usual one. Of 125 spacings in
20 SPIDER masks, which trained networks, none is more than 0.13 above; that a body beside a missed
one is often damaged, too, is allowed for (chosen)."""
MISSED_ODDS: Final = 0.01
"""Odds that a vertebra between two others is missed, before their distance is known (chosen)."""
FURTHER_ODDS: Final = 0.3
"""The same of one more beside a missed one: damage seldom stops at a vertebra (chosen)."""
LEAST_ODDS: Final = 0.02
"""Numbers that are less likely against none are left out, so that nothing changes in spines
without gaps."""
MOST_MISSED: Final = 3
"""Vertebrae that may be missed one after another."""
MOST_GAPS: Final = 3
"""Places where any may be missed, the widest first: more are no spine with gaps."""


def relative_spacings(
    centres: NDArray[np.float64], neighbours: int = NEIGHBOURS
) -> NDArray[np.float64]:
    """Distance of each place from the next one as a multiple of the usual distance around it.

    Parameters
    ----------
    centres
        Shape (places, 3), from top to bottom [mm].
    neighbours
        Distances on either side whose median is the usual one.

    Returns
    -------
    ndarray
        Shape (places - 1,); 1 where nothing around is known.
    """
    distances = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    out = np.ones(len(distances))
    for i, distance in enumerate(distances):
        first = max(0, i - neighbours)
        around = np.concatenate([distances[first:i], distances[i + 1 : i + 1 + neighbours]])
        if len(around) and np.median(around) > 0:
            out[i] = distance / np.median(around)
    return out


def missed_between(centres: NDArray[np.float64]) -> list[dict[int, float]]:
    """Logarithms of the odds that vertebrae are missed between neighbours.

    Parameters
    ----------
    centres
        Shape (vertebrae, 3): middles of the bodies from top to bottom [mm].

    Returns
    -------
    list of dict
        For each step from a vertebra to the next one: how many may be missed, with the logarithm
        of the odds against none.
    """
    spacings = relative_spacings(centres)
    steps = [_log_odds(spacing) for spacing in spacings]
    widest = np.argsort(-spacings, kind="stable")[:MOST_GAPS]
    return [found if i in widest else {} for i, found in enumerate(steps)]


def _log_odds(spacing: float) -> dict[int, float]:
    stretch = math.log(spacing) if spacing > 0 else 0.0
    out = {}
    for missed in range(1, MOST_MISSED + 1):
        wrong_by = stretch - math.log(missed + 1)
        odds = (stretch**2 - wrong_by**2) / (2 * SPREAD**2) + math.log(MISSED_ODDS)
        odds += (missed - 1) * math.log(FURTHER_ODDS)
        if odds > math.log(LEAST_ODDS):
            out[missed] = odds
    return out


def none_missed(count: int) -> Sequence[Mapping[int, float]]:
    """The same for vertebrae of which none is missed."""
    return [{}] * max(count - 1, 0)
