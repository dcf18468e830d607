"""The likeliest sequences through a table of states, in the order of their costs.

A vertebra or disc is a row, a name that it may have a state. A sequence costs the sum of its
states and of the steps between them. Problem: there are far too many sequences to try all, but
only the best ones have a probability worth telling.

Solution: best-first search. The cost of the best way on from every state is known from a backward
pass, so that partial sequences are gone on with in the order of the best whole ones that they lead
to, and each sequence is complete when its turn comes. Effort: O(rows x states^2) for the pass, and
O(rows x states) steps of a heap for each sequence.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROUNDING: Final = 1e-9
"""Cost by which sums in another order may differ."""


def cheapest_sequences(
    states: NDArray[np.float64], steps: NDArray[np.float64], *, span: float, most: int
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Sequences in the order of their costs, the cheapest first.

    Parameters
    ----------
    states
        Cost of each state of each row, shape (rows, states); infinite for what cannot be.
    steps
        Cost of a step from a state (second axis) to one of the next row (third axis), shape
        (rows - 1, states, states).
    span
        Sequences that cost this much more than the cheapest are left out.
    most
        Largest number of sequences.

    Yields
    ------
    tuple
        State of each row, and the cost. Nothing if no sequence is possible.
    """
    count = len(states)
    if not count:
        return
    rest = _way_on(states, steps)
    bound = float(rest[0].min()) + span + ROUNDING
    if not np.isfinite(bound):
        return
    heap: list[tuple[float, float, tuple[int, ...]]]
    heap = [(float(cost), 0.0, (state,)) for state, cost in enumerate(rest[0]) if cost <= bound]
    heapq.heapify(heap)
    found = 0
    while heap and found < most:
        total, spent, path = heapq.heappop(heap)
        row = len(path) - 1
        if row == count - 1:
            found += 1
            yield path, total
            continue
        spent += float(states[row, path[-1]])
        ahead = steps[row, path[-1]] + rest[row + 1]
        for state in np.flatnonzero(spent + ahead <= bound):
            so_far = spent + float(steps[row, path[-1], state])
            heapq.heappush(heap, (spent + float(ahead[state]), so_far, (*path, int(state))))


def cheapest_through(
    states: NDArray[np.float64], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cost of the cheapest sequence through every state of every row.

    Parameters
    ----------
    states, steps
        As for `cheapest_sequences`.

    Returns
    -------
    array
        Of the shape of `states`; infinite where no sequence is possible.
    """
    onwards = _way_on(states, steps)
    back = _way_on(states[::-1], np.swapaxes(steps[::-1], 1, 2))[::-1]
    possible = np.isfinite(onwards) & np.isfinite(back)  # then the state itself is, too
    through = np.full(states.shape, np.inf)
    through[possible] = (onwards + back)[possible] - states[possible]
    return through


def _way_on(states: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost of the cheapest way from every state, itself included, to the last row."""
    rest = np.array(states, dtype=float)
    for row in range(len(states) - 2, -1, -1):
        rest[row] += (steps[row] + rest[row + 1]).min(axis=1)
    return rest
