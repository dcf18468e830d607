"""One dataset with a scan of every bad kind: each says what is wrong, the good one is whole."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from .conftest import App, only

pytestmark = pytest.mark.e2e

Capsys = pytest.CaptureFixture[str]
Spoil = Callable[[Path, Path], None]
NIFTI_SHAPE_AT, NIFTI_PIXDIM_AT = 42, 80
"""Places of dim[1] and pixdim[1] in a NIfTI-1 header, in bytes."""


def _image(good: Path) -> nib.Nifti1Image:
    return nib.load(good)


def _save(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(data, affine), path)


def missing(path: Path, good: Path) -> None:
    path.symlink_to(good.parent / "content-that-was-never-fetched")


def truncated(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[:-300])


def flat(path: Path, good: Path) -> None:
    image = _image(good)
    _save(path, np.asarray(image.dataobj)[:, :, 5], image.affine)


def four_dimensional(path: Path, good: Path) -> None:
    image = _image(good)
    data = np.asarray(image.dataobj)
    _save(path, np.stack([data, data], axis=3), image.affine)


def one_slice(path: Path, good: Path) -> None:
    image = _image(good)
    _save(path, np.asarray(image.dataobj)[:1], image.affine)


def all_nan(path: Path, good: Path) -> None:
    image = _image(good)
    _save(path, np.full(image.shape, np.nan, np.float32), image.affine)


def zeros(path: Path, good: Path) -> None:
    image = _image(good)
    _save(path, np.zeros(image.shape, np.int16), image.affine)


def constant(path: Path, good: Path) -> None:
    image = _image(good)
    _save(path, np.full(image.shape, 7, np.uint8), image.affine)


def sheared(path: Path, good: Path) -> None:
    image = _image(good)
    affine = image.affine.copy()
    affine[0, 1] += 1.0
    _save(path, np.asarray(image.dataobj), affine)


def _with_header(path: Path, good: Path, form: str, place: int, *values: float) -> None:
    stored = bytearray(_image(good).to_bytes())
    struct.pack_into(form, stored, place, *values)
    path.write_bytes(bytes(stored))


def huge(path: Path, good: Path) -> None:
    _with_header(path, good, "<3h", NIFTI_SHAPE_AT, 4000, 4000, 2000)


def zero_spacing(path: Path, good: Path) -> None:
    _with_header(path, good, "<f", NIFTI_PIXDIM_AT, 0.0)


def negative_spacing(path: Path, good: Path) -> None:
    _with_header(path, good, "<f", NIFTI_PIXDIM_AT, -2.0)


BAD: dict[Spoil, tuple[str, str, str]] = {
    missing: (".nii.gz", "SHAPE", "leads nowhere"),
    truncated: (".nii.gz", "SHAPE", "damaged"),
    flat: (".nii.gz", "SHAPE", "2 dimensions"),
    four_dimensional: (".nii.gz", "SHAPE", "--average-4d"),
    one_slice: (".nii.gz", "SHAPE", "single slice"),
    all_nan: (".nii.gz", "EMPTY", "no finite voxel"),
    zeros: (".nii.gz", "EMPTY", "every voxel is 0"),
    constant: (".nii", "EMPTY", "every voxel is 7"),
    sheared: (".nii.gz", "SHAPE", "sheared"),
    huge: (".nii", "SHAPE", "which the file cannot hold"),
    zero_spacing: (".nii", "SHAPE", "not positive"),
    negative_spacing: (".nii", "SHAPE", "not positive"),
}
"""Extension of the file, code of the scan, and words of the reason."""


@pytest.mark.parametrize("plugin", ["Linear", "MultiProc"])
def test_every_bad_scan_beside_a_good_one(
    app: App, golden: dict[str, bytes], capsys: Capsys, plugin: str
) -> None:
    good = app.bids / "sub-b/ses-1/anat/sub-b_ses-1_T2w.nii.gz"
    (app.bids / "sub-a/anat/sub-a_acq-sag_T2w.nii.gz").unlink()
    paths: dict[Spoil, Path] = {}
    for spoil, (extension, _, _) in BAD.items():
        name = "sub-" + spoil.__name__.replace("_", "")
        paths[spoil] = app.bids / name / f"{name}_T2w{extension}"
        paths[spoil].parent.mkdir()
        spoil(paths[spoil], good)
    assert app(capsys, "--plugin", plugin) == 3
    rows = app.rows()
    assert len(rows) == 1 + len(BAD)
    for spoil, (extension, code, words) in BAD.items():
        row = rows[paths[spoil].name.removesuffix(extension)]
        assert row["code"] == code, row
        assert words in row["reason"]
        assert str(paths[spoil]) in row["reason"]
        assert row["reason"].rpartition("]")[2].strip(), f"no remedy: {row['reason']}"
    assert rows["sub-b_ses-1_T2w"]["code"] == "OK"
    assert app.results() == only(golden, "sub-b")
    assert app.last_line.startswith(f"{len(BAD)} of {len(rows)} scans failed")
