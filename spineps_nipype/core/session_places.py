"""Where the vertebrae of one scan lie among those of others of the same session.

Problem: scans of a session share world coordinates, but patients move between them, and a scanner
may have been set up anew. A shift of 15 mm is nearly the height of a cervical vertebra.

Model: vertebrae are points from top to bottom, and a scan is placed beside others by an offset:
its first vertebra is the vertebra `offset` of theirs. Given the offset, the distances of bodies
that coincide are a shift of the patient (`MOTION_MM`), a turn (`TURN`), which hardly changes
distances along the spine (`STRETCH`), and errors of each point (`POINT_MM`). Vertebrae that do not
belong together resemble each other too, but less (`FOREIGN_TURN`, `FOREIGN_MM`). All of these are
Gaussian, so that their probability is exact. Where a gap lies between, the spacing of the
vertebrae beside it says how many are in it. All offsets keep their probability, and one of them is
that the scans have nothing to do with each other: then any place is as good (`WORLD_MM`).

Source: ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Shape (vertebrae, 3): world coordinates [mm, RAS]."""
MOTION_MM: Final = 6.0
"""Standard deviation of the shift of a patient along each axis."""
MOST_MOTION_MM: Final = 20.0
"""A larger shift is none of a patient: 15 mm and an error of the points."""
TURN: Final = 0.05
"""Standard deviation of a turn or bend [rad]: distance across the spine by distance along it."""
STRETCH: Final = 0.015
"""The same along the spine."""
POINT_MM: Final = 1.5
"""Error of the place of a body along each axis; at the border of a scan it is three times that."""
AT_BORDER: Final = 3.0
FOREIGN_TURN: Final = 0.1
FOREIGN_MM: Final = 1.7
"""Turn, stretch and error of bodies that do not belong together."""
GAP_SHARE: Final = 0.15
"""Error of a distance across a gap, along and across the spine."""
MOST_BETWEEN: Final = 4
"""Vertebrae in a gap that is still bridged."""
WORLD_MM: Final = 55.0
"""Standard deviation of the place of a scan along each axis, where nothing is known of it."""
_LOG_2PI: Final = math.log(2 * math.pi)
_WORLD: Final = 1.5 * (_LOG_2PI + 2 * math.log(WORLD_MM))
"""Less the logarithm of the density of a place where nothing is known of it [1/mm3]."""


class _Met(NamedTuple):
    """Bodies of a scan that meet known ones: all of shape (bodies, ...).

    Parameters
    ----------
    differences
        Their places less those of the known ones [mm].
    along
        Their height above the mean of them [mm].
    errors
        Standard error of each difference [mm].
    """

    differences: Points
    along: NDArray[np.float64]
    errors: NDArray[np.float64]


def offset_scores(known: Mapping[int, Points], points: Points) -> dict[int, float]:
    """How well a scan fits beside others at each offset.

    Parameters
    ----------
    known
        Place of each vertebra that is seen so far [mm], by its number from top to bottom; numbers
        may be left out.
    points
        Shape (vertebrae, 3): places of the vertebrae of the scan, from top to bottom [mm].

    Returns
    -------
    dict
        Logarithm of the odds that the scan lies there against that it lies anywhere, by the number
        that its first vertebra has in `known`. Offsets that are impossible are left out.
    """
    first, last = min(known), max(known)
    found = {}
    for offset in range(first - len(points) - MOST_BETWEEN, last + MOST_BETWEEN + 2):
        met = _met(known, points, offset)
        score = _beside(known, points, offset) if met is None else _coinciding(met)
        if score is not None:
            found[offset] = score
    return found


def moved_back(known: Mapping[int, Points], points: Points, offset: int) -> Points:
    """Places of the vertebrae of a scan without the motion of the patient, at an offset [mm].

    They stay as they are where the scan meets no known vertebra.
    """
    met = _met(known, points, offset)
    if met is None:
        return points
    height = points[:, 2] - _middle(known, points, offset)
    motion = [_motion(met, axis) for axis in range(3)]
    return np.stack([points[:, a] - s - t * height for a, (s, t) in enumerate(motion)], axis=1)


