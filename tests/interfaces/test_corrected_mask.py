"""Masks that a reader corrected in another program come back whatever form it gave them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from nibabel.eulerangles import euler2mat
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray
from TPTBox import NII

from spineps_nipype.core.images import save_nii
from spineps_nipype.errors import EmptyResultError, InputError
from spineps_nipype.interfaces import CorrectedMask

SHAPE = (5, 30, 24)
AFFINE = np.eye(4)
AFFINE[:3, :3] = euler2mat(0.05, -0.1, 0.2) @ np.diag((3.3, -0.9, -0.9))
AFFINE[:3, 3] = (-8, 20, 300)
"""A sagittal scan, somewhat oblique."""


def labels() -> NDArray[np.uint8]:
    array = np.zeros(SHAPE, np.uint8)
    array[1:4, 3:9, 5:20] = 20
    array[1:4, 10:14, 4:19] = 120
    array[2, 15:20, 3:12] = 224
    return array


def nifti(array: NDArray[Any], affine: NDArray[Any] = AFFINE) -> nib.Nifti1Image:
    return nib.Nifti1Image(array, affine, dtype=array.dtype)


def turned(image: nib.Nifti1Image, codes: str) -> nib.Nifti1Image:
    """The same image with its axes in another order and direction."""
    wanted = axcodes2ornt(tuple(codes))
    return image.as_reoriented(ornt_transform(io_orientation(image.affine), wanted))


def noisy(folder: Path) -> Path:
    """Floats that a filter has gone over."""
    noise = np.random.default_rng(0).uniform(-1e-3, 1e-3, SHAPE)
    nib.save(nifti((labels() + noise).astype(np.float32)), folder / "m.nii.gz")
    return folder / "m.nii.gz"


def scaled(folder: Path) -> Path:
    """Small integers with a slope, as some programs store floats."""
    image = nifti(labels().astype(np.float64))
    image.set_data_dtype(np.int16)
    nib.save(image, folder / "m.nii.gz")
    assert nib.load(folder / "m.nii.gz").dataobj.slope != 1
    return folder / "m.nii.gz"


def radiological(folder: Path) -> Path:
    nib.save(turned(nifti(labels()), "LPS"), folder / "m.nii.gz")
    return folder / "m.nii.gz"


def canonical(folder: Path) -> Path:
    nib.save(nib.as_closest_canonical(nifti(labels())), folder / "m.nii")
    return folder / "m.nii"


def by_simpleitk(folder: Path) -> Path:
    """Read and written by ITK, as ITK-SNAP and 3D Slicer do: its codes, its axis order, floats."""
    nib.save(nifti(labels()), folder / "own.nii.gz")
    image = sitk.DICOMOrient(sitk.ReadImage(str(folder / "own.nii.gz"), sitk.sitkFloat32), "RAI")
    sitk.WriteImage(image, str(folder / "m.nii.gz"), useCompression=True)
    return folder / "m.nii.gz"


def with_sform_only(folder: Path) -> Path:
    image = nifti(labels())
    image.set_qform(None, code=0)
    image.set_sform(AFFINE, code=2)
    nib.save(image, folder / "m.nii.gz")
    return folder / "m.nii.gz"


def in_many_blocks(folder: Path) -> Path:
    """Compressed in blocks, as parallel programs do it."""
    content = nifti(labels()).to_bytes()
    blocks = [content[i : i + 700] for i in range(0, len(content), 700)]
    (folder / "m.nii.gz").write_bytes(b"".join(map(gzip.compress, blocks)))
    return folder / "m.nii.gz"


def with_a_fourth_axis(folder: Path) -> Path:
    nib.save(nifti(labels()[..., None]), folder / "m.nii.gz")
    return folder / "m.nii.gz"


def rounded(folder: Path) -> Path:
    """With the few digits that a text format keeps."""
    nib.save(nifti(labels(), AFFINE.round(2)), folder / "m.nii.gz")
    return folder / "m.nii.gz"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    grey = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    return save_nii(NII.from_numpy(grey, AFFINE, False), tmp_path / "scan.nii.gz")


FORMS = (
    *(noisy, scaled, radiological, canonical, by_simpleitk),
    *(with_sform_only, in_many_blocks, with_a_fourth_axis, rounded),
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_correction_in_any_form_is_that_of_the_reader(
    form: Callable[[Path], Path], reference: Path, tmp_path: Path
) -> None:
    given = form(tmp_path)
    mask = CorrectedMask(in_file=str(given), reference=str(reference))
    stored = nib.load(mask.run(cwd=str(tmp_path)).outputs.out_file)
    np.testing.assert_array_equal(np.asarray(stored.dataobj), labels())
    np.testing.assert_array_equal(stored.affine, nib.load(reference).affine)
    assert stored.get_data_dtype() == np.uint8


def test_vertebrae_only_also_from_another_axis_order(reference: Path, tmp_path: Path) -> None:
    mask = CorrectedMask(
        in_file=str(radiological(tmp_path)), reference=str(reference), vertebrae_only=True
    )
    stored = nib.load(mask.run(cwd=str(tmp_path)).outputs.out_file)
    np.testing.assert_array_equal(np.asarray(stored.dataobj), np.where(labels() == 20, 20, 0))


@pytest.mark.parametrize(
    ("change", "fault", "words"),
    [
        (lambda a: (a[:, :-1], AFFINE), InputError, "not on the grid"),
        (lambda a: (a, AFFINE + np.eye(4, k=3)), InputError, "not on the grid"),
        (lambda a: (a / np.float32(3), AFFINE), InputError, "fractional"),
        (lambda a: (a * 0, AFFINE), EmptyResultError, "empty"),
    ],
)
def test_a_mask_that_cannot_be_meant(
    change: Any, fault: type[Exception], words: str, reference: Path, tmp_path: Path
) -> None:
    nib.save(nifti(*change(labels())), tmp_path / "m.nii.gz")
    mask = CorrectedMask(in_file=str(tmp_path / "m.nii.gz"), reference=str(reference))
    with pytest.raises(fault, match=words):
        mask.run(cwd=str(tmp_path))
