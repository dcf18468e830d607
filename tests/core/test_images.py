"""Loading of good, odd and broken images, and writing that leaves the same bytes."""

from __future__ import annotations

import gzip
import itertools
import logging
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.core.image_checks import memory_estimate_gib
from spineps_nipype.core.images import background_value, load_image, load_mask, save_nii
from spineps_nipype.core.volume import make_volume
from spineps_nipype.errors import EmptyResultError, InputError, OutputError, SpinepsError

SHAPE = (5, 6, 7)
ORIENTATIONS = [
    tuple(codes)
    for axes in itertools.permutations(("LR", "AP", "SI"))
    for codes in itertools.product(*axes)
]
PIXDIM_AT, SFORM_CODE_AT = 80, 254
"""Places of pixdim[1] and sform_code in a NIfTI-1 header, in bytes."""


def values(dtype: object = np.int16, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def write(
    folder: Path, data: np.ndarray, affine: np.ndarray | None = None, name: str = "a_T2w.nii.gz"
) -> Path:
    path = folder / name
    nib.save(
        nib.Nifti1Image(data, np.eye(4) if affine is None else affine, dtype=data.dtype), path
    )
    return path


def refusal(path: Path, **options: object) -> SpinepsError:
    """The error that loading raises; it must name the file and a remedy."""
    with pytest.raises((InputError, EmptyResultError)) as caught:
        load_image(path, **options)  # type: ignore[arg-type]
    assert caught.value.file == path
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("name", ["a_T2w.nii", "a_T2w.nii.gz"])
def test_both_kinds_of_file(tmp_path: Path, name: str) -> None:
    affine = np.diag([-0.7, 0.8, 4.0, 1.0])
    image = load_image(write(tmp_path, values(), affine, name))
    assert image.get_array().dtype == np.float32
    np.testing.assert_array_equal(image.get_array(), values())
    np.testing.assert_allclose(image.affine, affine)
    assert not image.seg


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_every_voxel_type(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, values(kind))
    np.testing.assert_array_equal(load_image(path).get_array(), values().astype(np.float32))
    kept = load_image(path, integer_voxels=True).get_array()
    np.testing.assert_array_equal(kept, values())
    expected = {"u8": "uint32", "i8": "int32", "f8": "float32"}.get(kind, np.dtype(kind).name)
    assert kept.dtype == expected


def scaled(folder: Path) -> Path:
    """int16 0, 1, 2, ... stored with slope 0.5."""
    data = np.arange(210, dtype=np.int16).reshape(SHAPE)
    image = nib.Nifti1Image(data, np.eye(4))
    image.header.set_slope_inter(0.5, 0)
    path = folder / "scaled.nii.gz"
    image.to_filename(path)
    stored = bytearray(gzip.decompress(path.read_bytes()))
    stored[352:] = data.tobytes(order="F")
    struct.pack_into("<f", stored, 112, 0.5)
    path.write_bytes(gzip.compress(bytes(stored)))
    return path


def test_scaled_integers_keep_their_fractions(tmp_path: Path) -> None:
    array = load_image(scaled(tmp_path)).get_array()
    np.testing.assert_array_equal(array.ravel()[:4], [0, 0.5, 1, 1.5])


def test_scaled_integers_lose_them_as_in_spineps(tmp_path: Path) -> None:
    array = load_image(scaled(tmp_path), integer_voxels=True).get_array()
    assert array.dtype == np.int16
    np.testing.assert_array_equal(array.ravel()[:4], [0, 0, 1, 1])


def test_scaled_integers_that_do_not_fit_get_a_wider_type(tmp_path: Path) -> None:
    image = nib.Nifti1Image(values(np.uint8), np.eye(4))
    path = tmp_path / "wide.nii"
    image.to_filename(path)
    stored = bytearray(path.read_bytes())
    struct.pack_into("<2f", stored, 112, 10.0, -5.0)
    path.write_bytes(bytes(stored))
    array = load_image(path, integer_voxels=True).get_array()
    assert array.dtype == np.int16
    np.testing.assert_array_equal(array, values(np.int16) * 10 - 5)


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_every_orientation(tmp_path: Path, codes: tuple[str, str, str]) -> None:
    affine = np.array([[0, 0, 3.0, 5], [-1, 0, 0, 6], [0, -2, 0, 7], [0, 0, 0, 1]])
    original = NII(nib.Nifti1Image(values(np.float32), affine), False)
    assert original.orientation == ("P", "I", "R")
    path = save_nii(original.reorient(codes), tmp_path / "turned.nii.gz")
    image = load_image(path)
    assert image.orientation == codes
    back = image.reorient(("P", "I", "R"))
    np.testing.assert_array_equal(back.get_array(), values())
    np.testing.assert_allclose(back.affine, affine, atol=1e-5)


def test_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.nii.gz").what


def test_foreign_file_name(tmp_path: Path) -> None:
    assert "not NIfTI" in refusal(tmp_path / "scan.dcm").what


@pytest.mark.parametrize("kept", [0, 20, 200, 5000])
def test_truncated_gzip(tmp_path: Path, kept: int) -> None:
    noise = np.random.default_rng(0).random((20, 20, 20)).astype(np.float32)
    path = write(tmp_path, noise)
    path.write_bytes(path.read_bytes()[:kept])
    assert "damaged" in refusal(path).what


def test_truncated_without_compression(tmp_path: Path) -> None:
    path = write(tmp_path, values(), name="a.nii")
    path.write_bytes(path.read_bytes()[:500])
    assert "damaged" in refusal(path).what


def test_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "text.nii.gz"
    path.write_bytes(gzip.compress(b"this is no image" * 100))
    assert "damaged" in refusal(path).what


def test_flat_image(tmp_path: Path) -> None:
    assert "2 dimensions" in refusal(write(tmp_path, values(shape=(5, 6)))).what


def test_four_dimensions_are_refused_unless_averaged(tmp_path: Path) -> None:
    data = np.stack([values(), values() + 3], axis=3)
    path = write(tmp_path, data)
    assert "4-D with 2 volumes" in refusal(path).what
    array = load_image(path, average_4d=True).get_array()
    np.testing.assert_array_equal(array, values() + np.float32(1.5))


def test_a_fourth_dimension_of_one_is_a_volume(tmp_path: Path) -> None:
    path = write(tmp_path, values()[..., None])
    np.testing.assert_array_equal(load_image(path).get_array(), values())


def test_five_dimensions(tmp_path: Path) -> None:
    path = write(tmp_path, values(shape=(4, 4, 4, 2, 3)))
    assert "5 dimensions" in refusal(path, average_4d=True).what


@pytest.mark.parametrize("shape", [(1, 6, 7), (6, 1, 7), (6, 7, 1)])
def test_one_slice(tmp_path: Path, shape: tuple[int, ...]) -> None:
    error = refusal(write(tmp_path, values(shape=shape)))
    assert "single slice" in error.what
    assert "at least 2 slices" in error.remedy


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_voxels_become_the_minimum(
    tmp_path: Path, bad: float, caplog: pytest.LogCaptureFixture
) -> None:
    data = values(np.float32) + 7
    data[0, 0, :2] = bad
    with caplog.at_level(logging.WARNING):
        array = load_image(write(tmp_path, data)).get_array()
    floor = data[np.isfinite(data)].min()
    np.testing.assert_array_equal(array[0, 0, :2], floor)
    np.testing.assert_array_equal(array[1:], data[1:])
    assert "a_T2w.nii.gz: 2 non-finite voxels" in caplog.text


def test_values_beyond_single_precision_count_as_infinite(tmp_path: Path) -> None:
    data = values(np.float64)
    data[0, 0, 0] = 1e300
    array = load_image(write(tmp_path, data)).get_array()
    assert array[0, 0, 0] == data.min()


def test_only_non_finite_voxels(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, np.full(SHAPE, np.nan, np.float32)))
    assert isinstance(error, EmptyResultError)
    assert "no finite voxel" in error.what


