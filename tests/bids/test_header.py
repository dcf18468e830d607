from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.bids.header import read_header
from spineps_nipype.bids.sidecars import bids_uri, scan_metadata
from spineps_nipype.errors import InputError


def write(path: Path, affine: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.float32), affine), path)
    return path


def test_grid_of_a_scan(tmp_path: Path) -> None:
    affine = np.array([[0, 0, -3.3, 0], [-0.9, 0, 0, 0], [0, -0.5, 0, 0], [0, 0, 0, 1.0]])
    header = read_header(write(tmp_path / "a.nii.gz", affine))
    assert header.shape == (4, 5, 6)
    assert header.zooms == pytest.approx((0.9, 0.5, 3.3))
    assert header.axis_codes == ("P", "I", "L")


def test_a_truncated_body_is_not_noticed_here(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nii", np.eye(4))
    path.write_bytes(path.read_bytes()[:-100])
    assert read_header(path).shape == (4, 5, 6)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_header(tmp_path / "absent.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="leads nowhere"):
        read_header(tmp_path / "link.nii.gz")
    (tmp_path / "text.nii.gz").write_text("no image")
    with pytest.raises(InputError, match="damaged or not a NIfTI image"):
        read_header(tmp_path / "text.nii.gz")


def test_sources_are_bids_uris() -> None:
    assert bids_uri("/b/sub-x/sub-x_T2w.nii.gz", "/b") == "bids:raw:sub-x/sub-x_T2w.nii.gz"
    assert bids_uri("/c/a.nii.gz", "/b") == "a.nii.gz"
    entries = scan_metadata("/b/a.nii.gz", "/b", notes=["said"])
    assert entries["Sources"] == ["bids:raw:a.nii.gz"]
    assert entries["Notes"] == ["said"]
    assert "nipype" in entries["Versions"]
    assert "Notes" not in scan_metadata("/b/a.nii.gz", "/b")
