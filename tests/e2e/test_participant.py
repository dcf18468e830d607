"""The whole command line on a small dataset: results, failures, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.anatomy import VERTEBRA_NAMES
from spineps_nipype.workflows.app.participant import run_system
from spineps_nipype.workflows.cli import main
from spineps_nipype.workflows.systems.scan_jobs import ScanJob
from spineps_nipype.workflows.systems.spineps import SpinepsSystem

from .conftest import App, only

pytestmark = pytest.mark.e2e

A = "sub-a/anat/sub-a_acq-sag_mod-T2w"
B = "sub-b/ses-1/anat/sub-b_ses-1_mod-T2w"
SCAN_A, SCAN_B = "sub-a_acq-sag_T2w", "sub-b_ses-1_T2w"
Capsys = pytest.CaptureFixture[str]


def expected(stem: str) -> set[str]:
    """Files of one scan: names of SPINEPS, a sidecar for each image."""
    folder, _, name = stem.rpartition("/")
    raw = f"{folder}/output_raw_T2w/{name}"
    return {
        f"{stem}_seg-spine_ctd.json",
        *(f"{stem}_seg-{kind}_msk{end}" for kind in ("spine", "vert") for end in MASK_ENDS),
        *(f"{stem}_seg-spine_snp{end}" for end in (".png", ".json")),
        *(f"{raw}_seg-{kind}-raw_msk{end}" for kind in ("spine", "vert") for end in MASK_ENDS),
        *(f"{stem}_seg-{kind}{end}" for kind in TABLES for end in (".tsv", ".json")),
    }


MASK_ENDS = (".nii.gz", ".json")
TABLES = ("vert_labels", "spine_evidence", "spine_metrics", "spine_checks")


def test_files_and_masks(golden: dict[str, bytes], tmp_path: Path) -> None:
    assert set(golden) == expected(A) | expected(B)
    path = tmp_path / "vert.nii.gz"
    path.write_bytes(golden[f"{A}_seg-vert_msk.nii.gz"])
    labels = set(np.unique(np.asarray(nib.load(path).dataobj)))
    assert len([label for label in labels if 0 < label < 26]) == 4
    sidecar = json.loads(golden[f"{A}_seg-vert_msk.json"])
    raw = "bids::sub-a/anat/output_raw_T2w/sub-a_acq-sag_mod-T2w_seg"
    assert sidecar["Sources"] == [
        "bids:raw:sub-a/anat/sub-a_acq-sag_T2w.nii.gz",
        *(f"{raw}-{kind}-raw_msk.nii.gz" for kind in ("spine", "vert")),
    ]
    assert sidecar["Device"] == "cpu"
    assert sidecar["Engine"] in ("torch", "openvino")
    assert sidecar["Provenance"]["Models"]["semantic"]["licence"] == "unknown"
    assert set(sidecar["LabelConfidence"]) <= set(label_names())
    columns = json.loads(golden[f"{A}_seg-spine_metrics.json"])
    assert columns["disc_height"]["Units"] == "mm"
    assert sidecar["Provenance"]["Models"]["semantic"]["id"] == "tiny_semantic"


def label_names() -> list[str]:
    return list(VERTEBRA_NAMES.values())


@pytest.mark.parametrize("layout", ["spineps", "bids"])
def test_both_layouts_are_valid_bids(app: App, capsys: Capsys, layout: str) -> None:
    """T1w and T2w of one acquisition, told apart; the official validator finds no error."""
    validator = shutil.which(VALIDATOR) or shutil.which(
        VALIDATOR, path=str(Path(nib.__file__).parents[4] / "bin")
    )
    if validator is None:
        pytest.skip(f"{VALIDATOR} is not installed")
    first = app.bids / "sub-a/anat/sub-a_acq-sag_T2w.nii.gz"
    (first.parent / "sub-a_acq-sag_T1w.nii.gz").write_bytes(first.read_bytes())
    chosen = ("--modalities", "T2w", "T1w", "--participant-label", "a", "--save-probseg")
    more = ("--ignore-inference-compatibility", "--output-layout", layout)
    assert app(capsys, "--plugin", "Linear", *chosen, *more) == 0
    names = {"spineps": "*_seg-vert_msk.nii.gz", "bids": "*_seg-vert_desc-T?w_dseg.nii.gz"}
    assert len(list((app.out / "sub-a/anat").glob(names[layout]))) == 2
    assert main([str(app.bids), str(app.out), "group"]) == 0
    assert (app.out / "group_scans.tsv").is_file()
    done = subprocess.run([validator, "--json", str(app.out)], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []


VALIDATOR = "bids-validator-deno"


def test_a_read_only_dataset(read_only: App, golden: dict[str, bytes], capsys: Capsys) -> None:
    """Processes give the same bytes as one process, and nothing is written beside the input."""
    assert read_only(capsys) == 0
    assert read_only.results() == golden
    rows = read_only.rows()
    assert {scan: row["code"] for scan, row in rows.items()} == {SCAN_A: "OK", SCAN_B: "OK"}
    assert all(float(row["seconds"]) > 0 for row in rows.values())
    assert all(float(row["peak_memory_gb"]) > 0.05 for row in rows.values())
    for end in ("spine_msk.nii.gz", "vert_msk.nii.gz", "spine_ctd.json", "spine_snp.png"):
        assert str(read_only.out / f"{A}_seg-{end}") in read_only.text
    assert read_only.last_line == "All 2 scans are done."
    (progress,) = read_only.out.glob("logs/*/progress.jsonl")
    events = [json.loads(line) for line in progress.read_text().splitlines()]
    assert events
    for name in ("dataset_description.json", "seg-spine_dseg.tsv", "seg-vert_dseg.tsv"):
        assert (read_only.out / name).is_file()


def test_nothing_is_written_into_the_dataset(app: App, capsys: Capsys) -> None:
    before = {path: path.stat().st_mtime_ns for path in app.bids.rglob("*")}
    assert app(capsys, "--plugin", "Linear", "--participant-label", "a") == 0
    assert {path: path.stat().st_mtime_ns for path in app.bids.rglob("*")} == before


def test_a_second_run_has_nothing_to_do(
    app: App, golden: dict[str, bytes], capsys: Capsys
) -> None:
    assert app(capsys, "--plugin", "Linear") == 0
    assert app(capsys, "--plugin", "Linear") == 0
    assert {row["code"] for row in app.rows().values()} == {"ALL_DONE"}
    assert app.results() == golden


def test_a_dry_run_changes_nothing(app: App, tmp_path: Path, capsys: Capsys) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert app(capsys, "--dry-run") == 0
    assert sorted(tmp_path.rglob("*")) == before
    assert SCAN_A in app.text
    assert "semantic" in app.text
    assert "not stored yet" in app.text
    assert "tiny_semantic" in app.text


def test_a_truncated_scan_beside_a_good_one(
    app: App, golden: dict[str, bytes], capsys: Capsys
) -> None:
    scan = app.bids / "sub-a/anat/sub-a_acq-sag_T2w.nii.gz"
    scan.write_bytes(scan.read_bytes()[:-400])
    assert app(capsys) == 3
    rows = app.rows()
    assert rows[SCAN_A]["code"] == "SHAPE"
    assert str(scan) in rows[SCAN_A]["reason"]
    assert rows[SCAN_B]["code"] == "OK"
    assert app.results() == only(golden, B)
    assert app.last_line.startswith("1 of 2 scans failed")
    assert SCAN_A in app.last_line


def test_a_file_that_is_no_image(app: App, golden: dict[str, bytes], capsys: Capsys) -> None:
    (app.bids / "sub-a/anat/sub-a_acq-sag_T2w.nii.gz").write_text("no image")
    assert app(capsys, "--plugin", "Linear") == 3
    assert app.rows()[SCAN_A]["code"] == "SHAPE"
    assert app.results() == only(golden, B)


def test_a_constant_scan_is_empty(app: App, capsys: Capsys) -> None:
    path = app.bids / "sub-a/anat/sub-a_acq-sag_T2w.nii.gz"
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.zeros(image.shape, np.float32), image.affine), path)
    assert app(capsys, "--plugin", "Linear", "--participant-label", "a") == 3
    assert app.rows()[SCAN_A]["code"] == "EMPTY"


def test_a_scan_of_another_plane_does_not_fit(app: App, capsys: Capsys) -> None:
    path = app.bids / "sub-b/ses-1/anat/sub-b_ses-1_T2w.nii.gz"
    image = nib.load(path)
    affine = image.affine @ np.diag([0.25, 1.0, 4.0, 1.0])
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    assert app(capsys, "--plugin", "Linear", "--participant-label", "b") == 3
    row = app.rows()[SCAN_B]
    assert row["code"] == "COMPATIBILITY"
    assert "plane" in row["reason"]


def suicide(in_file: str) -> str:
    """What stands in for the semantic network."""
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
    return in_file


def test_a_killed_process_is_one_failed_scan(
    app: App, golden: dict[str, bytes], capsys: Capsys
) -> None:
    from nipype.interfaces.utility import Function

    class Killed(SpinepsSystem):
        def workflow(self, job: ScanJob, **options: Any) -> Any:
            workflow = super().workflow(job, **options)
            if "sub_a" in job.name:
                node = workflow.get_node("spineps_wf.semantic")
                node._interface = Function(function=suicide, output_names=["out_file"])
            return workflow

    assert run_system(app.options(), lambda: Killed(app.options())).status == 3
    text = capsys.readouterr().out
    assert "SIGKILL" in text.strip().splitlines()[-1]
    assert app.results() == only(golden, B)
    rows = app.rows()
    assert (rows[SCAN_A]["code"], rows[SCAN_B]["code"]) == ("UNKNOWN", "OK")
    # The next run does what is left, with the same result as if nothing had happened.
    assert app(capsys) == 0
    assert {s: r["code"] for s, r in app.rows().items()} == {SCAN_A: "OK", SCAN_B: "ALL_DONE"}
    assert app.results() == golden


@pytest.mark.parametrize("moment", ["output_raw_T2w/*spine-raw_msk.nii.gz", "*_ctd.json"])
def test_a_killed_run_goes_on(
    app: App, golden: dict[str, bytes], capsys: Capsys, moment: str
) -> None:
    """Killed as soon as a result of the first scan is stored; no half file is left behind."""
    command = [sys.executable, "-m", "spineps_nipype.workflows.cli", *app.arguments()]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    end = time.monotonic() + 120
    while not list((app.out / "sub-a/anat").glob(moment)):
        assert time.monotonic() < end
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for name, data in app.results().items():
        if not Path(name).name.startswith("."):
            assert data == golden[name]
    assert app(capsys) == 0
    assert app.results() == golden


def test_a_run_that_is_told_to_end_says_what_is_finished(app: App) -> None:
    """At the time limit of a cluster there is no time for pages."""
    command = [sys.executable, "-m", "spineps_nipype.workflows.cli", *app.arguments()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not list(app.out.glob("sub-a/anat/output_raw_T2w/*spine-raw_msk.nii.gz")):
        assert time.monotonic() < end
        assert process.poll() is None, "the run ended before it was stopped"
        time.sleep(0.01)
    process.terminate()
    text = process.communicate(timeout=120)[0]
    assert process.returncode == 3
    assert "The run was stopped before this scan was finished" in text.splitlines()[-1]
    assert "--reports-only writes them" in text
    assert {row["code"] for row in app.rows().values()} <= {"UNKNOWN", "OK"}
    assert not list(app.out.glob("*.html"))


def test_a_disk_that_is_too_small(app: App, small_disk: Path, capsys: Capsys) -> None:
    """Seen before the scan starts."""
    (small_disk / "other").write_bytes(bytes(28_000_000))
    app.out = small_disk / "out"
    assert app(capsys, "--plugin", "Linear", "--participant-label", "a") == 3
    reason = app.rows()[SCAN_A]["reason"]
    assert "GB free" in reason
    assert str(app.out) in reason


@pytest.mark.parametrize("plugin", ["MultiProc", "Linear"])
def test_a_disk_that_fills_up(
    app: App, golden: dict[str, bytes], small_disk: Path, capsys: Capsys, plugin: str
) -> None:
    """The scan that was finished before stays whole; the other says what is wrong."""
    app.out = small_disk / "out"
    assert app(capsys, "--plugin", plugin, "--participant-label", "b") == 0

    class Filled(SpinepsSystem):
        def workflow(self, job: ScanJob, **options: Any) -> Any:
            with (small_disk / "other").open("wb", buffering=0) as stream:
                try:
                    while True:
                        stream.write(bytes(4096))
                except OSError:
                    pass
            return super().workflow(job, **options)

    options = app.options("--plugin", plugin)
    assert run_system(options, lambda: Filled(options)).status == 3
    text = capsys.readouterr().out
    assert "No space left" in text.splitlines()[-1] or "disk is full" in text.splitlines()[-1]
    assert only(app.results(), B) == only(golden, B)
    assert not [name for name in app.results() if name.endswith(".part")]
    # With space again the run goes on.
    (small_disk / "other").unlink()
    assert app(capsys, "--plugin", plugin) == 0
    assert app.results() == golden


def test_runs_of_different_subjects_at_once(app: App, golden: dict[str, bytes]) -> None:
    """Tasks of an array on a cluster: one output folder, a work folder each."""
    runs = []
    for subject in ("a", "b"):
        app.work = app.work.with_name(f"work_{subject}")
        words = app.arguments("--plugin", "Linear", "--participant-label", subject)
        command = [sys.executable, "-m", "spineps_nipype.workflows.cli", *words]
        runs.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    texts = [process.communicate()[0] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], texts
    assert app.results() == golden
    note = (app.out / "snaps_seg" / "MODELS.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in note] == ["sub-a_acq-sag_T2w", "sub-b_ses-1_T2w"]


def test_output_inside_the_dataset_is_refused(app: App, capsys: Capsys) -> None:
    for place in (app.bids, app.bids / "results", app.bids / "sub-a"):
        app.out = place
        assert app(capsys) == 2
        assert str(app.bids / "derivatives") in app.last_line
    assert not (app.bids / "results").exists()


def test_work_inside_the_dataset_is_refused(app: App, capsys: Capsys) -> None:
    app.work = app.bids / "work"
    assert app(capsys) == 2
    assert f"Choose -w {app.bids}_work." in app.last_line
    assert not (app.bids / "work").exists()


def test_output_below_derivatives_is_welcome(app: App, capsys: Capsys) -> None:
    app.out = app.bids / "derivatives" / "spineps"
    assert app(capsys, "--plugin", "Linear", "--participant-label", "a") == 0
    assert set(app.results()) == expected(A)
    # Its own results are no scans for the next run.
    assert app(capsys, "--plugin", "Linear", "--participant-label", "a") == 0
    assert set(app.rows()) == {SCAN_A}


def test_nothing_to_run(app: App, capsys: Capsys) -> None:
    assert app(capsys, "--modalities", "ct") == 1
    assert app.last_line.startswith("Nothing was run")
    assert app(capsys, "--participant-label", "nobody") == 2
    assert "nobody" in app.last_line
    assert app(capsys, "--model-semantic", str(app.bids)) == 1
    assert str(app.bids) in app.last_line
