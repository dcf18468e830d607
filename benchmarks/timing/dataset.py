"""A whole dataset with two workers, compared with its scans one after another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.timing.inputs import write_scan
from spineps_nipype.bids.made_datasets import describe_made

WORKERS: Final = 2
CASE: Final = "lumbar"


@dataclass(frozen=True)
class DatasetRow:
    """One way to run the scans."""

    way: str
    scans: int
    wall: float


def measure_dataset(root: Path, scans: int) -> list[DatasetRow]:
    """Run phantoms with the embedded packages, one by one and all at once.

    Parameters
    ----------
    root
        Where the dataset is made and the results go.
    scans
        Number of phantoms; each is a subject with another seed.
    """
    bids = root / "dataset"
    names = [f"sub-{n + 1:02d}" for n in range(scans)]
    for seed, name in enumerate(names):
        path = bids / name / "anat" / f"{name}_acq-sag_T2w.nii.gz"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_scan(path, CASE, seed)
    describe_made(bids, "Phantoms")
    out = root / "dataset_out"
    shutil.rmtree(out, ignore_errors=True)
    single = [_timed(bids, out / name, [name], 1) for name in names]
    together = _timed(bids, out / "all", names, WORKERS)
    return [
        DatasetRow("one command a scan, 1 worker, 1 thread", scans, sum(single)),
        DatasetRow(f"one command, {WORKERS} workers", scans, together),
    ]


def _timed(bids: Path, out: Path, names: list[str], workers: int) -> float:
    """Wall seconds of one command; the processor time of its workers cannot be seen from here."""
    labels = [name.removeprefix("sub-") for name in names]
    command = [sys.executable, "-m", "spineps_nipype.workflows.cli", str(bids), str(out)]
    command += ["participant", "--participant-label", *labels, "--nprocs", str(workers)]
    command += ["--omp-nthreads", "1", "--work-dir", str(out / "work"), "--device", "cpu"]
    start = time.perf_counter()
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return time.perf_counter() - start


def dataset_table(rows: list[DatasetRow]) -> str:
    """Markdown table; the first row is what the others are compared with."""
    lines = ["| way | scans | wall s | one by one / wall |", "|---|---|---|---|"]
    for row in rows:
        ratio = f"{rows[0].wall / row.wall:.2f} ×"
        lines.append(f"| {row.way} | {row.scans} | {row.wall:.1f} | {ratio} |")
    return "\n".join(lines)