def _met(known: Mapping[int, Points], points: Points, offset: int) -> _Met | None:
    rows = [i for i in range(len(points)) if i + offset in known]
    if not rows:
        return None
    ends, numbers = {0, len(points) - 1}, {min(known), max(known)}
    errors = [POINT_MM * (AT_BORDER if i in ends or i + offset in numbers else 1.0) for i in rows]
    return _Met(
        np.array([points[i] - known[i + offset] for i in rows]),
        points[rows, 2] - _middle(known, points, offset),
        np.array(errors),
    )


def _middle(known: Mapping[int, Points], points: Points, offset: int) -> float:
    """Mean height of the bodies that meet known ones [mm]."""
    return float(np.mean([points[i, 2] for i in range(len(points)) if i + offset in known]))


def _turn(axis: int) -> float:
    return STRETCH if axis == 2 else TURN


def _motion(met: _Met, axis: int) -> tuple[float, float]:
    """Most probable shift [mm] and turn along one axis."""
    design = np.stack([np.ones_like(met.along), met.along], axis=1)
    weighted = design / met.errors[:, None] ** 2
    prior = np.diag([MOTION_MM**-2, _turn(axis) ** -2])
    shift, turn = np.linalg.solve(
        design.T @ weighted + prior, weighted.T @ met.differences[:, axis]
    )
    return float(shift), float(turn)


def _coinciding(met: _Met) -> float | None:
    """Logarithm of the odds of the same bodies against others; None beyond all motion."""
    shift = [_motion(met, axis)[0] for axis in range(3)]
    if np.linalg.norm(shift) > MOST_MOTION_MM:
        return None
    score = 0.0
    for axis in range(3):
        values = met.differences[:, axis]
        score += _log_density(values, met, MOTION_MM, _turn(axis), met.errors)
        foreign = np.maximum(met.errors, FOREIGN_MM)
        score -= _log_density(values, met, WORLD_MM, FOREIGN_TURN, foreign)
    return score


def _log_density(
    values: NDArray[np.float64],
    met: _Met,
    shift: float,
    turn: float,
    errors: NDArray[np.float64],
) -> float:
    """Logarithm of the density of differences along one axis, all of them Gaussian."""
    ones = np.ones_like(met.along)
    covariance = shift**2 * np.outer(ones, ones) + turn**2 * np.outer(met.along, met.along)
    covariance += np.diag(errors**2)
    low = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(low, values)
    return float(
        -0.5 * whitened @ whitened - np.log(np.diag(low)).sum() - 0.5 * len(values) * _LOG_2PI
    )


def _beside(known: Mapping[int, Points], points: Points, offset: int) -> float | None:
    """The same of a scan that meets no known vertebra, but lies above, below or between them."""
    above = [n for n in known if n < offset]
    below = [n for n in known if n >= offset + len(points)]
    sides = []
    if above:
        sides.append(_across(known, points, offset, max(above), 1))
    if below:
        sides.append(_across(known, points, offset, min(below), -1))
    scores = [score for score in sides if score is not None]
    return max(scores) + _WORLD if len(scores) == len(sides) else None


def _across(
    known: Mapping[int, Points], points: Points, offset: int, neighbour: int, direction: int
) -> float | None:
    """Logarithm of the density of the end of a scan beyond a gap [1/mm3]; None if it is too wide.

    Parameters
    ----------
    neighbour
        Number of the known vertebra beside the gap.
    direction
        1 for a scan below it, -1 for one above it.
    """
    end = points[0] if direction > 0 else points[-1]
    row = offset if direction > 0 else offset + len(points) - 1
    steps = abs(row - neighbour)
    if steps > MOST_BETWEEN + 1:
        return None
    inner = neighbour - direction
    spacing = [known[neighbour] - known[inner]] if inner in known else []
    if len(points) > 1:
        spacing.append(points[1] - points[0] if direction > 0 else points[-2] - points[-1])
    if not spacing:
        return None
    step = np.mean(spacing, axis=0)
    distance = end - known[neighbour] - steps * step
    variance = MOTION_MM**2 + (GAP_SHARE * steps * float(np.linalg.norm(step))) ** 2
    if np.linalg.norm(distance) > 3 * math.sqrt(variance):
        return None
    return -0.5 * float(distance @ distance) / variance - 1.5 * (_LOG_2PI + math.log(variance))
