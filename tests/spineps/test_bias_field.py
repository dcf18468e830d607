"""Which voxels stand in the shrunken image of the bias correction."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spineps.bias_field import _first_by_position, _first_sample, correct_bias

SIZE, LOWER = (134, 68, 68), (33, 8, 0)
TILT = 7.3455000762501221e-12
SAMPLE = np.array(
    [
        [0, 0, 1.5, -55.729175567626953],
        [-1.5, -TILT, 0, 116.73123168945312],
        [TILT, -1.5, 0, 152.13558959960938],
        [0, 0, 0, 1],
    ]
)
"""Grid of the MR sample of TPTBox, where ANTs begins one voxel earlier than one would expect."""


@pytest.mark.parametrize(
    ("size", "factor", "first"), [(3, 3, 1), (8, 4, 2), (9, 4, 2), (10, 4, 3), (5, 1, 0)]
)
def test_both_grids_have_the_same_middle(size: int, factor: int, first: int) -> None:
    assert _first_sample(size, factor) == first


def test_ties_are_broken_by_world_positions_as_in_ants() -> None:
    assert [_first_sample(n, 4) for n in SIZE] == [3, 2, 2]
    assert _first_by_position(SIZE, LOWER, (4, 4, 4), SAMPLE) == [2, 1, 1]


def test_without_ties_positions_decide_nothing() -> None:
    size = (133, 69, 71)
    found = _first_by_position(size, LOWER, (4, 4, 4), SAMPLE)
    assert found == [_first_sample(n, 4) for n in size]


def test_only_the_numerics_of_spineps_look_at_positions() -> None:
    grid = np.indices((68, 52, 24))
    array = (400 + 200 * ((grid // 4).sum(axis=0) % 2)) * np.exp(grid[0] / 100)
    plain = correct_bias(array, [1.5] * 3)
    np.testing.assert_array_equal(correct_bias(array, [1.5] * 3, SAMPLE), plain)
    theirs = correct_bias(array, [1.5] * 3, SAMPLE, numerics="spineps-2.1.3")
    assert np.abs(theirs - plain).max() > 0.01


def test_the_field_ends_at_the_box_of_bright_voxels_in_spineps_alone() -> None:
    grid = np.indices((60, 40, 24))
    array = (400 + 200 * ((grid // 4).sum(axis=0) % 2)) * np.exp(grid[0] / 100)
    array[:20] = 50
    theirs = correct_bias(array, [2.0] * 3, np.eye(4), numerics="spineps-2.1.3")
    assert (theirs[:20] == 50).all()
    assert (theirs[20:] != array[20:]).mean() > 0.9
    assert (correct_bias(array, [2.0] * 3)[:20] != 50).mean() > 0.9
