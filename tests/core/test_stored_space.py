"""What a header says of its place: sure, said, or refused; and results lie on the scan."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.core.images import load_image, load_mask, load_scan, save_nii
from spineps_nipype.core.stored_space import read_space
from spineps_nipype.errors import InputError

SHAPE = (4, 5, 6)
AFFINE = np.array([[0, 0, 3.3, -20], [-0.9, 0, 0, 30], [0, -0.8, 0, 40], [0, 0, 0, 1.0]])
MIRRORED = AFFINE @ np.diag([1, 1, -1, 1.0])


def turn(degrees: float) -> np.ndarray:
    """Rotation about the left-right axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]])


def write(
    path: Path,
    *,
    qform: np.ndarray = AFFINE,
    sform: np.ndarray = AFFINE,
    codes: tuple[int, int] = (1, 1),
    **fields: Any,
) -> Path:
    """An image whose header says this; fields are stored as they are."""
    image = nib.Nifti1Image(np.arange(120, dtype=np.float32).reshape(SHAPE), AFFINE)
    image.set_qform(qform, codes[0])
    image.set_sform(sform, codes[1])
    stored = bytearray(image.to_bytes())
    header = nib.Nifti1Header(bytes(stored[:348]), check=False)
    for field, value in fields.items():
        header[field] = value
    stored[:348] = header.binaryblock
    path.write_bytes(bytes(stored))
    return path


