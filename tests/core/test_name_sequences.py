"""Sequences in the order of their costs."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.core.name_sequences import cheapest_sequences, cheapest_through


def table(seed: int, rows: int, states: int) -> tuple[np.ndarray, np.ndarray]:
    """Random costs, some of them infinite."""
    rng = np.random.default_rng(seed)
    costs = np.where(rng.random((rows, states)) < 0.2, np.inf, rng.random((rows, states)))
    steps = rng.random((rows - 1, states, states))
    return costs, np.where(rng.random(steps.shape) < 0.3, np.inf, steps)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 4), st.floats(0, 3))
@settings(max_examples=60, deadline=None)
def test_against_trying_all(seed: int, rows: int, states: int, span: float) -> None:
    costs, steps = table(seed, rows, states)
    every = {}
    for path in product(range(states), repeat=rows):
        cost = sum(costs[i, s] for i, s in enumerate(path))
        cost += sum(steps[i, a, b] for i, (a, b) in enumerate(pairwise(path)))
        if np.isfinite(cost):
            every[path] = cost
    found = list(cheapest_sequences(costs, steps, span=span, most=10_000))
    least = min(every.values(), default=0.0)
    assert {p for p, _ in found} == {p for p, c in every.items() if c <= least + span + 1e-9}
    assert [c for _, c in found] == sorted(c for _, c in found)
    for path, cost in found:
        assert cost == pytest.approx(every[path])


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_the_cheapest_through_each_state(seed: int, rows: int, states: int) -> None:
    costs, steps = table(seed, rows, states)
    expected = np.full(costs.shape, np.inf)
    for path, cost in cheapest_sequences(costs, steps, span=1e9, most=10_000):
        for row, state in enumerate(path):
            expected[row, state] = min(expected[row, state], cost)
    np.testing.assert_allclose(cheapest_through(costs, steps), expected)


def test_no_more_than_wanted() -> None:
    costs, steps = np.zeros((6, 4)), np.zeros((5, 4, 4))
    assert len(list(cheapest_sequences(costs, steps, span=1.0, most=7))) == 7


def test_nothing_where_nothing_is_possible() -> None:
    assert not list(cheapest_sequences(np.zeros((0, 3)), np.zeros((0, 3, 3)), span=1, most=9))
    barred = np.full((2, 3), np.inf)
    assert not list(cheapest_sequences(barred, np.zeros((1, 3, 3)), span=1, most=9))
