"""Thresholds in voxels, resampling, and the way back to the input grid."""

from __future__ import annotations

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from TPTBox import NII

from spineps_nipype.core.geometry import (
    area_voxels,
    distance_voxels,
    margin_voxels,
    rescale,
    to_input_grid,
    volume_voxels,
)

REFERENCE_ZOOM = (0.75, 0.75, 1.65)
AFFINE_PIR = np.array([[0, 0, 3.0, -20], [-1, 0, 0, 6], [0, -2, 0, 7], [0, 0, 0, 1]])
ORIENTATIONS = [
    tuple(codes)
    for axes in itertools.permutations(("LR", "AP", "SI"))
    for codes in itertools.product(*axes)
]


def labels(shape: tuple[int, ...] = (6, 7, 5), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, shape).astype(np.uint8)


def as_mask(array: np.ndarray, affine: np.ndarray = AFFINE_PIR) -> NII:
    return NII(nib.Nifti1Image(array, affine), True)


def as_image(shape: tuple[int, ...], affine: np.ndarray = AFFINE_PIR) -> NII:
    return NII(nib.Nifti1Image(np.zeros(shape, np.float32), affine), False)


def test_thresholds_at_the_reference_spacing() -> None:
    assert volume_voxels(27.84375, REFERENCE_ZOOM) == 30
    assert volume_voxels(37.125, REFERENCE_ZOOM) == 40
    assert distance_voxels(3.0, REFERENCE_ZOOM) == 4
    assert margin_voxels(3.75, REFERENCE_ZOOM) == 5
    assert area_voxels(19.0298, REFERENCE_ZOOM) == 20


def test_thresholds_on_other_grids() -> None:
    assert volume_voxels(1.0, (2, 2, 4)) == 1
    assert distance_voxels(1.0, (2.0, 2.0, 4.0)) == 0
    assert distance_voxels(3.0, (2.0, 2.0, 4.0)) == 2, "1.5 rounds to the even number"
    assert margin_voxels(3.75, (2.0, 2.0, 4.0)) == 1
    assert area_voxels(0.1, (1, 1, 1)) == 1


def test_rescaling_keeps_the_first_voxel_and_rounds_the_size() -> None:
    mask = as_mask(labels())
    coarse = rescale(mask, (2.0, 2.0, 3.0))
    assert coarse.shape == (3, 7, 5)
    np.testing.assert_allclose(coarse.affine[:3, 3], mask.affine[:3, 3])
    np.testing.assert_array_equal(coarse.get_array(), mask.get_array()[::2])


def test_rescaling_within_the_tolerance_changes_nothing() -> None:
    mask = as_mask(labels())
    assert rescale(mask, (1.0009, 2.0, 3.0)) is mask
    assert rescale(mask, (1.2, 2.0, 3.0)).shape == (5, 7, 5)


def test_rescaled_images_stay_float() -> None:
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None] / 4, (8, 7, 5))
    image = NII(nib.Nifti1Image(np.ascontiguousarray(ramp), AFFINE_PIR), False)
    fine = rescale(image, (0.5, 2.0, 3.0)).get_array()
    assert fine.dtype == np.float32
    assert fine.shape == (16, 7, 5)
    np.testing.assert_allclose(fine[6:10, 0, 0], [0.75, 0.875, 1.0, 1.125], atol=2e-3)


def test_same_grid_needs_no_change() -> None:
    mask = as_mask(labels())
    assert to_input_grid(mask, as_image((6, 7, 5))) is mask


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_every_orientation_comes_back(codes: tuple[str, str, str]) -> None:
    mask = as_mask(labels())
    reference = as_image((6, 7, 5)).reorient(codes)
    back = to_input_grid(mask, reference)
    assert back.orientation == codes
    assert back.seg
    np.testing.assert_allclose(back.affine, reference.affine, atol=1e-6)
    np.testing.assert_array_equal(back.reorient(("P", "I", "R")).get_array(), mask.get_array())


@settings(max_examples=40, deadline=None)
@given(
    start=st.tuples(*[st.integers(-3, 4)] * 3),
    size=st.tuples(*[st.integers(2, 9)] * 3),
    codes=st.sampled_from(ORIENTATIONS),
)
def test_shift_by_whole_voxels(
    start: tuple[int, int, int], size: tuple[int, int, int], codes: tuple[str, str, str]
) -> None:
    """A mask on part of the grid, or on more of it, is 0 where it does not reach."""
    mask = as_mask(labels())
    affine = AFFINE_PIR.copy()
    affine[:3, 3] += affine[:3, :3] @ start
    back = to_input_grid(mask, as_image(size, affine).reorient(codes)).reorient(("P", "I", "R"))
    expected = np.zeros(size, np.uint8)
    for index in np.ndindex(*size):
        source = np.add(index, start)
        if (source >= 0).all() and (source < mask.shape).all():
            expected[index] = mask.get_array()[tuple(source)]
    np.testing.assert_array_equal(back.get_array(), expected)


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_border_labels_are_continued_only_as_in_spineps(fraction: float) -> None:
    """The crop of a sacrum that touches its border must not grow to the end of the image."""
    mask = as_mask(np.full((4, 4, 4), 26, np.uint8))
    affine = AFFINE_PIR.copy()
    affine[:3, 3] -= affine[:3, :3] @ np.array([3 + fraction, 0, 0])
    reference = as_image((10, 4, 4), affine)
    corrected = to_input_grid(mask, reference).get_array()
    assert (corrected[:, 0, 0] == 26).sum() == 4
    np.testing.assert_array_equal(corrected[3:7], 26)
    smeared = to_input_grid(mask, reference, border_smeared=True).get_array()
    np.testing.assert_array_equal(smeared, 26)


def test_other_spacing() -> None:
    coarse = as_mask(labels((3, 3, 3)), np.diag([2.0, 2.0, 2.0, 1.0]))
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -0.5
    back = to_input_grid(coarse, as_image((6, 6, 6), affine)).get_array()
    expected = coarse.get_array().repeat(2, 0).repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(back, expected)


def test_turned_grid() -> None:
    """A grid turned by 20 degrees about its middle: the middle of a block stays in the block."""
    block = np.zeros((11, 11, 11), np.uint8)
    block[3:8, 3:8, 3:8] = 7
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn
    affine[:3, 3] = 5 - turn @ np.full(3, 5.0)
    back = to_input_grid(as_mask(block, np.eye(4)), as_image((11, 11, 11), affine)).get_array()
    assert set(np.unique(back)) == {0, 7}
    np.testing.assert_array_equal(back[4:7, 4:7, 4:7], 7)
    assert not back[:, :, 0].any()
    assert abs(int((back > 0).sum()) - 125) <= 10


def test_half_way_positions_fall_as_in_tptbox() -> None:
    """A third of the positions of 1.5 mm voxels lie half-way between those of 1 mm."""
    rng = np.random.default_rng(0)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = (-61.72917556, 122.73123169, 158.13558960)
    mask = NII.from_numpy(rng.integers(0, 5, (30, 24, 12)).astype(np.uint8), affine, True)
    coarse = np.diag([1.5, 1.5, 1.5, 1.0])
    coarse[:3, 3] = affine[:3, 3] + (2.0, 2.0, 2.0)
    reference = NII.from_numpy(np.zeros((16, 12, 12), np.float32), coarse, False)
    theirs = mask.resample_from_to(reference, verbose=False).get_array()
    ours = to_input_grid(mask, reference, rounded_grid=True, border_smeared=True).get_array()
    np.testing.assert_array_equal(ours, theirs)