def itk_affine(path: Path) -> np.ndarray:
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1, 1, 1]) @ affine


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (4, 2), (0, 2), (1, 0), (1, 4), (3, 3)])
def test_sure_places_are_taken_without_a_word_and_codes_are_kept(
    tmp_path: Path, codes: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    scan = write(tmp_path / "a_T2w.nii", codes=codes)
    image = load_scan(scan)
    assert not caplog.text
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)
    mask = image.set_array(image.get_array() > 50, seg=True)
    stored = nib.load(save_nii(mask, tmp_path / "m.nii.gz", like=scan))
    assert (int(stored.header["qform_code"]), int(stored.header["sform_code"])) == codes
    np.testing.assert_array_equal(stored.affine, nib.load(scan).affine)


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "turned qform": ({"qform": turn(15) @ AFFINE, "codes": (1, 2)}, "15.0 degrees apart"),
    "turned qform of the same code": ({"qform": turn(15) @ AFFINE}, "15.0 degrees apart"),
    "zero sform": ({f"srow_{axis}": 0 for axis in "xyz"}, "sform of the header is no position"),
    "sform with NaN": ({"srow_x": np.nan}, "sform of the header is no position"),
    "qform with NaN": ({"quatern_b": np.nan}, "qform of the header is no position"),
    "other spacing": (
        {"codes": (0, 1), "pixdim": [1.0] * 8},
        "states voxels of 1, 1, 1 mm and a position of voxels of 0.9, 0.8, 3.3 mm",
    ),
    "far away": (
        {"sform": np.c_[AFFINE[:, :3], [2e4, 0, 0, 1]], "codes": (0, 1)},
        "no scanner reaches",
    ),
    "no sign": (
        {"qform": MIRRORED, "sform": MIRRORED, "pixdim": [0, 0.9, 0.8, 3.3, 1, 1, 1, 1]},
        "lacks its sign",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_places_are_said(tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture) -> None:
    header, words = ODD[case]
    scan = write(tmp_path / "a_T2w.nii", **header)
    (warning,) = read_space(scan).warnings
    assert words in warning
    load_scan(scan)
    assert f"a_T2w.nii: {warning}" in caplog.text
    caplog.clear()
    load_image(scan)  # files that were loaded once say nothing again
    assert not caplog.text


@pytest.mark.parametrize(
    "case", ["turned qform", "turned qform of the same code", "zero sform", "other spacing"]
)
def test_results_lie_on_the_scan_for_every_reader(tmp_path: Path, case: str) -> None:
    scan = write(tmp_path / "a_T2w.nii", **ODD[case][0])
    image = load_scan(scan)
    result = save_nii(
        image.set_array(image.get_array() > 50, seg=True), tmp_path / "m.nii.gz", like=scan
    )
    np.testing.assert_allclose(itk_affine(result), itk_affine(scan), atol=1e-4)
    if case != "zero sform":  # nibabel finds no place for the scan itself
        np.testing.assert_allclose(nib.load(result).affine, nib.load(scan).affine, atol=1e-5)
    np.testing.assert_allclose(load_mask(result).affine, image.affine, atol=1e-5)


@pytest.mark.parametrize("codes", [("R", "A", "S"), ("P", "I", "R"), ("L", "I", "A")])
def test_results_on_other_grids_lie_on_the_scan_too(
    tmp_path: Path, codes: tuple[str, str, str]
) -> None:
    scan = write(tmp_path / "a_T2w.nii", **ODD["turned qform"][0])
    image = load_scan(scan)
    turned = image.reorient(codes)
    result = save_nii(turned, tmp_path / "turned.nii.gz", like=scan)
    again = save_nii(load_image(result), tmp_path / "again.nii.gz", like=result)
    voxel = np.unravel_index(turned.get_array().argmax(), turned.shape)
    for path in (result, again):
        for where in (itk_affine, lambda p: nib.load(p).affine):
            place = (where(path) @ [*voxel, 1])[:3]
            expected = (where(scan) @ [*(n - 1 for n in SHAPE), 1])[:3]
            np.testing.assert_allclose(place, expected, atol=1e-3)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no code": ({"codes": (0, 0)}, "qform_code and sform_code are 0"),
    "mirrored": ({"qform": MIRRORED}, "PIR by the sform and PIL by the"),
    "far beyond": ({"sform": np.c_[AFFINE[:, :3], [1e30, 0, 0, 1]]}, "cannot be right"),
    "nothing finite": ({"codes": (0, 1), "srow_x": np.nan}, "non-finite"),
    "infinite offset": ({"codes": (0, 1), "srow_x": [0, 0, 3.3, np.inf]}, "non-finite"),
    "no length": ({"codes": (0, 1), "srow_x": 0}, "no grid"),
    "flat": ({"codes": (0, 1), "srow_x": [0, 0.9, 0, 0]}, "no grid"),
    "sheared": ({"sform": turn(0) + np.diag([0.3, 0, 0], 1), "codes": (0, 1)}, "16.7 degrees"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_places_that_nobody_can_know_are_refused_with_the_way_out(
    tmp_path: Path, case: str
) -> None:
    header, words = REFUSED[case]
    scan = write(tmp_path / "a_T2w.nii", **header)
    for load in (load_scan, load_image, load_mask):
        with pytest.raises(InputError, match=words) as caught:
            load(scan)
        assert caught.value.file == scan
        assert caught.value.remedy


numbers = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=50, deadline=None)
@given(
    codes=st.tuples(st.integers(-1, 5), st.integers(-1, 5)),
    rows=st.lists(numbers, min_size=12, max_size=12),
    quaternion=st.lists(numbers, min_size=6, max_size=6),
    spacing=st.lists(numbers, min_size=8, max_size=8),
)
def test_any_header_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory,
    codes: tuple[int, int],
    rows: list[float],
    quaternion: list[float],
    spacing: list[float],
) -> None:
    fields: dict[str, Any] = {f"srow_{a}": rows[4 * i : 4 * i + 4] for i, a in enumerate("xyz")}
    names = [*(f"quatern_{a}" for a in "bcd"), *(f"qoffset_{a}" for a in "xyz")]
    fields |= dict(zip(names, quaternion, strict=True))
    path = tmp_path_factory.mktemp("odd") / "a_T2w.nii"
    write(path, qform_code=codes[0], sform_code=codes[1], pixdim=spacing, **fields)
    try:
        space = read_space(path)
    except InputError:
        return
    assert np.isfinite(space.affine).all()
    assert abs(np.linalg.det(space.affine[:3, :3])) > 0
    corners = list(itertools.product((0, 1), repeat=3))
    assert np.isfinite(np.column_stack([corners, np.ones(8)]) @ space.affine.T).all()
