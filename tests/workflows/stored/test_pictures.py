"""When the pictures of a stored scan are drawn again."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from spineps_nipype.core.marks import picture_options
from spineps_nipype.reports.mosaic_layout import read_layout
from spineps_nipype.workflows.stored.pictures import draw_pictures, draw_thumbnail, pictures_of


@pytest.fixture
def scan(tmp_path: Path) -> Any:
    path = tmp_path / "bids" / "sub-1" / "anat" / "sub-1_T2w.nii.gz"
    path.parent.mkdir(parents=True)
    shape, affine = (20, 30, 10), np.diag([2.0, 2.0, 3.0, 1.0])
    grey = np.random.default_rng(0).random(shape).astype(np.float32)
    nib.save(nib.Nifti1Image(grey, affine), path)
    files = {}
    for key, label in (("spine", 49), ("vert", 20)):
        mask = np.zeros(shape, np.uint8)
        mask[8:14, 10:20, 3:7] = label
        files[key] = tmp_path / f"{key}.nii.gz"
        nib.save(nib.Nifti1Image(mask, affine), files[key])
    return SimpleNamespace(root=tmp_path / "out", scan=path, label="sub-1_T2w", files=files)


def test_a_mosaic_that_tells_no_layout_is_drawn_again(scan: Any) -> None:
    draw_pictures(scan)
    mosaic = pictures_of(scan).mosaic
    os.utime(mosaic, (2e9, 2e9))
    draw_pictures(scan)
    assert mosaic.stat().st_mtime == 2e9, "it is younger than the masks and stays"
    Image.new("RGB", (9, 9)).save(mosaic, **picture_options(mosaic))
    os.utime(mosaic, (2e9, 2e9))
    draw_pictures(scan)
    assert read_layout(mosaic) is not None


def test_the_thumbnail_shows_the_row_with_vertebrae(scan: Any) -> None:
    draw_pictures(scan)
    thumbnail = draw_thumbnail(scan)
    layout = read_layout(pictures_of(scan).mosaic)
    assert thumbnail is not None
    assert layout is not None
    with Image.open(thumbnail) as small:
        pixels = np.asarray(small.convert("RGB")).astype(int)
        assert small.width / small.height == pytest.approx(
            layout.width / layout.panel_height, rel=0.02
        )
    assert (np.ptp(pixels, axis=2) > 30).mean() > 0.02
