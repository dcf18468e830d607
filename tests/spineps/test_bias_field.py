"""Bias correction of whole images: which voxels are sampled, and results beside those of ITK."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.n4_speed import itk_bias, peak_memory
from spineps_nipype.spineps.bias_field import PaddedAxis, correct_bias, first_by_position

SIZE, BEFORE = (134, 68, 68), (33, 8, 0)
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


def padded(size: int, before: int = 0, factor: int = 4) -> PaddedAxis:
    """An axis of so many voxels with its padding."""
    return PaddedAxis(size - before, before, size, 1.5, 1, factor)


@pytest.mark.parametrize(
    ("size", "factor", "first"), [(3, 3, 1), (8, 4, 2), (9, 4, 2), (10, 4, 3), (5, 1, 0)]
)
def test_both_grids_have_the_same_middle(size: int, factor: int, first: int) -> None:
    assert padded(size, factor=factor).first_sample == first


def test_ties_are_broken_by_world_positions_as_in_ants() -> None:
    axes = [padded(n, before) for n, before in zip(SIZE, BEFORE, strict=True)]
    assert [axis.first_sample for axis in axes] == [3, 2, 2]
    assert first_by_position(axes, SAMPLE) == [2, 1, 1]


def test_without_ties_positions_decide_nothing() -> None:
    axes = [padded(n, before) for n, before in zip((133, 69, 71), BEFORE, strict=True)]
    assert first_by_position(axes, SAMPLE) == [axis.first_sample for axis in axes]


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


def lumpy(shape: tuple[int, ...], seed: int = 0, air: bool = True) -> np.ndarray:
    """Blocks of two tissues and noise under a field, with air on both sides of the first axis."""
    random = np.random.default_rng(seed)
    grid = np.indices(shape)
    tissue = 300 + 300 * ((grid // 5).sum(axis=0) % 2)
    image = tissue * np.exp(grid[0] / 60 - grid[-1] / 40) * random.normal(1, 0.05, shape)
    if air:
        image[:2] = image[-3:] = 0
    return np.round(image).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "zoom"),
    [
        ((44, 40, 9), (2.0, 2.5, 4.0)),  # spans along all axes, thick slices
        ((36, 12, 30), (4.1, 0.7, 4.4)),  # more than one span
        ((30, 28, 3), (3.3, 3.3, 9.0)),  # three slices
        ((2, 34, 36), (6.6, 2.0, 2.0)),  # two
        ((26, 30, 1), (3.0, 3.0, 5.0)),  # one
        ((25, 5, 6), (1.0, 14.0, 12.6)),  # two samples along two axes
    ],
)
def test_images_are_corrected_as_with_itk(
    shape: tuple[int, int, int], zoom: tuple[float, float, float]
) -> None:
    """Digit for digit."""
    array = lumpy(shape, air=shape[0] > 10)
    expected = array / np.exp(itk_bias(array, zoom))
    np.testing.assert_array_equal(correct_bias(array, zoom), expected)


def test_on_oblique_grids_samples_are_those_of_spineps() -> None:
    """World positions decide where sampling begins; N4 itself knows of no directions."""
    array, zoom = lumpy((40, 36, 12)), (2.0, 2.0, 3.0)
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * zoom, (12.3, -40.1, 7.7)
    axes = [PaddedAxis.cover(n, z) for n, z in zip(array.shape, zoom, strict=True)]
    field = itk_bias(array, zoom, first_by_position(axes, affine))
    theirs = correct_bias(array, zoom, affine, numerics="spineps-2.1.3")
    lit = array > 0
    np.testing.assert_array_equal(theirs[lit], (array / np.exp(field))[lit])
    np.testing.assert_array_equal(correct_bias(array, zoom, affine), correct_bias(array, zoom))


def test_very_thick_slices_leave_two_samples() -> None:
    """ITK stops with an error where an axis has a single one."""
    array = lumpy((40, 40, 6))
    out = correct_bias(array, (1.0, 1.0, 40.0))
    assert np.isfinite(out).all()
    assert (out[array > 0] != array[array > 0]).any()
    assert np.isfinite(correct_bias(array[..., :1], (1.0, 1.0, 300.0))).all()


def test_memory_order_changes_nothing() -> None:
    array = lumpy((30, 32, 10))
    turned = correct_bias(np.asfortranarray(array), (2.0, 2.0, 4.0))
    np.testing.assert_array_equal(turned, correct_bias(array, (2.0, 2.0, 4.0)))


def test_correction_needs_the_memory_of_three_images() -> None:
    assert peak_memory(lumpy((160, 160, 24)), (0.7, 0.7, 4.0)) < 3
