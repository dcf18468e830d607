"""Cases of SPINEPS: four coded vertebrae that tiny networks segment exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np

from ..tiny_packages import KINDS, write_packages, write_scan
from .lab import Lab
from .record import Case
from .words import CORRECTED_MASKS, FIXED_NAMES

SCAN: Final = "sub-a/anat/sub-a_acq-sag_T2w.nii.gz"
STEM: Final = "sub-a/anat/sub-a_acq-sag_mod-T2w_seg"
RAW: Final = "sub-a/anat/output_raw_T2w/sub-a_acq-sag_mod-T2w_seg"
NETWORKS: Final = tuple(
    word for kind in KINDS for word in (f"--model-{kind}", f"{{lab}}/models/tiny_{kind}")
)
QUICK: Final = "--no-proc-sem-n4-bias-correction"
EXTRAS: Final = (
    *("--save-probseg", "--save-uncertainty", "--save-softmax-logits"),
    *("--save-modelres-mask", "--save-debug-data"),
)
BIDS_LAYOUT: Final = ("--output-layout", "bids")
STORED: Final = {
    "raw-spine": f"{RAW}-spine-raw_msk.nii.gz",
    "raw-vert": f"{RAW}-vert-raw_msk.nii.gz",
    "spine": f"{STEM}-spine_msk.nii.gz",
    "vert": f"{STEM}-vert_msk.nii.gz",
    "ctd": f"{STEM}-spine_ctd.json",
    "snapshot": f"{STEM}-spine_snp.png",
    "snapshot-copy": "snaps_seg/*.png",
    "metrics": f"{STEM}-spine_metrics.tsv",
    "checks": f"{STEM}-spine_checks.tsv",
    "labels": f"{STEM}-vert_labels.tsv",
    "evidence": f"{STEM}-spine_evidence.tsv",
    "sidecar-of-vert": f"{STEM}-vert_msk.json",
    "sidecar-of-raw-spine": f"{RAW}-spine-raw_msk.json",
    "description": "dataset_description.json",
}
"""Stored results of the layout of SPINEPS."""


def make_lab(root: Path) -> Lab:
    """A dataset of one scan, and the three networks."""
    lab = Lab(root, (*NETWORKS, QUICK))
    write_packages(lab.models)
    write_scan(lab.bids / SCAN)
    return lab


def _without_lowest_label(lab: Lab, name: str, target: Path) -> None:
    """A mask as a reader might correct it."""
    image = nib.load(lab.out / name)
    data = np.asarray(image.dataobj).copy()
    data[data == np.unique(data[data > 0])[0]] = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, image.affine, image.header), target)


def _correct_spine(lab: Lab) -> None:
    _without_lowest_label(lab, STORED["spine"], lab.root / "mine" / STORED["spine"])


def _correct_vert(lab: Lab) -> None:
    _without_lowest_label(lab, STORED["vert"], lab.root / "mine" / STORED["vert"])


def _correct_both(lab: Lab) -> None:
    _correct_spine(lab)
    _correct_vert(lab)


def _edit_vert(lab: Lab) -> None:
    _without_lowest_label(lab, STORED["vert"], lab.out / STORED["vert"])


def _edit_raw_vert(lab: Lab) -> None:
    _without_lowest_label(lab, STORED["raw-vert"], lab.out / STORED["raw-vert"])


def _fix_names(lab: Lab) -> None:
    table = lab.root / "names" / "names.tsv"
    table.parent.mkdir()
    table.write_text("scan\tname\tx\ty\tz\nsub-a_acq-sag_T2w\tT9\t2\t8\t36\n")


def _write_twins(lab: Lab) -> None:
    """A dataset of two scans that differ in their last word only."""
    for word in ("T1w", "T2w"):
        write_scan(lab.root / "twins" / SCAN.replace("T2w", word))


CORRECTIONS: Final = (CORRECTED_MASKS, "mine={lab}/mine")
NAMES: Final = (FIXED_NAMES, "{lab}/names/names.tsv")

CASES: Final = (
    Case("fresh"),
    Case("again", start="fresh"),
    *(
        Case(f"override-{phase}", (f"--override-{phase}",), "fresh", with_work=True)
        for phase in ("semantic", "instance", "postpair", "ctd")
    ),
    *(Case(f"lost-{name}", start="fresh", lose=(path,)) for name, path in STORED.items()),
    Case("lost-all-but-raw", start="fresh", lose=(f"{STEM}-*",)),
    Case("edited-vert", start="fresh", prepare=_edit_vert),
    Case("edited-raw-vert", start="fresh", prepare=_edit_raw_vert),
    Case("corrected-spine", CORRECTIONS, "fresh", prepare=_correct_spine),
    Case("corrected-vert", CORRECTIONS, "fresh", prepare=_correct_vert),
    Case("corrected-both", CORRECTIONS, "fresh", prepare=_correct_both),
    Case("fixed-names", NAMES, "fresh", prepare=_fix_names),
    Case("other-instance-options", ("--proc-inst-largest-k-cc", "2"), "fresh"),
    Case("other-options-reuse-any", ("--proc-inst-largest-k-cc", "2", "--reuse", "any"), "fresh"),
    Case("points-of-bodies", ("--poi-points", "bodies"), "fresh"),
    Case("without-names", ("--model-labeling", "none"), "fresh"),
    Case("numerics-2.1.3", ("--numerics", "spineps-2.1.3"), "fresh"),
    Case("numerics-seed", ("--numerics", "seed"), "fresh"),
    Case("crop-box", ("--crop-box", ":,:,0:70"), "fresh"),
    Case("without-raw", ("--no-save-raw",)),
    Case("extras", EXTRAS),
    Case("extras-again", EXTRAS, "extras"),
    Case("extras-lost-probseg", EXTRAS, "extras", lose=(f"{RAW}-spine_probseg.nii.gz",)),
    Case("extras-lost-modelres", EXTRAS, "extras", lose=(f"{RAW}-spine-modelres_msk.nii.gz",)),
    Case("extras-lost-debug", EXTRAS, "extras", lose=("sub-a/anat/debug_T2w/*",)),
    Case("bids", BIDS_LAYOUT),
    Case("bids-again", BIDS_LAYOUT, "bids"),
    Case("bids-override-instance", (*BIDS_LAYOUT, "--override-instance"), "bids", with_work=True),
    Case("bids-lost-vert", BIDS_LAYOUT, "bids", lose=("sub-a/anat/*_seg-vert_dseg.nii.gz",)),
    Case("bids-extras", (*BIDS_LAYOUT, *EXTRAS), "bids"),
    Case(
        "bids-twins",
        (*BIDS_LAYOUT, "--modalities", "T1w", "T2w"),
        prepare=_write_twins,
        dataset="twins",
    ),
    Case("own-folder", ("--pipeline", "spineps")),
    Case("group", start="fresh", run=Lab.group),
)
