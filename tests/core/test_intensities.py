"""Padding, huge, tiny and negative grey values; ordinary ones stay bit by bit."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spineps_nipype.core.images import load_image, load_scan, load_volumes
from spineps_nipype.core.intensities import LARGEST, usable_intensities

SHAPE = (12, 10, 8)


def scan(kind: object = np.int16) -> np.ndarray:
    """Grey values from 0 to 299."""
    return np.random.default_rng(0).integers(0, 300, SHAPE).astype(kind)


def write(folder: Path, data: np.ndarray, name: str = "sub-x_T2w.nii.gz") -> Path:
    path = folder / name
    nib.Nifti1Image(data, np.eye(4), dtype=data.dtype).to_filename(path)
    return path


def padded(value: float, kind: object) -> np.ndarray:
    data = scan(kind)
    data[:3] = value
    return data


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (-1024, np.int16),
        (-2000, np.int16),
        (-32768, np.int16),
        (32767, np.int16),
        (65535, np.uint16),
        (2**32 - 1, np.uint32),
        (-1024, np.float32),
        (float(np.finfo(np.float32).max), np.float32),
        (float(np.finfo(np.float64).min), np.float64),
        (np.nan, np.float32),
        (4095, np.uint16),  # no largest value of its type, but far from all others
        (9999, np.int16),
        (1e20, np.float64),
    ],
)
def test_padding_counts_as_0(
    tmp_path: Path, value: float, kind: object, caplog: pytest.LogCaptureFixture
) -> None:
    found = load_scan(write(tmp_path, padded(value, kind))).get_array()
    np.testing.assert_array_equal(found, padded(0, np.float32))
    assert "were set to 0" in caplog.text


def test_a_hole_with_a_value_that_is_never_measured(tmp_path: Path) -> None:
    """As where a face was removed: it need not reach the border."""
    hole = np.zeros(SHAPE, bool)
    hole[4:7, 4:7, 3:5] = True
    for value, kept in ((-1024, False), (-20, True), (599, True), (4095, True)):
        data = scan()
        data[hole] = value
        found = load_scan(write(tmp_path, data)).get_array()
        np.testing.assert_array_equal(found, np.where(hole, value if kept else 0, data))


@pytest.mark.parametrize("value", [300, 596, 1400])
def test_a_bright_border_near_the_image_is_no_padding(tmp_path: Path, value: int) -> None:
    found = load_scan(write(tmp_path, padded(value, np.int16))).get_array()
    np.testing.assert_array_equal(found, padded(value, np.float32))


def test_padding_of_scaled_integers(tmp_path: Path) -> None:
    image = nib.Nifti1Image(padded(32767, np.int16), np.eye(4))
    path = tmp_path / "sub-x_T2w.nii"
    stored = bytearray(image.to_bytes())
    stored[112:120] = np.array([0.37, 5], "<f4").tobytes()
    path.write_bytes(bytes(stored))
    found = load_scan(path).get_array()
    assert (found[:3] == 0).all()
    np.testing.assert_allclose(found[3:], scan()[3:] * 0.37 + 5, rtol=1e-5)


def test_padding_on_both_sides_and_of_a_series(tmp_path: Path) -> None:
    data = padded(-1024, np.int16)
    data[-1] = 32767
    expected = padded(0, np.float32)
    expected[-1] = 0
    np.testing.assert_array_equal(load_scan(write(tmp_path, data)).get_array(), expected)
    series = write(tmp_path, np.stack([data, data], axis=3), "sub-x_bold.nii.gz")
    np.testing.assert_array_equal(load_scan(series, average_4d=True).get_array(), expected)
    np.testing.assert_array_equal(load_volumes(series)[1].get_array(), expected)


def bright_inside() -> np.ndarray:
    data = scan(np.uint16)
    data[5:8, 4:7, 3:6] = 65535
    return data


def saturated() -> np.ndarray:
    data = np.random.default_rng(0).integers(0, 90000, SHAPE).clip(0, 65535).astype(np.uint16)
    assert (data == 65535).mean() > 0.1
    return data


def codes() -> np.ndarray:
    return padded(1000, np.int16)


def signed() -> np.ndarray:
    return scan(np.int16) - 100


def one_below() -> np.ndarray:
    return padded(-1, np.int16)


@pytest.mark.parametrize("make", [scan, bright_inside, saturated, codes, signed, one_below])
def test_ordinary_values_stay(make, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    data = make()
    assert usable_intensities(data, is_ct=False, extremes=[65535.0])[0] is data
    np.testing.assert_array_equal(load_scan(write(tmp_path, data)).get_array(), data)
    assert not caplog.text


def test_hounsfield_units_stay(tmp_path: Path) -> None:
    data = padded(-1024, np.int16)
    path = write(tmp_path, data, "sub-x_ct.nii.gz")
    np.testing.assert_array_equal(load_scan(path).get_array(), data)
    low = write(tmp_path, data - 2000, "sub-y_ct.nii.gz")
    np.testing.assert_array_equal(load_scan(low).get_array(), data - 2000)


@pytest.mark.parametrize("factor", [1e-38, 1e-300, 1e-9, 1e15, 1e30, 1e300, -1e300, -1.0])
def test_any_unit_shows_the_same_picture(tmp_path: Path, factor: float) -> None:
    data = scan(np.float64)
    found = load_scan(write(tmp_path, data * factor)).get_array().astype(np.float64)
    span = float(np.ptp(found))
    assert 100 < span < 1e5
    expected = (data - data.min()) / np.ptp(data)
    relative = (found - found.min()) / span
    np.testing.assert_allclose(relative, expected if factor > 0 else 1 - expected, atol=1e-6)


@pytest.mark.parametrize("offset", [-5000, -1e9, 1e9])
def test_values_far_from_0_keep_their_differences(tmp_path: Path, offset: float) -> None:
    data = scan(np.float64)
    found = load_scan(write(tmp_path, data + offset)).get_array()
    np.testing.assert_array_equal(found, data)


@pytest.mark.parametrize("hot", [1e30, 1e300, np.inf])
def test_one_hot_voxel_takes_nothing_from_the_others(tmp_path: Path, hot: float) -> None:
    data = scan(np.float64)
    data[5, 5, 5] = hot
    found = load_scan(write(tmp_path, data)).get_array()
    data[5, 5, 5] = 0
    np.testing.assert_array_equal(found, data)


def test_a_loaded_scan_stays_when_it_is_loaded_again(tmp_path: Path) -> None:
    for number, data in enumerate((padded(-1024, np.int16), scan(np.float64) * 1e300)):
        first = load_scan(write(tmp_path, data)).get_array()
        again = write(tmp_path, first, f"sub-{number}_T2w.nii.gz")
        np.testing.assert_array_equal(load_scan(again).get_array(), first)
        np.testing.assert_array_equal(load_image(again).get_array(), first)


def test_the_smallest_differences_do_not_overflow() -> None:
    for smallest in (5e-324, 2.2e-311, 1e-300):
        data = np.zeros((3, 4, 5))
        data[0, 0, 0] = smallest
        found, _ = usable_intensities(data, is_ct=False)
        assert np.isfinite(found).all()
        assert found[0, 0, 0] > 0 == found[1, 1, 1]


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(st.sampled_from([np.float32, np.float64, np.int16, np.int64]), (3, 4, 5)))
def test_any_values_are_usable(data: np.ndarray) -> None:
    found, _ = usable_intensities(data, is_ct=False)
    finite = found[np.isfinite(found)]
    if finite.size and finite.min() < finite.max():  # a constant image is refused as such
        assert np.abs(finite.astype(np.float64)).max() <= LARGEST
