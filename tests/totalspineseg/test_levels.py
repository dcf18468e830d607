"""Levels on the canal and at the tip of the disc."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spineps_nipype.errors import EmptyResultError
from spineps_nipype.totalspineseg.labeler import label_spine
from spineps_nipype.totalspineseg.levels import extract_levels, smooth_line
from spineps_nipype.totalspineseg.profiles import PROFILES
from spineps_nipype.totalspineseg.settings import LABELER_STEP1

from .block_spine import DISCS, FRONT, RIGHT, disc_slice, level_points, raw_spine, vertebra_slice

POSTERIOR = PROFILES["r20251124"]
HEIGHT = 8


def cervical(c1: bool = True) -> NDArray[np.uint8]:
    seg = raw_spine(DISCS[:HEIGHT], (63,), step=1)
    # C2 is the vertebra above C2-C3; C1 lies above it.
    out = label_spine(seg, LABELER_STEP1)
    out = np.concatenate([out, np.zeros((*out.shape[:2], 10), dtype=np.uint8)], axis=2)
    out[7:13, 10:16, -10:] = 2
    if c1:
        out[RIGHT, FRONT, -10:-5] = 11
    return out


def middle(place: int) -> float:
    return disc_slice(HEIGHT - 1 - place).start + 1


def test_levels_on_the_front_of_the_canal() -> None:
    points = level_points(extract_levels(cervical()))
    assert sorted(points) == list(range(1, HEIGHT + 3))
    for place in range(HEIGHT):
        x, y, z = points[3 + place]
        assert (x, y) == (9, 15)
        assert abs(z - middle(place)) <= 1
    top_of_c2 = vertebra_slice(HEIGHT - 1).stop - 1
    assert points[1][2] == top_of_c2
    assert points[2][2] == (top_of_c2 + points[3][2]) // 2


def test_level_is_that_of_its_disc_although_one_is_missing() -> None:
    seg = cervical()
    seg[seg == 65] = 0
    corrected = level_points(extract_levels(seg))
    assert 5 not in corrected
    assert abs(corrected[6][2] - middle(3)) <= 1
    original = level_points(extract_levels(seg, numerics="original"))
    assert original[5] == corrected[6]
    assert max(original) == max(corrected) - 1


@pytest.mark.parametrize("missing", [11, 50, 63])
def test_upper_levels_need_c1_and_c2_and_c2_c3(missing: int) -> None:
    seg = cervical()
    seg[seg == missing] = 0
    assert not {1, 2} & set(level_points(extract_levels(seg)))


def test_levels_at_the_posterior_tip() -> None:
    points = level_points(extract_levels(cervical(), profile=POSTERIOR))
    for place in range(HEIGHT):
        x, y, z = points[3 + place]
        assert y == FRONT.start
        assert abs(x - 9.5) <= 1
        assert abs(z - middle(place)) <= 1
    assert points[1][:2] == points[2][:2] == points[3][:2]
    assert points[1][2] > points[2][2] > points[3][2]


def test_a_small_c1_does_not_count_for_later_releases() -> None:
    seg = cervical()
    seg[:, FRONT.start + 2 :, -10:][seg[:, FRONT.start + 2 :, -10:] == 11] = 0
    assert np.count_nonzero(seg == 11) <= 500
    assert 1 in level_points(extract_levels(seg))
    assert 1 not in level_points(extract_levels(seg, profile=POSTERIOR))


@pytest.mark.parametrize("slices", [1, 2, 3, 4, 30])
def test_smooth_line_of_a_straight_canal(slices: int) -> None:
    canal = np.zeros((9, 9, 40), dtype=bool)
    canal[2:5, 3:6, 5 : 5 + slices] = True
    line = smooth_line(canal)
    assert np.allclose(line[:, :2], [3, 4], atol=1e-6)
    assert line[:, 2].tolist() == list(range(5, 5 + slices))


def test_smooth_line_bridges_empty_slices() -> None:
    canal = np.zeros((9, 9, 40), dtype=bool)
    canal[2:5, 3:6, 5:35] = True
    canal[:, :, 12:15] = False
    assert len(smooth_line(canal)) == 30


def test_nothing_to_mark() -> None:
    seg = cervical()
    with pytest.raises(EmptyResultError, match="No canal labels found"):
        extract_levels(np.where(np.isin(seg, (1, 2)), 0, seg).astype(np.uint8))
    with pytest.raises(EmptyResultError, match="No disc labels found"):
        extract_levels(np.where(seg > 60, 0, seg).astype(np.uint8))
