"""Cases of the Python interface of SPINEPS, which writes the same files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from TPTBox import BIDS_FILE

from spineps_nipype.dropin import get_actual_model, process_dataset, process_img_nii
from spineps_nipype.settings import EngineSettings

from ..tiny_packages import KINDS, write_packages, write_scan
from .lab import THREADS, Lab
from .record import Case

HOME: Final = "derivatives_seg"
SCAN: Final = "rawdata/sub-a/anat/sub-a_acq-sag_T2w.nii.gz"
STEM: Final = "sub-a/anat/sub-a_acq-sag_mod-T2w_seg"
RAW: Final = "sub-a/anat/output_raw_T2w/sub-a_acq-sag_mod-T2w_seg"
STORED: Final = {
    "raw-spine": f"{RAW}-spine-raw_msk.nii.gz",
    "raw-vert": f"{RAW}-vert-raw_msk.nii.gz",
    "spine": f"{STEM}-spine_msk.nii.gz",
    "vert": f"{STEM}-vert_msk.nii.gz",
    "ctd": f"{STEM}-spine_ctd.json",
    "snapshot": f"{STEM}-spine_snp.png",
    "metrics": f"{STEM}-spine_metrics.tsv",
    "labels": f"{STEM}-vert_labels.tsv",
    "sidecar-of-vert": f"{STEM}-vert_msk.json",
}
EXTRAS: Final = ("save_modelres_mask", "save_softmax_logits", "save_debug_data")


def make_lab(root: Path) -> Lab:
    """A dataset as SPINEPS expects it, and the three networks."""
    lab = Lab(root)
    write_packages(lab.models)
    write_scan(lab.bids / SCAN)
    lab.out = lab.bids / HOME
    return lab


def _models(lab: Lab, kinds: tuple[str, ...] = KINDS) -> list[Any]:
    engine = EngineSettings(engine="torch")
    folders = (lab.models / f"tiny_{kind}" for kind in kinds)
    return [get_actual_model(folder, use_cpu=True, engine=engine) for folder in folders]


def _one(lab: Lab, options: Mapping[str, Any], kinds: tuple[str, ...] = KINDS) -> Any:
    scan = BIDS_FILE(lab.bids / SCAN, lab.bids, verbose=False)
    quick = {"proc_sem_n4_bias_correction": False}
    with _run_of_its_own():
        _, code = process_img_nii(scan, *_models(lab, kinds), **{**quick, **options})
    return code.name, ""


@contextmanager
def _run_of_its_own() -> Iterator[None]:
    """As many threads as on the command line, and a second that no other run has.

    Points carry the second they were made in: a file that stays the same is not written.
    """
    time.sleep(1 - time.time() % 1)
    before = torch.get_num_threads()
    torch.set_num_threads(int(THREADS))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _dataset(lab: Lab) -> Any:
    semantic, instance, labeling = _models(lab)
    with _run_of_its_own():
        found = process_dataset(
            lab.bids,
            instance,
            semantic,
            labeling,
            proc_sem_n4_bias_correction=False,
            save_log_data=False,
            snapshot_copy_folder=lab.out / "pictures",
        )
    return str(found).replace(str(lab.root), "<lab>"), ""


def _run(**options: Any) -> Any:
    return partial(_one, options=options)


CASES: Final = (
    Case("fresh", run=_run()),
    Case("again", start="fresh", run=_run()),
    *(
        Case(f"override-{phase}", start="fresh", run=_run(**{f"override_{phase}": True}))
        for phase in ("semantic", "instance", "postpair", "ctd")
    ),
    *(
        Case(f"lost-{name}", start="fresh", lose=(path,), run=_run())
        for name, path in STORED.items()
    ),
    Case("extras", run=_run(**dict.fromkeys(EXTRAS, True))),
    Case("other-options", start="fresh", run=_run(proc_inst_largest_k_cc=2)),
    Case("without-names", run=partial(_one, options={}, kinds=KINDS[:2])),
    Case("without-raw", run=_run(save_raw=False)),
    Case("numerics-2.1.3", run=_run(numerics="spineps-2.1.3")),
    Case("numerics-seed", run=_run(numerics="seed")),
    Case("dataset", run=_dataset),
)
