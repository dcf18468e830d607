"""Scans whose vertebrae SPINEPS names surely: who is taken, and with which names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.anatomy import CORPUS_BORDER, SACRUM, VERTEBRA_NAMES
from spineps_nipype.core.tables import write_rows
from training.common.surely_named import surely_named_scans

LUMBAR = (20, 21, 22, 23, 24)
STEP = 14


def write_scan(
    root: Path, subject: str, labels: Sequence[int] = LUMBAR, confidence: float = 0.95
) -> None:
    """A scan with one block a vertebra from top to bottom, and what SPINEPS made of it."""
    vert = np.zeros((24, STEP * (len(labels) + 1), 12), np.uint8)
    for place, label in enumerate((*labels, SACRUM)):
        vert[4:20, place * STEP + 2 : place * STEP + 12, 2:10] = label
    spine = np.where(vert > 0, CORPUS_BORDER, 0).astype(np.uint8)
    affine = np.zeros((4, 4))
    affine[1, 0] = affine[2, 1] = -1.5
    affine[0, 2], affine[3, 3] = 1.5, 1
    stem = f"{subject}_acq-sag"
    files = {
        root / "bids" / subject / "anat" / f"{stem}_T2w.nii.gz": vert.astype(np.float32),
        root / "out" / subject / "anat" / f"{stem}_mod-T2w_seg-spine_msk.nii.gz": spine,
        root / "out" / subject / "anat" / f"{stem}_mod-T2w_seg-vert_msk.nii.gz": vert,
    }
    for path, array in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(array, affine), path)
    rows = [{"name": VERTEBRA_NAMES[n], "confidence": confidence} for n in labels]
    table = root / "out" / subject / "anat" / f"{stem}_mod-T2w_seg-vert_labels.tsv"
    write_rows(rows, table)


def taken(root: Path) -> list[str]:
    return [scan.subject for scan in surely_named_scans(root / "bids", root / "out")]


def test_a_sure_scan_has_its_bodies_by_name(tmp_path: Path) -> None:
    write_scan(tmp_path, "sub-001")
    (scan,) = surely_named_scans(tmp_path / "bids", tmp_path / "out")
    assert scan.names == {n: VERTEBRA_NAMES[n] for n in LUMBAR}
    assert set(np.unique(scan.bodies)) == {0, *LUMBAR}
    assert scan.image.shape == scan.bodies.shape
    assert scan.spacing == pytest.approx((1.5, 1.5, 1.5))
    assert np.array_equal(scan.bodies[scan.bodies > 0], scan.image[scan.bodies > 0])


def test_others_are_left_out(tmp_path: Path) -> None:
    write_scan(tmp_path, "sub-001", confidence=0.7)
    write_scan(tmp_path, "sub-002", labels=(19, 20, 22, 23, 24))  # with a gap
    write_scan(tmp_path, "sub-003", labels=(17, 18, 19, 20, 21))  # L5 is not in view
    write_scan(tmp_path, "sub-004", labels=LUMBAR[1:])
    assert taken(tmp_path) == []


def test_subjects_that_only_judge_are_left_out(tmp_path: Path) -> None:
    write_scan(tmp_path, "sub-007")
    write_scan(tmp_path, "sub-085")
    write_scan(tmp_path, "sub-009")
    assert taken(tmp_path) == ["sub-009"]
