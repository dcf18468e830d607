"""Slivers of bone that are no vertebra."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spineps.instance_order import join_slivers

ZOOM = (1.0, 1.0, 1.0)
PITCH = 12


def column(count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Bodies 1, 2, … of ten rows with two rows of disc between; three empty rows at each end."""
    vert = np.zeros((14, PITCH * count + 4, 14), np.uint16)
    spine = np.zeros(vert.shape, np.uint8)
    for k in range(count):
        top = 3 + PITCH * k
        vert[2:12, top : top + 10, 2:12] = k + 1
        spine[2:12, top : top + 10, 2:12] = 49
        spine[2:12, top + 10 : top + 12, 2:12] = 100
    return vert, spine


def test_a_sliver_joins_the_body_it_lies_against() -> None:
    vert, spine = column()
    vert[2:12, 12:13, 2:10] = 9  # the lowest row of the first body, with its number gone
    vert[12, 5:8, 5:8] = 9  # and something behind it
    assert join_slivers(vert, spine, ZOOM) == [9]
    assert set(np.unique(vert)) == {0, 1, 2, 3, 4, 5}
    assert (vert[12, 5:8, 5:8] == 1).all()
    assert (vert[2:12, 12:13, 2:10] == 1).all()


def test_a_sliver_on_the_sacrum_is_sacrum() -> None:
    vert, spine = column()
    vert[2:12, 51:62], spine[2:12, 51:62] = 0, 26
    vert[2:12, 50, 2:10], spine[2:12, 50, 2:10] = 9, 49
    vert[12, 50, 5:8], spine[12, 50, 5:8] = 9, 41
    assert join_slivers(vert, spine, ZOOM) == [9]
    assert set(np.unique(vert)) == {0, 1, 2, 3, 4}
    assert (spine[2:13, 50, 5:8] == 26).all()


@pytest.mark.parametrize("case", ["apart", "cut off", "half a body", "few bodies"])
def test_other_small_bodies_stay(case: str) -> None:
    vert, spine = column(2 if case == "few bodies" else 5)
    if case == "apart":
        vert[:, :13], spine[:, :13] = 0, 0
        vert[2:12, 3:4, 2:12], spine[2:12, 3:4, 2:12] = 9, 49
    elif case == "cut off":
        vert[2:12, :3, 2:12], spine[2:12, :3, 2:12] = 9, 49
        vert, spine = vert[:, 2:], spine[:, 2:]
    elif case == "half a body":
        vert[2:12, 8:13, 2:12] = 9
    else:
        vert[2:12, 12:13, 2:12] = 9
    before = vert.copy()
    assert join_slivers(vert, spine, ZOOM) == []
    assert np.array_equal(vert, before)


def test_nothing_at_all() -> None:
    empty = np.zeros((4, 4, 4), np.uint8)
    assert join_slivers(empty.astype(np.uint16), empty, ZOOM) == []
