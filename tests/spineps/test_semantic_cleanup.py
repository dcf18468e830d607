"""Clean-up of the semantic mask, each rule on its own."""

from __future__ import annotations

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.spineps.semantic_cleanup import (
    clean_far_components,
    clean_semantic,
    clean_small_components,
    cut_beyond_canal,
)
from spineps_nipype.spineps.settings import SemanticSettings

from .blocks import AFFINE_PIR, as_nii

NOTHING = SemanticSettings(
    proc_sem_clean_beyond_largest_bounding_box=False,
    proc_sem_clean_small_cc_artifacts=False,
    proc_fill_3d_holes=False,
)


def empty(shape: tuple[int, int, int] = (20, 40, 12)) -> np.ndarray:
    return np.zeros(shape, np.uint8)


def cleaned(array: np.ndarray) -> np.ndarray:
    return clean_small_components(as_nii(array)).get_array()


@pytest.mark.parametrize(("voxels", "stays"), [(27, False), (28, True)])
def test_small_components_below_28_voxels_of_1_mm(voxels: int, stays: bool) -> None:
    array = empty()
    array[2, 2 : 2 + voxels, 2] = 49
    assert cleaned(array).any() == stays


@pytest.mark.parametrize(("label", "stays"), [(41, False), (26, True), (60, True), (62, True)])
def test_labels_that_are_cleaned(label: int, stays: bool) -> None:
    array = empty()
    array[2, 2:5, 2] = label
    assert cleaned(array).any() == stays


def test_small_parts_of_one_label_beside_another_are_deleted() -> None:
    array = empty()
    array[2:6, 2:6, 2:6] = 49
    array[6, 2, 2] = 100
    out = cleaned(array)
    assert set(np.unique(out)) == {0, 49}


def test_a_mask_without_background_is_left_alone() -> None:
    array = np.full((3, 3, 3), 49, np.uint8)
    np.testing.assert_array_equal(cleaned(array), array)


def far(array: np.ndarray, orientation: tuple[str, ...] = ("P", "I", "R")) -> np.ndarray:
    out = clean_far_components(as_nii(array, orientation))
    assert out.orientation == orientation
    return out.reorient(("P", "I", "R")).get_array()


@pytest.mark.parametrize("orientation", [("P", "I", "R"), ("R", "A", "S"), ("L", "S", "A")])
@pytest.mark.parametrize(
    ("gap", "stays"),
    # boxes of both grow by 3 rows, the accepted one by another 3, and touching counts
    [(9, True), (10, False)],
)
def test_reach_along_the_body_axis(gap: int, stays: bool, orientation: tuple[str, ...]) -> None:
    array = empty()
    array[5:10, 5:15, 4:8] = 49
    array[5:8, 15 + gap : 20 + gap, 4:6] = 100
    assert (far(array, orientation) == 100).any() == stays


@pytest.mark.parametrize(("gap", "stays"), [(6, True), (7, False)])
def test_reach_across_the_body_axis(gap: int, stays: bool) -> None:
    array = empty()
    array[2:6, 5:15, 4:8] = 49
    array[6 + gap : 8 + gap, 6:10, 4:6] = 100
    assert (far(array) == 100).any() == stays


def test_components_chain_up() -> None:
    """A row of components stays whole although its end is far from the largest one."""
    array = empty((12, 90, 12))
    array[2:8, 2:12, 2:8] = 49
    for start in (18, 27, 36, 45):
        array[2:6, start : start + 3, 2:6] = 100
    array[2:6, 80:83, 2:6] = 41
    out = far(array)
    np.testing.assert_array_equal(out == 100, array == 100)
    assert not (out == 41).any()


def test_beyond_the_canal_only_the_sacrum_stays() -> None:
    array = empty((6, 200, 6))
    array[2, 80:100, 2] = 61
    array[2, 100:110, 2] = 60
    array[3, :, 3] = 49
    array[4, :, 4] = 26
    out = cut_beyond_canal(as_nii(array, ("L", "A", "S")))
    assert out.orientation == ("L", "A", "S")
    kept = out.reorient(("P", "I", "R")).get_array()
    rows = np.flatnonzero(kept[3, :, 3])
    assert (rows[0], rows[-1]) == (80 - 64, 109 + 64)
    np.testing.assert_array_equal(kept[4], array[4])


def test_without_canal_nothing_is_beyond_it() -> None:
    array = empty()
    array[3, :, 3] = 49
    mask = as_nii(array)
    assert cut_beyond_canal(mask) is mask


def test_every_step_can_be_switched_off() -> None:
    array = empty()
    array[3, 3, 3] = 49
    array[10:13, 30:33, 3:6] = 100
    array[11, 31, 4] = 0
    np.testing.assert_array_equal(clean_semantic(as_nii(array), NOTHING).get_array(), array)


def test_holes_of_bodies_and_discs_are_filled() -> None:
    array = empty()
    array[2:7, 2:7, 2:7] = 49
    array[4, 4, 4] = 0
    array[8:13, 2:7, 2:7] = 26
    array[10, 4, 4] = 0
    out = clean_semantic(as_nii(array), SemanticSettings()).get_array()
    assert out[4, 4, 4] == 49
    assert out[10, 4, 4] == 0, "the sacrum is not filled"


def test_thresholds_follow_the_spacing() -> None:
    import nibabel as nib

    affine = AFFINE_PIR @ np.diag([2.0, 2.0, 4.0, 1.0])
    array = empty()
    array[2, 2, 2:3] = 49  # 16 mm3
    array[8, 8, 2:4] = 49  # 32 mm3
    out = clean_small_components(NII(nib.Nifti1Image(array, affine), True)).get_array()
    assert out.astype(bool).sum() == 2
