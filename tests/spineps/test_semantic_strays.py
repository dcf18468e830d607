"""What does not belong to the column does not become vertebrae, nor pieces of the sacrum."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spineps.semantic_cleanup import clean_semantic
from spineps_nipype.spineps.semantic_strays import keep_column, restore_top_of_sacrum
from spineps_nipype.spineps.settings import SemanticSettings

from .blocks import as_nii

ORIENTATIONS = [("P", "I", "R"), ("R", "A", "S"), ("L", "S", "A")]


def spine() -> np.ndarray:
    """Three bodies with discs, a sacrum below, and the canal behind them."""
    array = np.zeros((120, 90, 12), np.uint8)
    for top in (4, 24, 44):
        array[10:30, top : top + 16, 2:10] = 49
        array[10:30, top + 16 : top + 20, 2:10] = 100
    array[10:30, 64:84, 2:10] = 26
    array[34:42, 2:70, 4:8] = 61
    return array


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("label", [49, 100])
def test_a_body_or_disc_beside_the_column_goes(label: int, orientation: tuple[str, ...]) -> None:
    array = spine()
    array[60:72, 20:40, 4:8] = label
    out = keep_column(as_nii(array, orientation))
    assert out.orientation == orientation
    np.testing.assert_array_equal(out.reorient(("P", "I", "R")).get_array(), spine())


@pytest.mark.parametrize(("start", "stays"), [(90, True), (101, False)])
def test_an_arch_stays_up_to_60_mm_from_the_middle_of_the_canal(start: int, stays: bool) -> None:
    array = spine()
    array[start : start + 5, 20:40, 4:8] = 41
    out = keep_column(as_nii(array)).get_array()
    assert out[start:].any() == stays
    np.testing.assert_array_equal(out[:start], spine()[:start])


def test_a_far_arch_stays_on_a_body_of_the_column() -> None:
    array = spine()
    array[30:115, 30:32, 5:7] = 41
    array[34:42, 2:70, 4:8] = 61
    np.testing.assert_array_equal(keep_column(as_nii(array)).get_array(), array)


def test_a_speck_of_canal_saves_no_island() -> None:
    array = spine()
    array[100:105, 20:40, 4:8] = 41
    array[105:107, 20:22, 4:8] = 61
    np.testing.assert_array_equal(keep_column(as_nii(array)).get_array(), spine())


def test_the_sacrum_stays_and_a_mask_without_canal_loses_only_bodies() -> None:
    array = spine()
    array[100:110, 70:90, 2:10] = 26
    np.testing.assert_array_equal(keep_column(as_nii(array)).get_array(), array)
    array[array == 61] = 0
    arch = array.copy()
    arch[112:118, 20:40, 4:8] = 41
    stray = arch.copy()
    stray[80:86, 20:40, 4:8] = 49
    np.testing.assert_array_equal(keep_column(as_nii(stray)).get_array(), arch)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(
    ("row", "depth", "stays"), [(46, 8, False), (56, 8, True), (56, 7, False)]
)
def test_sacrum_above_the_middle_of_the_lowest_body_and_specks_go(
    row: int, depth: int, stays: bool, orientation: tuple[str, ...]
) -> None:
    array = spine()
    array[50 : 50 + depth, row - 2 : row + 2, 2:10] = 26  # a tenth of a body: 256 voxels
    after = keep_column(as_nii(array, orientation)).reorient(("P", "I", "R")).get_array()
    np.testing.assert_array_equal(after, array if stays else spine())


def test_a_coccyx_that_is_called_a_body_does_not_cost_the_sacrum() -> None:
    array = spine()
    array[30:38, 86:90, 4:8] = 49
    np.testing.assert_array_equal(keep_column(as_nii(array)).get_array() == 26, spine() == 26)


def test_a_crumb_of_the_sacrum_in_the_column_does_not_cost_the_sacrum() -> None:
    array = spine()[:, :72]
    array[10:30, 70:72, 2:10] = 49
    np.testing.assert_array_equal(keep_column(as_nii(array)).get_array(), array)


@pytest.mark.parametrize("kept", [(), (26,), (61,), (41,)])
def test_a_mask_without_bodies_stays(kept: tuple[int, ...]) -> None:
    array = np.where(np.isin(spine(), kept), spine(), 0).astype(np.uint8)
    np.testing.assert_array_equal(keep_column(as_nii(array)).get_array(), array)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize(("height", "sacral"), [(9, True), (10, False)])
def test_a_low_piece_on_the_sacrum_is_sacrum(
    height: int, sacral: bool, orientation: tuple[str, ...]
) -> None:
    array = spine()
    array[10:30, 64 : 64 + height, 2:10] = 49
    out = restore_top_of_sacrum(as_nii(array, orientation))
    after = out.reorient(("P", "I", "R")).get_array()
    np.testing.assert_array_equal(after, spine() if sacral else array)


def test_a_low_last_vertebra_above_its_disc_stays() -> None:
    array = spine()
    array[10:30, 44:52, 2:10] = 100
    np.testing.assert_array_equal(restore_top_of_sacrum(as_nii(array)).get_array(), array)


def test_cleaning_applies_both_and_spineps_neither() -> None:
    array = spine()
    array[100:110, 20:40, 2:10] = 49
    array[10:30, 64:70, 2:10] = 49
    # in a chain of boxes with the spine, which the older rule accepts
    array[30:96, 20:22, 2:3] = 41
    mask = as_nii(array)
    settings = SemanticSettings()
    corrected = clean_semantic(mask.copy(), settings).get_array()
    kept = clean_semantic(mask.copy(), settings, "spineps-2.1.3").get_array()
    assert not corrected[100:].any()
    assert (corrected[10:30, 64:70, 2:10] == 26).all()
    assert (kept[100:] == 49).any()
    assert (kept[10:30, 64:70, 2:10] == 49).all()
