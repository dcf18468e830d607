"""Distances of bodies tell how many vertebrae lie between two of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spineps_nipype.core.missed_vertebrae import (
    MOST_GAPS,
    MOST_MISSED,
    missed_between,
    none_missed,
    relative_spacings,
)

SPINE = np.cumsum(np.linspace(18.0, 38.0, 24))
"""Heights of bodies whose spacings grow down the spine [mm]."""


def places(heights: np.ndarray) -> np.ndarray:
    return np.stack([np.zeros_like(heights), np.sin(heights / 90), -heights], axis=1)


def without(first: int, count: int) -> np.ndarray:
    return places(np.delete(SPINE, range(first, first + count)))


def test_nothing_is_missed_in_a_usual_spine() -> None:
    assert missed_between(places(SPINE)) == none_missed(len(SPINE))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("first", [3, 9, 24 - 4])
def test_the_likeliest_number_is_that_of_the_vertebrae_taken_away(first: int, count: int) -> None:
    steps = missed_between(without(first, count))
    assert [bool(step) for step in steps].count(True) == 1
    found = steps[first - 1]
    assert max(found, key=found.__getitem__) == count
    assert found[count] > math.log(20)  # against none


def test_as_many_as_may_be_missed_and_no_more() -> None:
    assert max(missed_between(without(8, 7))[7]) == MOST_MISSED


def test_only_the_widest_gaps_count() -> None:
    kept = np.delete(SPINE, [2, 6, 10, 14, 18])
    steps = missed_between(places(kept))
    assert [bool(step) for step in steps].count(True) == MOST_GAPS


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_places_tell_nothing(count: int) -> None:
    assert missed_between(places(SPINE[:count])) == none_missed(count)


def test_two_bodies_at_one_place_are_no_gap() -> None:
    heights = np.array([0.0, 30.0, 30.0, 30.0, 60.0])
    assert np.isfinite(relative_spacings(places(heights))).all()
    missed_between(places(heights))


def test_a_spacing_is_compared_with_those_beside_it() -> None:
    heights = np.array([0.0, 10.0, 30.0, 40.0])
    assert relative_spacings(places(heights), 1) == pytest.approx([0.5, 2.0, 0.5], rel=0.01)