@pytest.mark.parametrize("value", [0, 17])
def test_constant_image(tmp_path: Path, value: int) -> None:
    error = refusal(write(tmp_path, np.full(SHAPE, value, np.int16)))
    assert isinstance(error, EmptyResultError)
    assert f"every voxel is {value}" in error.what


def test_image_over_the_memory_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, values(), name="a.nii")
    header = bytearray(path.read_bytes())
    struct.pack_into("<3h", header, 42, 4000, 4000, 2000)
    path.write_bytes(bytes(header))
    needed = memory_estimate_gib((4000, 4000, 2000))
    error = refusal(path, max_gib=16)
    assert f"about {needed:.1f} GiB" in error.what
    assert "16.0 GiB" in error.what
    assert "--mem-gb" in error.remedy


def test_image_under_the_memory_limit(tmp_path: Path) -> None:
    assert load_image(write(tmp_path, values()), max_gib=0.1).shape == SHAPE


@pytest.mark.parametrize("sform_code", [0, 1])
@pytest.mark.parametrize("spacing", [0.0, -2.0])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_spacing_that_is_not_positive(
    tmp_path: Path, name: str, spacing: float, sform_code: int
) -> None:
    path = tmp_path / name
    image = nib.Nifti1Image(values(), np.eye(4))
    stored = bytearray(image.to_bytes())
    struct.pack_into("<f", stored, PIXDIM_AT + 4, spacing)
    struct.pack_into("<2h", stored, SFORM_CODE_AT - 2, 0, sform_code)
    path.write_bytes(gzip.compress(bytes(stored)) if name.endswith("gz") else bytes(stored))
    error = refusal(path)
    assert f"not positive (1, {spacing:g}, 1 mm)" in error.what
    assert "pixdim" in error.remedy


