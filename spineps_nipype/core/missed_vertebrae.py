"""How many vertebrae were missed between two neighbours, by the distances of their bodies.

Names go on from a vertebra to the next one. Where a mask lacks a vertebra between others, as
beside metal, all names above or below the gap would be one level off. But spacings change slowly
along a spine: a distance of twice those around it has a vertebra in it. What is left of a damaged
body may be its upper or its lower end, so that its distances are uncertain by what it lacks.

Source: ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Missed: TypeAlias = Sequence[Mapping[int, float]]
"""For each step from a vertebra to the next one: how many may be missed between both, with a cost
or with the logarithm of the odds against none. Steps that are not told of have none."""
NEIGHBOURS: Final = 2
"""Spacings on either side whose median is the usual one."""
SPREAD: Final = 0.15
"""Standard deviation of the logarithm of a spacing, relative to the usual one. Of 125 spacings in
20 SPIDER masks, which trained networks, none is more than 0.13 above (chosen)."""
BODY_SHARE: Final = 0.75
"""Height of a body as a share of the spacing: the rest is the disc."""
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
        Shape (places, axes), from top to bottom, in any unit.
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
        usual = _usual(distances, i, neighbours)
        if usual > 0:
            out[i] = distance / usual
    return out


def missed_between(
    centres: NDArray[np.float64], volumes: NDArray[np.float64]
) -> list[dict[int, float]]:
    """Logarithms of the odds that vertebrae are missed between neighbours.

    Parameters
    ----------
    centres
        Shape (vertebrae, axes): middles of the bodies from top to bottom, in any unit.
    volumes
        Shape (vertebrae,): their volumes, in any unit.

    Returns
    -------
    list of dict
        For each step from a vertebra to the next one: how many may be missed, with the logarithm
        of the odds against none.
    """
    spacings = relative_spacings(centres)
    lacking = np.array([_lacking(volumes, i) for i in range(len(volumes))])
    slack = BODY_SHARE / 2 * (lacking[:-1] + lacking[1:])
    steps = [_log_odds(*step) for step in zip(spacings, slack, strict=True)]
    widest = np.argsort(-spacings, kind="stable")[:MOST_GAPS]
    return [found if i in widest else {} for i, found in enumerate(steps)]


def _lacking(volumes: NDArray[np.float64], row: int) -> float:
    """Share of a body that is not there, by the volumes of those around it."""
    usual = _usual(volumes, row, NEIGHBOURS)
    return max(1 - float(volumes[row]) / usual, 0.0) if usual > 0 else 0.0


def _usual(values: NDArray[np.float64], place: int, count: int) -> float:
    """Median of so many values on either side of one; 0 where there are none."""
    before, behind = values[max(0, place - count) : place], values[place + 1 :][:count]
    around = np.concatenate([before, behind])
    return float(np.median(around)) if len(around) else 0.0


def _log_odds(spacing: float, slack: float) -> dict[int, float]:
    """Numbers of missed vertebrae with the logarithm of their odds against none."""
    none = _misfit(spacing, slack, 1)
    out = {}
    for missed in range(1, MOST_MISSED + 1):
        odds = none - _misfit(spacing, slack, missed + 1) + math.log(MISSED_ODDS)
        odds += (missed - 1) * math.log(FURTHER_ODDS)
        if odds > math.log(LEAST_ODDS):
            out[missed] = odds
    return out


def _misfit(spacing: float, slack: float, steps: int) -> float:
    """Minus the logarithm of how well a spacing fits so many steps, within what is uncertain."""
    nearest = min(max(steps, spacing - slack), spacing + slack)
    return (math.log(nearest / steps) / SPREAD) ** 2 / 2 if nearest > 0 else math.inf
