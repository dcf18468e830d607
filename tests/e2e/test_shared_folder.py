"""An output folder that other programs share, that is damaged, or that cannot be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.errors import OutputError
from spineps_nipype.workflows.app import participant

from .conftest import App, only

pytestmark = pytest.mark.e2e

Capsys = pytest.CaptureFixture[str]
ONE = ("--participant-label", "a", "--skip-bids-validation")
FOLDER = "sub-a/anat"
STEM = f"{FOLDER}/sub-a_acq-sag_mod-T2w_seg"
THEIRS = {
    ".bidsignore": "theirs/\n",
    "seg-vert_dseg.tsv": "index\tname\n1\ttheirs\n",
    "sub-a.html": "<html>theirs</html>",
    "snaps_seg/MODELS.txt": "theirs",
}


def dry_run(app: App, capsys: Capsys) -> str:
    app(capsys, *ONE, "--dry-run")
    return app.text


def test_names_that_are_too_long_cost_one_scan(app: App, capsys: Capsys) -> None:
    scan = app.bids / "sub-a/anat/sub-a_acq-sag_T2w.nii.gz"
    long = scan.with_name(f"sub-a_acq-{'b' * 218}_T2w.nii.gz")
    scan.rename(long)
    assert len(long.name) == 239
    assert app(capsys, "--dry-run") == 3
    assert "1 would run, 0 are done, 1 cannot run" in app.last_line
    assert "bytes long, the file system allows 255" in app.text
    assert "Shorten the name" in app.text


@pytest.mark.parametrize("name", [f"{STEM}-vert_msk.nii.gz", f"{STEM}-vert_msk.json"])
def test_a_result_of_another_program_is_refused(app: App, capsys: Capsys, name: str) -> None:
    path = app.out / name
    path.parent.mkdir(parents=True)
    if path.suffix == ".json":
        path.write_text('{"Sources": []}')
    else:
        nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.eye(4)), path)
    before = path.read_bytes()
    assert app(capsys, *ONE) == 3
    assert f"[{path}]" in app.text
    assert "did not write" in app.text
    assert path.read_bytes() == before
    assert not list(app.work.glob("*/scan_*")), "nothing was computed"


def test_a_shared_damaged_and_closed_folder(
    app: App, golden: dict[str, bytes], capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run of the networks, with all that may be wrong with its folder before and after."""
    for name, text in THEIRS.items():
        (app.out / name).parent.mkdir(parents=True, exist_ok=True)
        (app.out / name).write_text(text)
    assert app(capsys, *ONE, "--plugin", "Linear") == 0
    assert app.results() == only(golden, "sub-a")
    for name, text in THEIRS.items():
        said = (app.out / name).read_text()
        assert said.startswith(text) if name == ".bidsignore" else said == text
    assert "group_*" in (app.out / ".bidsignore").read_text().splitlines()
    assert (app.out / "sub-a_spine.html").is_file()
    raw = f"{FOLDER}/output_raw_T2w/sub-a_acq-sag_mod-T2w_seg-spine-raw_msk.nii.gz"
    for name, phase in (
        (raw, "semantic"),
        (f"{STEM}-vert_msk.nii.gz", "final"),
        (f"{STEM}-vert_labels.tsv", "final"),
        (f"{STEM}-spine_ctd.json", "poi"),
        (f"{STEM}-spine_snp.png", "snapshot"),
        (f"{STEM}-spine_metrics.tsv", "metrics"),
    ):
        whole = (app.out / name).read_bytes()
        half = b"" if name.endswith("labels.tsv") else whole[: len(whole) // 2]
        (app.out / name).write_bytes(half)
        (line,) = (t for t in dry_run(app, capsys).splitlines() if t.startswith(f"  {phase} "))
        assert "run" in line, name
        (app.out / name).write_bytes(whole)
    assert "0 would run, 1 are done" in dry_run(app, capsys)

    metrics = app.out / f"{STEM}-spine_metrics.tsv"
    metrics.write_text("half of it")
    assert app(capsys, *ONE, "--plugin", "Linear") == 0
    kept = metrics.with_name(f"{metrics.name}.replaced")
    assert kept.read_text() == "half of it"
    kept.unlink()
    assert app.results() == only(golden, "sub-a")

    def closed(folder: Path) -> Any:
        raise OutputError("The folder cannot be written: Read-only file system.", file=folder)

    monkeypatch.setattr(participant, "make_writable", closed)
    assert app(capsys, *ONE) == 0
    assert app.last_line == "All 1 scans are done (1 of them before)."
    metrics.write_text("half of it")
    assert app(capsys, *ONE) == 1
    assert "Read-only" in app.last_line
