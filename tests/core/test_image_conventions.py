"""Stored images lie at the same place for every program that reads their header its own way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.eulerangles import euler2mat
from TPTBox import NII

from spineps_nipype.core.images import load_mask, save_nii

SHAPE = (6, 5, 4)
PLACES = np.array([(0, 0, 0), (5, 0, 0), (0, 4, 0), (0, 0, 3), (2, 3, 1)], float)


def in_the_world(affine: Any) -> Any:
    """World coordinates of some voxels [mm, RAS+]."""
    return nib.affines.apply_affine(affine, PLACES)


@given(
    flip=st.tuples(*[st.sampled_from((-1, 1))] * 3),
    order=st.permutations((0, 1, 2)),
    angles=st.tuples(*[st.floats(-0.7, 0.7)] * 3),
    zooms=st.tuples(*[st.floats(0.3, 6)] * 3),
    seg=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_programs_agree_where_an_image_lies(
    flip: Any, order: Any, angles: Any, zooms: Any, seg: bool, tmp_path_factory: Any
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = euler2mat(*angles) @ np.diag(np.multiply(flip, zooms))[:, list(order)]
    affine[:3, 3] = (-90, 120, 430)
    array = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.uint8 if seg else np.float32)
    folder = tmp_path_factory.mktemp("image")
    path = save_nii(NII.from_numpy(array, affine, seg), folder / "image.nii.gz")
    image = nib.load(path)
    world = in_the_world(affine)
    # nibabel and FreeView take the sform, FSL and SPM too; ITK-SNAP and 3D Slicer (ITK) the qform.
    for code, stated in ((image.header["sform_code"], image.get_sform()),
                         (image.header["qform_code"], image.get_qform())):  # fmt: skip
        assert code > 0
        np.testing.assert_allclose(in_the_world(stated), world, atol=2e-3)
    assert image.header["sform_code"] == image.header["qform_code"]
    assert image.header.get_xyzt_units()[0] == "mm"
    by_itk = sitk.ReadImage(str(path))
    lps = [by_itk.TransformContinuousIndexToPhysicalPoint(place.tolist()) for place in PLACES]
    np.testing.assert_allclose(np.multiply(lps, (-1, -1, 1)), world, atol=2e-3)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(by_itk).T, array)
    np.testing.assert_allclose(in_the_world(NII.load(path, seg).affine), world, atol=2e-3)


@pytest.mark.parametrize("name", ["mask.nii", "mask.nii.gz"])
def test_itk_reads_and_writes_a_mask_without_a_change(name: str, tmp_path: Path) -> None:
    """As ITK-SNAP or 3D Slicer do it when somebody opens and saves it."""
    affine = np.array([[0, 0, 3.3, -9], [-0.9, 0, 0, 20], [0, -0.9, 0, 300], [0, 0, 0, 1.0]])
    array = (np.arange(np.prod(SHAPE)) % 230).reshape(SHAPE).astype(np.uint8)
    path = save_nii(NII.from_numpy(array, affine, True), tmp_path / name)
    sitk.WriteImage(sitk.ReadImage(str(path)), str(tmp_path / f"saved-{name}"))
    back = load_mask(tmp_path / f"saved-{name}")
    np.testing.assert_array_equal(back.get_array(), array)
    np.testing.assert_allclose(back.affine, affine, atol=1e-4)