def test_non_finite_affine(tmp_path: Path) -> None:
    path = write(tmp_path, values(), name="a.nii")
    stored = bytearray(path.read_bytes())
    struct.pack_into("<f", stored, 280, np.nan)
    path.write_bytes(bytes(stored))
    assert "non-finite" in refusal(path).what


def test_spacing_in_metres(tmp_path: Path) -> None:
    path = write(tmp_path, values(), np.diag([8e-4, 8e-4, 4e-3, 1]))
    assert "metres" in refusal(path).remedy


def test_sheared_grid(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 1] = np.tan(np.radians(10))
    error = refusal(write(tmp_path, values(), affine))
    assert "10.0 degrees off" in error.what


def test_oblique_grid_is_fine(tmp_path: Path) -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    affine = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(load_image(write(tmp_path, values(), affine)).affine, affine)


@pytest.mark.parametrize("kind", [np.complex64, [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_several_channels(tmp_path: Path, kind: object) -> None:
    data = np.zeros(SHAPE, np.dtype(kind))
    assert "one channel" in refusal(write(tmp_path, data)).what


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sub-1_T2w.nii.gz", 0.0),
        ("sub-1_ct.nii.gz", -1024.0),
        ("sub-1_CT.nii", -1024.0),
        ("sub-ct_T2w.nii.gz", 0.0),
        ("sub-1_projection.nii.gz", -1024.0),
    ],
)
def test_value_of_empty_space(name: str, value: float) -> None:
    assert background_value(f"/folder_ct/{name}") == value


def test_mask_in_the_smallest_type(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE)
    labels[0] = 226
    mask = load_mask(write(tmp_path, labels))
    assert mask.seg
    assert mask.get_array().dtype == np.uint8
    labels[1] = 300
    assert load_mask(write(tmp_path, labels)).get_array().dtype == np.uint16


def test_labels_with_the_noise_of_floats(tmp_path: Path) -> None:
    """Programs scale labels on the way into a file; what is nearly whole is taken for whole."""
    labels = values(np.uint8).astype(np.float32)
    noise = np.random.default_rng(1).uniform(-0.005, 0.005, SHAPE).astype(np.float32)
    mask = load_mask(write(tmp_path, labels + noise))
    np.testing.assert_array_equal(mask.get_array(), labels)
    assert mask.get_array().dtype == np.uint8


@pytest.mark.parametrize("value", [0.5, 1.02, -1, np.nan])
def test_mask_that_is_none(tmp_path: Path, value: float) -> None:
    labels = np.zeros(SHAPE)
    labels[0] = value
    with pytest.raises(InputError, match="fractional, negative or non-finite"):
        load_mask(write(tmp_path, labels))


def test_empty_mask_is_a_mask(tmp_path: Path) -> None:
    assert not load_mask(write(tmp_path, np.zeros(SHAPE, np.uint8))).get_array().any()


def test_four_dimensional_mask(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 dimensions"):
        load_mask(write(tmp_path, np.zeros((*SHAPE, 2), np.uint8)))


@pytest.mark.parametrize("name", ["out.nii", "deep/er/out.nii.gz"])
def test_saving_round_trip_and_equal_bytes(tmp_path: Path, name: str) -> None:
    affine = np.diag([-1.0, 2.0, 3.0, 1.0])
    image = NII(nib.Nifti1Image(values(np.float32) / 3, affine), False)
    path = save_nii(image, tmp_path / name)
    first = path.read_bytes()
    again = load_image(path)
    np.testing.assert_array_equal(again.get_array(), image.get_array())
    np.testing.assert_allclose(again.affine, affine)
    save_nii(again, path)
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_saved_labels_take_the_smallest_type(tmp_path: Path) -> None:
    mask = NII(nib.Nifti1Image(values(np.int32), np.eye(4)), True)
    path = save_nii(mask, tmp_path / "mask.nii.gz")
    assert nib.load(path).get_data_dtype() == np.uint8


def test_saving_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    mask = NII(nib.Nifti1Image(values(np.uint8), np.eye(4)), True)
    with pytest.raises(OutputError, match="could not be written"):
        save_nii(mask, tmp_path / "file" / "mask.nii.gz")


def test_what_goes_from_step_to_step_is_compressed_less(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 9, (20, 20, 20)).astype(np.float32)
    sizes = {}
    for seg in (False, True):
        volume = make_volume(grey.astype(np.uint8) if seg else grey, np.eye(4), seg=seg)
        for passing in (False, True):
            path = save_nii(volume, tmp_path / f"{seg}{passing}.nii.gz", passing=passing)
            np.testing.assert_array_equal(nib.load(path).get_fdata(), grey)
            sizes[seg, passing] = path.stat().st_size
    assert sizes[False, True] > grey.nbytes > sizes[False, False]
    assert grey.size > sizes[True, True] >= sizes[True, False]
