"""Cut-outs around seeds."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.models.config import DEFAULT_MAPPING
from spineps_nipype.spineps.instance_cutouts import (
    collect_predictions,
    map_labels,
    place_seed,
    reorient_array,
    window_at,
)


def test_labels_as_the_network_knows_them() -> None:
    labels = np.array([0, 26, 41, 42, 48, 49, 50, 51, 60, 100, 255], np.uint8)
    assert map_labels(labels, DEFAULT_MAPPING).tolist() == [0, 0, 1, 2, 8, 9, 9, 9, 0, 0, 0]


def test_a_seed_on_background_moves_down_in_steps_of_five() -> None:
    volume = np.zeros((4, 30, 4), np.uint8)
    volume[1, 12:, 1] = 9
    assert place_seed(volume, (1.9, 3.9, 1.9)) == (1, 13, 1)
    assert place_seed(volume, (1.0, 20.0, 1.0)) == (1, 20, 1)
    assert place_seed(volume, (2.0, 3.0, 2.0)) == (2, 3, 2)  # nothing is below it


@pytest.mark.parametrize("centre", [(0, 0, 0), (5, 6, 7), (9, 9, 9)])
def test_a_window_has_its_size_everywhere(centre: tuple[int, int, int]) -> None:
    volume = np.arange(1, 1001, dtype=np.uint16).reshape(10, 10, 10)
    window = window_at(centre, (8, 7, 6), volume.shape)
    cut = window.cut(volume)
    assert cut.shape == (8, 6, 6)
    assert cut[4, 3, 3] == volume[centre]
    assert window.start == tuple(c - h for c, h in zip(centre, (4, 3, 3), strict=True))
    inside = np.pad(volume, 8)
    low = [s + 8 for s in window.start]
    np.testing.assert_array_equal(
        cut, inside[tuple(slice(a, a + n) for a, n in zip(low, cut.shape, strict=True))]
    )


def test_turning_there_and_back() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    there = reorient_array(array, ("P", "I", "R"), ("S", "L", "A"))
    assert there.shape == (3, 4, 2)
    assert there[2, 3, 1] == array[0, 0, 0]
    np.testing.assert_array_equal(reorient_array(there, ("S", "L", "A"), ("P", "I", "R")), array)


def test_predictions_are_kept_in_tight_boxes_of_the_volume() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:4, 3:6, 1] = 2
    window = window_at((4, 4, 4), (8, 8, 8), (20, 20, 20))
    found = collect_predictions(3, window, labels, 0)
    assert list(found) == [(3, 1)]
    assert found[3, 1].size == 6
    assert found[3, 1].box == (slice(2, 4), slice(3, 6), slice(1, 2))


def test_what_lies_in_the_padding_is_dropped() -> None:
    labels = np.full((8, 8, 8), 1, np.uint8)
    window = window_at((0, 10, 10), (8, 8, 8), (20, 20, 20))
    (found,) = collect_predictions(0, window, labels, 0).values()
    assert found.mask.shape == (4, 8, 8)


@pytest.mark.parametrize(("keep", "size"), [(0, 8), (1, 5), (2, 7), (3, 8)])
def test_only_the_largest_components_are_kept(keep: int, size: int) -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[0, 0, :5] = labels[4, 0, :2] = labels[7, 7, 7] = 2
    window = window_at((4, 4, 4), (8, 8, 8), (8, 8, 8))
    assert collect_predictions(0, window, labels, keep)[0, 1].size == size
