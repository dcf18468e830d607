from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.errors import InputError
from spineps_nipype.spine_segmentation.settings import SliceSettings
from spineps_nipype.spine_segmentation.slices import (
    HEIGHT,
    WIDTH,
    crop_or_pad,
    height_with_margin,
    normalised,
    prepare_slices,
    restore_size,
    with_neighbours,
)


def test_each_slice_stands_between_its_neighbours() -> None:
    volume = np.arange(4.0).reshape(4, 1, 1)
    channels = with_neighbours(volume)[:, :, 0, 0]
    assert channels.tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 3]]
    assert with_neighbours(volume[:1])[:, :, 0, 0].tolist() == [[0, 0, 0]]


def test_small_slices_are_padded_at_both_sides_and_at_the_top() -> None:
    sized = crop_or_pad(np.ones((1, 3, 2)), 6, 4)
    assert sized[0].tolist() == [
        [0] * 4,
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [0] * 4,
        [0] * 4,
    ]


def test_large_slices_lose_their_sides_and_their_top() -> None:
    volume = np.arange(8 * 5).reshape(1, 8, 5)
    np.testing.assert_array_equal(crop_or_pad(volume, 4, 3), volume[:, 2:6, :3])


@given(
    width=st.integers(1, 24),
    height=st.integers(1, 24),
    to_width=st.integers(1, 24),
    to_height=st.integers(1, 24),
)
def test_sizes_are_restored(width: int, height: int, to_width: int, to_height: int) -> None:
    volume = 1 + np.arange(width * height).reshape(1, width, height)
    sized = crop_or_pad(volume, to_width, to_height)
    back = restore_size(sized, width, height)
    assert back.shape == volume.shape
    kept = back != 0
    np.testing.assert_array_equal(back[kept], volume[kept])
    assert kept.sum() == min(width, to_width) * min(height, to_height)


def test_odd_widths_move_by_one_pixel_under_the_original() -> None:
    volume = np.zeros((1, 301, 4), np.uint8)
    volume[0, 150] = 1
    sized = crop_or_pad(volume)
    assert np.flatnonzero(restore_size(sized, 301, 4)[0, :, 0]).tolist() == [150]
    original = restore_size(sized, 301, 4, numerics="original")
    assert np.flatnonzero(original[0, :, 0]).tolist() == [149]


def test_intensities_are_brought_to_one() -> None:
    assert normalised(np.array([[[-2, 0, 2]]])).tolist() == [[[0, 0.5, 1]]]
    assert normalised(np.full((1, 1, 2), 7)).tolist() == [[[0, 0]]]


def test_normalisation_is_off_under_the_original() -> None:
    volume = np.array([[[2.0, 4.0]], [[6.0, 10.0]]])
    corrected = prepare_slices(volume, SliceSettings()).data
    assert corrected.max() == 1
    original = prepare_slices(volume, SliceSettings(), spacing=(3, 3, 3), numerics="original").data
    assert original.shape == (2, WIDTH, HEIGHT)
    assert original[:, 159, :2].tolist() == [[2, 4], [6, 10]]


@pytest.mark.parametrize("spacing", [(3.0, 1.7, 1.7), (3.0, 0.5, 0.6), (3.0, 0.85, 0.85)])
def test_labels_return_from_resampled_slices(spacing: tuple[float, float, float]) -> None:
    volume = np.zeros((2, 40, 60), np.float32)
    volume[:, 10:30, 20:50] = 1
    slices = prepare_slices(volume, SliceSettings(), spacing=spacing)
    expected = [round(n * s / 0.85) for n, s in zip((40, 60), spacing[1:], strict=True)]
    assert list(slices.resampled_shape[1:]) == expected
    back = slices.to_input((slices.data > 0.5).astype(np.uint8))
    assert back.shape == volume.shape
    assert (back != volume).mean() < 0.02


def test_bad_shapes_say_what_to_do() -> None:
    with pytest.raises(InputError, match=r"2 dimensions.*three times"):
        prepare_slices(np.zeros((4, 4)), SliceSettings())
    with pytest.raises(InputError, match="4 dimensions"):
        prepare_slices(np.zeros((1, 4, 4, 4)), SliceSettings())
    with pytest.raises(InputError, match="single slice"):
        prepare_slices(np.zeros((1, 4, 4)), SliceSettings(), numerics="original")
    assert len(prepare_slices(np.zeros((1, 4, 4)), SliceSettings()).data) == 1


def test_a_cut_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        prepare_slices(np.zeros((2, 4, HEIGHT + 1)), SliceSettings())
    assert "cut to 320 x 896" in caplog.text


@pytest.mark.parametrize(("shown", "needed"), [(320, 512), (354, 512), (32, 256), (850, 896)])
def test_networks_see_little_padding(shown: int, needed: int) -> None:
    assert height_with_margin(shown) == needed
