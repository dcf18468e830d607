"""Distances of bodies tell how many vertebrae lie between two of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spineps_nipype.core.missed_vertebrae import (
    MOST_GAPS,
    MOST_MISSED,
    missed_between,
    relative_spacings,
)

SPINE = np.cumsum(np.linspace(18.0, 38.0, 24))
"""Heights of bodies whose spacings grow down the spine [mm]."""


def places(heights: np.ndarray) -> np.ndarray:
    return np.stack([np.zeros_like(heights), np.sin(heights / 90), -heights], axis=1)


def without(first: int, count: int) -> np.ndarray:
    return places(np.delete(SPINE, range(first, first + count)))


def missed_of(centres: np.ndarray) -> list[dict[int, float]]:
    """The same for bodies that are whole."""
    return missed_between(centres, np.linspace(1.0, 4.0, len(centres)))


def test_nothing_is_missed_in_a_usual_spine() -> None:
    assert missed_of(places(SPINE)) == [{}] * (len(SPINE) - 1)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("first", [3, 9, 24 - 4])
def test_the_likeliest_number_is_that_of_the_vertebrae_taken_away(first: int, count: int) -> None:
    steps = missed_of(without(first, count))
    assert [bool(step) for step in steps].count(True) == 1
    found = steps[first - 1]
    assert max(found, key=found.__getitem__) == count
    assert found[count] > math.log(20)  # against none


def test_as_many_as_may_be_missed_and_no_more() -> None:
    assert max(missed_of(without(8, 7))[7]) == MOST_MISSED


def test_only_the_widest_gaps_count() -> None:
    kept = np.delete(SPINE, [2, 6, 10, 14, 18])
    steps = missed_of(places(kept))
    assert [bool(step) for step in steps].count(True) == MOST_GAPS


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_places_tell_nothing(count: int) -> None:
    assert missed_of(places(SPINE[:count])) == [{}] * max(count - 1, 0)


def test_two_bodies_at_one_place_are_no_gap() -> None:
    heights = np.array([0.0, 30.0, 30.0, 30.0, 60.0])
    assert np.isfinite(relative_spacings(places(heights))).all()
    missed_of(places(heights))


def test_a_spacing_is_compared_with_those_beside_it() -> None:
    heights = np.array([0.0, 10.0, 30.0, 40.0])
    assert relative_spacings(places(heights), 1) == pytest.approx([0.5, 2.0, 0.5], rel=0.01)


def test_remnants_of_two_bodies_are_no_gap() -> None:
    """The upper end of one body and the lower end of the next lie nearly two spacings apart."""
    heights = np.arange(8) * 30.0
    heights[3] -= 10
    heights[4] += 10
    volumes = np.ones(8)
    volumes[[3, 4]] = 0.1
    assert missed_between(places(heights), np.ones(8))[3][1] > math.log(10)
    assert max(missed_between(places(heights), volumes)[3].values()) < math.log(0.1)
