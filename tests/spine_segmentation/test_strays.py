"""What lies beside the spine."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spine_segmentation.strays import remove_strays

from .blocks import BODY, DISC, block_spine

STEP = BODY + DISC


def wide_spine() -> np.ndarray:
    """Six vertebrae in the middle of 26 slices."""
    semantic, _ = block_spine(list("abcdef"))
    return np.pad(semantic, ((10, 10), (0, 0), (0, 0)))


def test_a_body_with_discs_far_beside_the_spine_is_none() -> None:
    semantic = wide_spine()
    seen = semantic.copy()
    seen[1:3, 10:18, 3 * STEP : 4 * STEP] = 1
    seen[1:3, 10:18, 4 * STEP : 4 * STEP + DISC] = 2
    np.testing.assert_array_equal(remove_strays(seen), semantic)
    assert (seen != semantic).any()  # the argument is as it was


@pytest.mark.parametrize("gap", [0, 3])
def test_a_spine_in_two_parts_stays(gap: int) -> None:
    """The lower part lies in other slices, as in scoliosis."""
    semantic = wide_spine()
    middle = 4 * STEP
    semantic[..., middle : middle + DISC] = 0
    lower = semantic[..., :middle].copy()
    semantic[..., :middle] = np.roll(lower, 6 + gap, axis=0)
    np.testing.assert_array_equal(remove_strays(semantic), semantic)


def test_a_body_far_beside_the_smaller_part_of_a_spine_is_none() -> None:
    semantic = wide_spine()
    semantic[..., 5 * STEP : 5 * STEP + DISC] = 0
    assert len(np.unique(semantic)) == 3
    seen = semantic.copy()
    seen[1:3, 10:18, 6 * STEP : 7 * STEP] = 1
    np.testing.assert_array_equal(remove_strays(seen), semantic)


def test_pieces_before_and_behind_the_spine_stay() -> None:
    semantic = wide_spine()
    semantic[12:14, 16:19, 3 * STEP : 4 * STEP] = 1
    np.testing.assert_array_equal(remove_strays(semantic), semantic)


def test_nothing_is_left_as_it_is() -> None:
    empty = np.zeros((4, 5, 6), np.uint8)
    np.testing.assert_array_equal(remove_strays(empty), empty)
