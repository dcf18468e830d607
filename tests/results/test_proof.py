"""A corrected mask is judged on the grid that counts, as the scan itself is read."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.results.proof import mask_fault

AFFINE = np.array([[0, 0, 1.5, -5], [-1.5, 0, 0, 6], [0, -1.5, 0, 9], [0, 0, 0, 1.0]])
SHAPE = (6, 5, 4)


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.to_filename(path)
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return save(tmp_path / "scan.nii", np.ones(SHAPE, np.int16))


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    return save(tmp_path / "mask.nii.gz", np.full(SHAPE, 20, np.uint8))


def test_a_scan_whose_sform_is_empty(scan: Path, mask: Path, tmp_path: Path) -> None:
    """Its qform counts; nibabel alone would take the sform, which is no grid."""
    data = bytearray(scan.read_bytes())
    data[280:328] = bytes(48)
    scan.write_bytes(data)
    assert not nib.load(scan).affine[:3].any()
    assert mask_fault(mask, scan, None) == ""
    moved = save(tmp_path / "moved.nii", np.full(SHAPE, 20, np.uint8), AFFINE + np.eye(4, k=3))
    assert mask_fault(moved, scan, None) == "it is not on the grid of its scan"


def test_a_mask_that_is_not_compressed_though_its_name_says_so(scan: Path, mask: Path) -> None:
    mask.write_bytes(gzip.decompress(mask.read_bytes()))
    assert mask_fault(mask, scan, frozenset({20})) == ""


def test_a_mask_that_is_cut_off(scan: Path, mask: Path) -> None:
    mask.write_bytes(mask.read_bytes()[:-4])
    assert mask_fault(mask, scan, None).startswith("it cannot be read: The file is damaged")
