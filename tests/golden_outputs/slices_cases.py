"""Cases of spine-segmentation, and of its comparison with TotalSpineSeg: a spine of blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..spine_segmentation.tiny_onnx import write_networks
from ..totalspineseg.tiny_weights import write_release
from .lab import Lab
from .record import Case
from .tss_cases import SCAN, write_blocks
from .words import NUMERICS, OVERRIDES

HOME: Final = "spine-segmentation"
STEM: Final = f"{HOME}/sub-a/anat/sub-a_mod-T2w_seg"
STORED: Final = {
    "semantic": f"{STEM}-semantic_msk.nii.gz",
    "instance": f"{STEM}-instance_msk.nii.gz",
    "names": f"{STEM}-instance_dseg.tsv",
    "vertebrae": f"{STEM}-instance_labels.tsv",
    "sidecar": f"{STEM}-instance_msk.json",
}
BOTH: Final = "both"
OUTPUTS: Final = ("--keep-only", "step1_output", "step2_output")
CONSENSUS: Final = "consensus/sub-a/anat/sub-a_mod-T2w"


def make_slices_lab(root: Path) -> Lab:
    """A dataset of one scan, and two pairs of networks."""
    lab = _lab(root, "--pipeline", "spine-segmentation")
    write_networks(lab.models / "shifted", lowest=22)
    return lab


def make_both_lab(root: Path) -> Lab:
    """The same with the networks of TotalSpineSeg."""
    lab = _lab(root, "--pipeline", "totalspineseg", "spine-segmentation", *OUTPUTS)
    write_release(lab.models / "tss", "r20241115")
    return lab


def _lab(root: Path, *flags: str) -> Lab:
    more = ("--slice-models", "{lab}/models/onnx", "--no-resample")
    lab = Lab(root, (*flags, *more, "--tss-data", "{lab}/models/tss"))
    (lab.models / "tss").mkdir()
    write_networks(lab.models / "onnx")
    write_blocks(lab.bids / SCAN)
    return lab


SLICES: Final = (
    Case("fresh"),
    Case("again", start="fresh"),
    Case("override", (OVERRIDES[HOME],), "fresh", with_work=True),
    *(Case(f"lost-{name}", start="fresh", lose=(path,)) for name, path in STORED.items()),
    Case("other-networks", ("--slice-models", "{lab}/models/shifted"), "fresh"),
    Case("two-classes", ("--only-2class",), "fresh"),
    Case("one-shift", ("--naming", "shift"), "fresh"),
    Case("resampled", ("--resample",), "fresh"),
    Case("original-rules", (NUMERICS["spine-segmentation"], "original"), "fresh"),
    Case("group", start="fresh", run=Lab.group),
)
COMPARISON: Final = (
    Case("fresh"),
    Case("again", start="fresh"),
    Case("override", tuple(OVERRIDES.values()), "fresh", with_work=True),
    *(
        Case(f"lost-{name}", start="fresh", lose=(f"{CONSENSUS}_{name}.*",))
        for name in ("consensus", "overlap", "names")
    ),
    Case("group", start="fresh", run=Lab.group),
)
