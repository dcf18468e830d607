"""The dataset of synthetic spines."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from benchmarks.phantoms import main
from spineps_nipype.phantom.views import KINDS, VIEWS


def test_scans_with_masks_by_kind(tmp_path: Path) -> None:
    assert main([str(tmp_path), "--kinds", "neck", "--count", "1"]) == 0
    image = nib.load(tmp_path / "sub-neck2000" / "anat" / "sub-neck2000_acq-sag_T2w.nii.gz")
    masks = tmp_path / "derivatives" / "phantom" / "sub-neck2000" / "anat"
    vert = nib.load(masks / "sub-neck2000_acq-sag_seg-vert_dseg.nii.gz")
    assert vert.shape == image.shape
    assert set(range(1, 11)) <= set(np.unique(vert.dataobj).tolist())
    assert set(KINDS) == {"lumbar", "whole", "neck", "fractures", "scoliosis"}
    assert set(KINDS) <= set(VIEWS)
