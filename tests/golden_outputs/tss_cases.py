"""Cases of TotalSpineSeg: a lumbar spine of blocks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np

from ..tiny_packages import save_scan
from ..totalspineseg.block_spine import DISCS, raw_spine
from ..totalspineseg.tiny_weights import scan_of, write_release
from .lab import Lab
from .record import Case
from .words import NUMERICS, OVERRIDES

AFFINE: Final = np.array([[1, 0, 0, -10], [0, 1, 0, 20], [0, 0, 1, -300], [0, 0, 0, 1.0]])
LUMBAR: Final = DISCS[-5:]
SCAN: Final = "sub-a/anat/sub-a_T2w.nii.gz"
HOME: Final = "totalspineseg"
FOLDERS: Final = (
    *("input", "preview", "step1_raw", "step1_output", "step1_levels"),
    *("step2_input", "step2_raw", "step2_output"),
)


def write_blocks(path: Path, landmarks: tuple[int, ...] = (91, 100)) -> None:
    """The scan of a spine of blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_scan(scan_of(raw_spine(LUMBAR, landmarks)), AFFINE, path)


def make_lab(root: Path) -> Lab:
    """A dataset of one scan, and the networks of both steps."""
    lab = Lab(root, ("--pipeline", "totalspineseg", "--tss-data", "{lab}/models"))
    write_release(lab.models, "r20241115")
    write_blocks(lab.bids / SCAN)
    return lab


def _localizer(lab: Lab) -> None:
    """A labelled result of the same scan, one level higher."""
    source = nib.load(lab.out / HOME / "step2_output" / "sub-a_T2w.nii.gz")
    data = np.asarray(source.dataobj).copy()
    shifted = np.where((data > 91) & (data < 96), data - 1, data)
    target = lab.root / "loc" / "sub-a_T2w.nii.gz"
    target.parent.mkdir()
    nib.save(nib.Nifti1Image(shifted, source.affine, source.header), target)
    shutil.rmtree(lab.out)


def _no_landmarks(lab: Lab) -> None:
    """A dataset of a scan without a disc that names a level."""
    write_blocks(lab.root / "unnamed" / SCAN, ())


CASES: Final = (
    Case("fresh"),
    Case("again", start="fresh"),
    Case("override", (OVERRIDES[HOME],), "fresh", with_work=True),
    *(Case(f"lost-{f}", start="fresh", lose=(f"{HOME}/{f}/*",)) for f in FOLDERS),
    Case("lost-sidecar-of-step2", start="fresh", lose=(f"{HOME}/step2_output/sub-a_T2w.json",)),
    Case("lost-step1-with-work", start="fresh", with_work=True, lose=(f"{HOME}/step1_raw/*",)),
    Case("original-rules", (NUMERICS["totalspineseg"], "original"), "fresh"),
    Case("keep-only-outputs", ("--keep-only", "step1_output", "step2_output")),
    Case("step1-only", ("--step1",)),
    Case("fine-grid", ("--iso",)),
    Case("localizer", ("--loc", "{lab}/loc"), "fresh", prepare=_localizer),
    Case("unnamed", prepare=_no_landmarks, dataset="unnamed"),
    Case(
        "unnamed-named",
        ("--default-superior-disc", "92"),
        prepare=_no_landmarks,
        dataset="unnamed",
    ),
    Case("group", start="fresh", run=Lab.group),
)
