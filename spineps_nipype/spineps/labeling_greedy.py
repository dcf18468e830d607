"""The search for a sequence of names as SPINEPS does it: choose first, judge afterwards.

Only for the numerics of SPINEPS; `labeling_path` has the exact search and the meaning of costs.

Source: SPINEPS 2.1.3 (VERIDAH), path search.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import L5, T11, T12
from .labeling_scores import AXIS_24, Scores

IMPOSSIBLE: Final = float(2**63 - 1)
"""Cost that SPINEPS gives to names below the last class."""
MAX_REPEATS: Final = 2
"""Vertebrae that SPINEPS lets share the name T12 (the second is T13) or L5 (L6)."""


def greedy_path(scores: Scores, start: int, force: bool) -> tuple[list[int], float]:
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
            best, chosen = _choice(scores, value, row, cls, force)
            own = -float(scores.total[row, cls])
            own += _relative(scores, row, cls, chosen)
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


def _choice(
    scores: Scores, value: NDArray[np.float64], row: int, cls: int, force: bool
) -> tuple[float, int]:
    """Cost of the best continuation and its class, -1 if there is none."""
    if row == len(value) - 1:
        return 0.0, -1
    best, chosen = math.inf, -1
    for target, extra in _moves(scores, row, cls, force):
        inside = target < scores.axis.size
        cost = value[row + 1, target] + extra if inside else IMPOSSIBLE
        if cost < best:
            best, chosen = cost, target if inside else -1
    return best, chosen


def _moves(scores: Scores, row: int, cls: int, force: bool) -> Iterator[tuple[int, float]]:
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


def _relative(scores: Scores, row: int, cls: int, following: int) -> float:
    """Cost of being the first or last vertebra of a region."""
    axis, relative = scores.axis, scores.relative[row]
    region = axis.region(cls)
    cost = float(relative[2 * region]) if region and cls == axis.regions[region] else 0.0
    if following >= 0 and axis.region(following) > region:
        cost += float(relative[2 * region + 1])
    return cost
