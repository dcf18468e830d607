from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.errors import InputError
from spineps_nipype.sc_epi.cleanup import (
    clean_up,
    fill_cavities,
    fill_in_slices,
    keep_largest,
    remove_small,
    threshold,
)
from spineps_nipype.sc_epi.settings import CleanUpSettings
from spineps_nipype.sc_epi.sizes import smallest_voxels
from tests.reference.store import VECTORS

VOXEL_MM3 = 5.0
GOLDEN = {
    "largest": lambda m: keep_largest(m),
    "fillholes": lambda m: fill_cavities(m, numerics="original"),
    "small_2vox": lambda m: remove_small(m, smallest_voxels("2vox", 1, VOXEL_MM3)[0]),
    "small_5vox": lambda m: remove_small(m, smallest_voxels("5vox", 1, VOXEL_MM3)[0]),
    "small_20mm3": lambda m: remove_small(m, smallest_voxels("20mm3", 1, VOXEL_MM3)[0]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_like_the_toolbox(name: str) -> None:
    with np.load(VECTORS / f"sct_{name}.npz") as stored:
        ours = GOLDEN[name](stored["in_seg"])
        np.testing.assert_array_equal(ours, stored["out"])
        assert ours.dtype == stored["out"].dtype


def two_objects() -> np.ndarray:
    mask = np.zeros((8, 8, 8), np.uint8)
    mask[:2, 0, 0] = 1
    mask[4:8, 4, 4] = 1
    return mask


PROBABILITY = np.array([[[0.0, 0.3, 0.5, 0.7, 1.0]]], np.float32)
PREFERRED = (PROBABILITY > 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    ("thr", "expected"),
    [
        (None, [0, 0, 0, 1, 1]),
        (0.5, [0, 0, 0, 1, 1]),
        (0.2, [0, 1, 1, 1, 1]),
        (0.8, [0, 0, 0, 0, 1]),
    ],
)
def test_threshold_of_the_probability(thr: float | None, expected: list[int]) -> None:
    mask = threshold(PREFERRED, PROBABILITY, thr)
    assert mask.ravel().tolist() == expected
    assert mask.dtype == np.uint8


def test_threshold_zero_keeps_probabilities() -> None:
    np.testing.assert_array_equal(threshold(PREFERRED, PROBABILITY, 0), PROBABILITY)


@pytest.mark.parametrize(
    ("thr", "expected"),
    [
        (None, PREFERRED),
        (0, PREFERRED),
        (0.9, PREFERRED),
        (1, 0 * PREFERRED),
        (-1, 0 * PREFERRED + 1),
    ],
)
def test_the_original_compares_the_mask(thr: float | None, expected: np.ndarray) -> None:
    mask = threshold(PREFERRED, PROBABILITY, thr, numerics="original")
    np.testing.assert_array_equal(mask, expected)


def test_impossible_thresholds() -> None:
    for thr in (-0.1, 1.0):
        with pytest.raises(InputError, match="between 0 and 1"):
            threshold(PREFERRED, PROBABILITY, thr)
    with pytest.raises(InputError, match="needs the probabilities"):
        threshold(PREFERRED, None, 0.5)


def test_the_largest_object_stays_with_its_values() -> None:
    soft = two_objects().astype(np.float32) * np.float32(0.4)
    soft[0, 7, 7] = 0.0005
    kept = keep_largest(soft)
    assert kept.dtype == np.float32
    assert np.argwhere(kept).tolist() == [[x, 4, 4] for x in range(4, 8)]
    assert np.unique(kept).tolist() == [0, np.float32(0.4)]


def test_edges_do_not_join_the_largest_object_but_small_ones() -> None:
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[0, 0, 0] = mask[1, 1, 0] = 1
    assert keep_largest(mask).sum() == 1
    assert keep_largest(mask)[0, 0, 0] == 1  # the first of equal ones
    assert remove_small(mask, 2).sum() == 2
    mask[1, 1, 0], mask[1, 1, 1] = 0, 1  # corners join nothing
    assert remove_small(mask, 2).sum() == 0


def test_only_closed_cavities_are_filled() -> None:
    mask = np.zeros((5, 5, 5), np.uint8)
    mask[1:4, 1:4, 1:4] = 1
    mask[2, 2, 2] = 0
    assert fill_cavities(mask)[2, 2, 2] == 1
    open_corner = mask.copy()
    open_corner[1, 1, 1] = 0
    assert fill_cavities(open_corner).sum() == open_corner.sum()
    assert fill_cavities(mask).dtype == np.uint8
    assert fill_cavities(mask, numerics="original").dtype == np.int64


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_holes_in_slices(axis: int) -> None:
    tube = np.zeros((6, 6, 6), np.uint8)
    tube[1:5, 1:5, :] = 1
    tube[2:4, 2:4, :] = 0
    tube = np.moveaxis(tube, 2, axis)
    assert fill_cavities(tube).sum() == tube.sum()
    assert fill_in_slices(tube, axis).sum() == 16 * 6
    assert fill_in_slices(tube, (axis + 1) % 3).sum() == tube.sum()


def test_probabilities_have_no_holes() -> None:
    for fill in (fill_cavities, fill_in_slices):
        with pytest.raises(InputError, match="masks of 0 and 1"):
            fill(np.full((2, 2, 2), 0.5))


def test_all_steps_in_their_order() -> None:
    probability = two_objects() * np.float32(0.6)
    probability[4, 4, 4] = 0.45
    labels = (probability > 0.5).astype(np.uint8)
    # The threshold comes first and makes the second object whole.
    settings = CleanUpSettings(thr=0.4, largest=True)
    assert clean_up(labels, probability, settings).sum() == 4
    small = CleanUpSettings(remove_small="3vox")
    assert clean_up(labels, None, small, min_voxels=3).sum() == 3
    assert clean_up(labels, None, CleanUpSettings(), min_voxels=3).sum() == 5


@given(seed=st.integers(0, 200), flips=st.tuples(*[st.booleans()] * 3))
def test_flips_change_nothing_but_ties(seed: int, flips: tuple[bool, bool, bool]) -> None:
    mask = (np.random.default_rng(seed).random((6, 6, 6)) < 0.3).astype(np.uint8)
    axes = [i for i, flip in enumerate(flips) if flip]
    settings = CleanUpSettings(fill_holes=True, remove_small="4vox")
    plain = clean_up(mask, None, settings, min_voxels=4)
    flipped = clean_up(np.flip(mask, axes), None, settings, min_voxels=4)
    np.testing.assert_array_equal(np.flip(flipped, axes), plain)
    assert keep_largest(np.flip(mask, axes)).sum() == keep_largest(mask).sum()


@pytest.mark.parametrize(
    ("text", "classes", "expected"),
    [
        ("5vox", 1, [5]),
        ("5", 2, [5, 5]),
        ("20mm3", 1, [4]),
        ("20 mm3", 1, [4]),
        ("12.5mm3", 1, [2]),
        ("2.5vox", 1, [2.5]),
        ("20mm3 5vox", 2, [4, 5]),
        ("20mm3, 5", 2, [4, 5]),
    ],
)
def test_sizes(text: str, classes: int, expected: list[float]) -> None:
    assert smallest_voxels(text, classes, VOXEL_MM3) == expected


@pytest.mark.parametrize("text", ["", "five", "5cm3", "-3vox", "5voxels"])
def test_unreadable_sizes(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        smallest_voxels(text, 1, VOXEL_MM3)


def test_number_of_sizes() -> None:
    with pytest.raises(InputError, match=r"2 sizes .* 3 classes"):
        smallest_voxels("1 2", 3, VOXEL_MM3)


def test_sizes_of_the_original() -> None:
    assert smallest_voxels("20mm3", 1, VOXEL_MM3, numerics="original") == [4]
    assert smallest_voxels("5vox", 1, VOXEL_MM3, numerics="original") == [5]
    with pytest.raises(InputError, match="threshold length of 2"):
        smallest_voxels("1mm3 2mm3", 2, VOXEL_MM3, numerics="original")
    for text in ("2.5vox", "1vox 2mm3", "20 mm3"):
        with pytest.raises(InputError):
            smallest_voxels(text, 1, VOXEL_MM3, numerics="original")
