"""Pre-processing: intensities, bias field, padding."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import EmptyResultError
from spineps_nipype.spineps.bias_field import correct_bias
from spineps_nipype.spineps.preprocess import normalise_range, pad, preprocess_input
from spineps_nipype.spineps.settings import PreprocessSettings

AFFINE = np.array([[0, 0, -4.0, 10], [0.8, 0, 0, -20], [0, -0.8, 0, 30], [0, 0, 0, 1]])
PLAIN = PreprocessSettings(proc_sem_n4_bias_correction=False)


def as_image(array: np.ndarray) -> NII:
    return NII(nib.Nifti1Image(array, AFFINE), False)


def test_large_ranges_shrink_to_1500() -> None:
    out = normalise_range(np.array([-500, 0, 2500], np.float32))
    np.testing.assert_allclose(out, [0, 250, 1500], rtol=1e-6)


def test_small_ranges_are_only_shifted() -> None:
    assert normalise_range(np.array([-3.5, 0, 10], np.float32)).tolist() == [0, 3.5, 13.5]


def test_integers_stay_integers_and_lose_fractions() -> None:
    out = normalise_range(np.array([0, 1, 1999, 4000], np.int16))
    assert out.dtype == np.int16
    assert out.tolist() == [0, 0, 749, 1500]


def test_float_images_keep_fractions() -> None:
    array = np.zeros((4, 2, 2), np.float32)
    array[:, 0] = np.array([2, 0, 1999, 4000])[:, None]
    out = preprocess_input(as_image(array), PLAIN, is_ct=False).get_array()
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[4:8, 4, 4], [0.75, 0, 749.625, 1500], rtol=1e-6)


def test_padding_is_constant_and_keeps_world_positions() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    out = pad(as_image(array), 2, -5.0)
    assert out.shape == (6, 7, 8)
    np.testing.assert_array_equal(out.get_array()[2:4, 2:5, 2:6], array)
    assert (out.get_array() == -5).sum() == 6 * 7 * 8 - 24
    np.testing.assert_allclose(out.affine @ [2, 2, 2, 1], AFFINE @ [0, 0, 0, 1])


@pytest.mark.parametrize("voxels", [0, -1])
def test_no_padding(voxels: int) -> None:
    image = as_image(np.zeros((2, 2, 2), np.float32))
    assert pad(image, voxels, 0) is image


def test_the_input_stays_as_it_is() -> None:
    array = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32) * 4000
    image = as_image(array.copy())
    preprocess_input(image, PLAIN, is_ct=False)
    np.testing.assert_array_equal(image.get_array(), array)


def test_ct_is_only_padded_whatever_the_settings_say() -> None:
    array = np.random.default_rng(0).integers(-1000, 3000, (4, 5, 6)).astype(np.float32)
    out = preprocess_input(as_image(array), PreprocessSettings(), is_ct=True, background=-1024)
    np.testing.assert_array_equal(out.get_array()[4:-4, 4:-4, 4:-4], array)
    assert out.get_array()[0, 0, 0] == -1024


def test_normalisation_can_be_switched_off() -> None:
    array = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32) * 4000 + 100
    off = PreprocessSettings(proc_normalize_input=False, proc_sem_n4_bias_correction=False)
    out = preprocess_input(as_image(array), off, is_ct=False).get_array()
    np.testing.assert_array_equal(out[4:-4, 4:-4, 4:-4], array)


@pytest.mark.parametrize("is_ct", [False, True])
def test_constant_image(is_ct: bool) -> None:
    with pytest.raises(EmptyResultError, match="constant"):
        preprocess_input(as_image(np.full((3, 3, 3), 7.0, np.float32)), PLAIN, is_ct=is_ct)


def biased() -> tuple[np.ndarray, np.ndarray]:
    """A checkerboard of two tissues under a smooth field, with air around it."""
    shape = (40, 40, 8)
    grid = np.indices(shape)
    tissue = np.where((grid // 4).sum(axis=0) % 2, 400.0, 800.0)
    field = np.exp(0.5 * (grid[0] / 39 - 0.5))
    tissue[:4] = tissue[-4:] = tissue[:, :4] = tissue[:, -4:] = 0
    return (tissue * field).astype(np.float32), tissue


def spread_of_tissue(array: np.ndarray, tissue: np.ndarray) -> float:
    values = array[tissue == 800]
    return float(values.std() / values.mean())


def test_bias_field_is_removed_the_same_way_every_time() -> None:
    array, tissue = biased()
    out = correct_bias(array, [2.0, 2.0, 4.0])
    assert out.dtype == np.float32
    assert spread_of_tissue(array, tissue) > 0.1
    assert spread_of_tissue(out, tissue) < 0.03
    assert not out[tissue == 0].any()
    np.testing.assert_array_equal(correct_bias(array, [2.0, 2.0, 4.0]), out)


def test_bias_correction_within_the_phase() -> None:
    array, tissue = biased()
    out = preprocess_input(as_image(array), PreprocessSettings(), is_ct=False).get_array()
    assert spread_of_tissue(out[4:-4, 4:-4, 4:-4], tissue) < 0.03


def test_bias_correction_of_a_dark_image() -> None:
    """No voxel reaches 60: SPINEPS fails there, we take the whole image."""
    array, _ = biased()
    array *= 50 / array.max()
    assert correct_bias(array, [2.0, 2.0, 4.0]).shape == array.shape
    with pytest.raises(ValueError, match="empty"):
        correct_bias(array, [2.0, 2.0, 4.0], np.eye(4), numerics="spineps-2.1.3")


def test_two_slices_are_enough_for_the_bias_correction() -> None:
    array, _ = biased()
    assert np.isfinite(correct_bias(array[:, :, :2], [2.0, 2.0, 4.0])).all()


@pytest.mark.parametrize(("crop", "expected"), [(True, [0, 0, 10]), (False, [0, 5, 15])])
def test_the_box_of_the_signal_is_shifted_to_zero_again(crop: bool, expected: list[float]) -> None:
    """A rule of SPINEPS that shows only when the signal fills its box."""
    array = np.zeros((3, 2, 2), np.float32)
    array[1], array[2] = 5, 15
    settings = PreprocessSettings(proc_sem_crop_input=crop, proc_sem_n4_bias_correction=False)
    out = preprocess_input(as_image(array), settings, is_ct=False).get_array()
    assert out[4:7, 4, 4].tolist() == expected
