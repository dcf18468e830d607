"""The command line on a SLURM cluster of two nodes, each with a GPU that is none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.workflows.app.participant import run_system
from spineps_nipype.workflows.cli import main
from spineps_nipype.workflows.systems.scan_jobs import ScanJob
from spineps_nipype.workflows.systems.spineps import SpinepsSystem

from .conftest import App, only, write_dataset
from .slurm_programs import SlurmPrograms

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Capsys = pytest.CaptureFixture[str]
COMPUTE = {
    *("conform", "spine_crop", "preprocess", "semantic", "instance", "post_process"),
    *("label_vertebrae", "finalize_masks", "centroids", "snapshot", "measure"),
}
NETWORKS = {"spine_crop", "semantic", "instance", "label_vertebrae"}
SCANS = {
    "sub-a/anat/sub-a_acq-sag_T2w.nii.gz",
    "sub-b/ses-1/anat/sub-b_ses-1_T2w.nii.gz",
    "sub-c/anat/sub-c_T2w.nii.gz",
    "sub-d/anat/sub-d_T2w.nii.gz",
}


def four_scans(root: Path) -> Path:
    write_dataset(root)
    first = root / "sub-a/anat/sub-a_acq-sag_T2w.nii.gz"
    for name in SCANS:
        if not (root / name).exists():
            (root / name).parent.mkdir(parents=True)
            shutil.copy(first, root / name)
    return root


@pytest.fixture(scope="module")
def by_processes(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> dict[str, bytes]:
    """Results of MultiProc."""
    folder = tmp_path_factory.mktemp("processes")
    whole = App(four_scans(folder / "bids"), folder / "out", folder / "work", tiny_models)
    assert main(whole.arguments()) == 0
    return whole.results()


@pytest.fixture
def cluster_app(tmp_path: Path, tiny_models: Path) -> App:
    """Four scans, with spaces in the names of all folders."""
    place = tmp_path / "my data"
    return App(four_scans(place / "bids"), place / "out", place / "work", tiny_models)


def nodes_of(slurm: SlurmPrograms) -> dict[str, set[str]]:
    """Submitted nodes of each scan."""
    found: dict[str, set[str]] = {}
    for name in slurm.jobs():
        scan, *_, node = name.split(".")
        found.setdefault(scan, set()).add(node)
    return found


class WithGpu(SpinepsSystem):
    """Networks ask for a GPU, and run without it: there is none."""

    def workflow(self, job: ScanJob, *, device: str, omp_nthreads: int) -> Any:
        assert device == "cuda"
        workflow = super().workflow(job, device="cpu", omp_nthreads=omp_nthreads)
        for name in NETWORKS:
            workflow.get_node(f"spineps_wf.{name}").inputs.use_gpu = True
        return workflow


def test_a_cancelled_job_fails_its_scan_and_a_new_run_finishes_it(
    cluster_app: App, slurm: SlurmPrograms, by_processes: dict[str, bytes], capsys: Capsys
) -> None:
    app = cluster_app
    slurm.cancel("scan_sub_b_ses_1_T2w.spineps_wf.instance")
    quick = ("--plugin", "SLURM", "--omp-nthreads", "2", "--sbatch-args", "--time=30")
    options = app.options(
        *quick[:-2], "--sbatch-args=--time=30", "--gpu-sbatch-args=--comment=gpu"
    )
    assert run_system(options, lambda: WithGpu(options)).status == 3
    text = capsys.readouterr().out
    assert re.search(r"sub-b_ses-1_T2w \(UNKNOWN\): The job \d+ .* was cancelled", text)
    codes = {scan: row["code"] for scan, row in app.rows().items()}
    assert codes.pop("sub-b_ses-1_T2w") == "UNKNOWN"
    assert set(codes.values()) == {"OK"}
    for subject in ("sub-a", "sub-c", "sub-d"):
        assert only(app.results(), subject) == only(by_processes, subject)
    # Only what computes is submitted, and asks for what it needs.
    submitted = nodes_of(slurm)
    assert len(submitted) == 4
    assert submitted.pop("scan_sub_b_ses_1_T2w") < COMPUTE
    assert all(nodes == COMPUTE for nodes in submitted.values())
    for name, words in slurm.jobs().items():
        network = name.rpartition(".")[2] in NETWORKS
        assert ("--gres=gpu:1" in words) == ("--comment=gpu" in words) == network
        assert f"--cpus-per-task={2 if network else 1}" in words
        assert any(re.fullmatch(r"--mem=\d+M", word) for word in words)
        assert "--time=30" in words
    before = len(slurm.calls("sbatch"))
    assert app(capsys, *quick) == 0
    assert app.results() == by_processes
    again = slurm.jobs(since=before)
    assert {name.partition(".")[0] for name in again} == {"scan_sub_b_ses_1_T2w"}


def test_the_graph_is_waited_for(
    cluster_app: App, slurm: SlurmPrograms, by_processes: dict[str, bytes], capsys: Capsys
) -> None:
    app = cluster_app
    words = ("--plugin", "SLURMGraph", "--participant-label", "a")
    assert app(capsys, *words) == 0
    assert app.results() == only(by_processes, "sub-a")
    assert nodes_of(slurm) == {"scan_sub_a_acq_sag_T2w": COMPUTE}
    assert "All 1 scans are done." in app.last_line


def test_a_partition_that_is_not_there(
    cluster_app: App, slurm: SlurmPrograms, capsys: Capsys
) -> None:
    words = ("--plugin", "SLURM", "--sbatch-args", "--partition=nosuch")
    assert cluster_app(capsys, *words, "--participant-label", "a") == 3
    assert "invalid partition specified: nosuch" in cluster_app.last_line
    assert "--sbatch-args" in cluster_app.last_line
