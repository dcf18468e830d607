"""What is run: scans, models and phases, and what is said about each of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.models import folders
from spineps_nipype.workflows.cli import main

from .conftest import App, only, write_dataset

pytestmark = pytest.mark.e2e

Capsys = pytest.CaptureFixture[str]
T2W = "sub-a_acq-sag_T2w"
LINEAR = ("--plugin", "Linear")


@pytest.fixture
def installed(
    tmp_path: Path, tiny_models: Path, app: App, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The tiny models as installed ones, which a run finds by itself."""
    home = tmp_path / "models"
    shutil.copytree(tiny_models, home)
    monkeypatch.setenv(folders.MODELS_VARIABLE, str(home))
    app.models = None
    return home


def add_t1w(app: App, home: Path) -> Path:
    """A T1w scan beside the first T2w scan, and a semantic model for it alone."""
    scan = app.bids / "sub-a/anat" / f"{T2W}.nii.gz"
    shutil.copy(scan, scan.with_name("sub-a_T1w.nii.gz"))
    package = home / "a_t1w"
    shutil.copytree(home / "tiny_semantic", package)
    config = package / "inference_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "modality": "T1w"}))
    return package


def test_each_modality_gets_the_model_that_fits(
    app: App, installed: Path, golden: dict[str, bytes], capsys: Capsys
) -> None:
    add_t1w(app, installed)
    words = ("--modalities", "T2w", "T1w", "--participant-label", "a", "--no-session-names")
    assert app(capsys, *LINEAR, *words) == 0
    rows = app.rows()
    assert {scan: row["model_semantic"] for scan, row in rows.items()} == {
        T2W: "tiny_semantic",
        "sub-a_T1w": "a_t1w",
    }
    results = app.results()
    assert {n: d for n, d in results.items() if "T1w" not in n} == only(golden, "sub-a")
    assert "sub-a/anat/sub-a_mod-T1w_seg-vert_msk.nii.gz" in results


def lose_weights(package: Path) -> str:
    (package / "fold_0" / "checkpoint_final.pth").unlink()
    return "fold_0"


def lose_plans(package: Path) -> str:
    (package / "plans.json").unlink()
    return "plans.json"


def foreign_weights(package: Path) -> str:
    weights = next(package.with_name("tiny_instance").glob("*.ckpt"))
    shutil.copy(weights, package / "fold_0" / "checkpoint_final.pth")
    return str(package)


@pytest.mark.parametrize("damage", [lose_weights, lose_plans, foreign_weights])
def test_a_damaged_package_fails_its_own_scans_only(
    app: App,
    installed: Path,
    golden: dict[str, bytes],
    capsys: Capsys,
    damage: Callable[[Path], str],
) -> None:
    package = add_t1w(app, installed)
    named = damage(package)
    words = ("--modalities", "T2w", "T1w", "--participant-label", "a", "--no-session-names")
    assert app(capsys, *LINEAR, *words) == 3
    rows = app.rows()
    assert rows[T2W]["code"] == "OK"
    assert rows["sub-a_T1w"]["code"] == "UNKNOWN"
    assert named in rows["sub-a_T1w"]["reason"]
    assert str(package) in rows["sub-a_T1w"]["reason"]
    assert rows["sub-a_T1w"]["reason"].rpartition("]")[2].strip()
    assert app.results() == only(golden, "sub-a")


def test_log_sidecar_and_snapshot_folder_say_that_a_model_is_embedded(
    app: App, tiny_models: Path, tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = tmp_path / "data" / "embedded"
    for kind in ("semantic", "instance", "labeling"):
        shutil.copytree(tiny_models / f"tiny_{kind}", embedded / kind)
    monkeypatch.setattr(folders, "embedded_dir", lambda: embedded)
    monkeypatch.delenv(folders.MODELS_VARIABLE, raising=False)
    app.models = None
    assert app(capsys, *LINEAR, "--participant-label", "a") == 0
    note = "embedded compact semantic, instance and labeling models"
    sidecars = list(app.out.glob("sub-a/**/*_msk.json"))
    assert len(sidecars) == 4
    assert all(note in json.loads(path.read_text())["Notes"][0] for path in sidecars)
    assert note in (app.out / "snaps_seg" / "MODELS.txt").read_text()
    assert T2W in (app.out / "snaps_seg" / "MODELS.txt").read_text()
    (log,) = app.out.glob("logs/*/run.log")
    assert note in log.read_text()
    assert "semantic compact_semantic" in log.read_text()
    assert note in app.rows()[T2W]["reason"]


def test_a_name_that_is_not_bids(app: App, capsys: Capsys) -> None:
    """Left out with a word on how to call it; taken when that is asked for, also without gzip."""
    image = nib.load(app.bids / "sub-a/anat" / f"{T2W}.nii.gz")
    (app.bids / "My scan.nii").write_bytes(image.to_bytes())
    shutil.rmtree(app.bids / "sub-a")
    shutil.rmtree(app.bids / "sub-b")
    assert app(capsys, *LINEAR) == 1
    assert "call it like sub-01_T2w.nii.gz" in app.last_line
    assert "--ignore-bids-filter" in app.last_line
    assert app(capsys, *LINEAR, "--ignore-bids-filter") == 0
    assert app.rows()["My scan"]["code"] == "OK"
    vert = next(app.out.rglob("*_seg-vert_msk.nii.gz"))
    assert len(np.unique(nib.load(vert).dataobj)) > 4


def test_the_filter_file_limits_the_scans(app: App, tmp_path: Path, capsys: Capsys) -> None:
    file = tmp_path / "filter.json"
    file.write_text(json.dumps({"t2w": {"session": "1"}}))
    assert app(capsys, "--dry-run", "--bids-filter-file", str(file)) == 0
    assert "sub-b_ses-1_T2w" in app.text
    assert T2W not in app.text
    file.write_text("{")
    assert app(capsys, "--dry-run", "--bids-filter-file", str(file)) == 2
    assert str(file) in app.last_line
    assert "Write it like" in app.last_line


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> App:
    """A finished run of one subject; not to be changed."""
    folder = tmp_path_factory.mktemp("done")
    whole = App(write_dataset(folder / "bids"), folder / "out", folder / "work", tiny_models)
    assert main(whole.arguments(*LINEAR, "--participant-label", "a")) == 0
    return whole


@pytest.mark.parametrize(
    ("options", "actions", "why"),
    [
        ((), "sssss", "stored, made the same way"),
        (("--proc-inst-largest-k-cc", "1"), "srrrr", "proc_inst_largest_k_cc was 0, is 1"),
        (("--model-labeling", "none"), "ssrrr", "labeling model was tiny_labeling"),
        (("--override-ctd",), "sssrr", "override_ctd is set"),
        (("--save-uncertainty",), "rrrrr", "uncertainty asked for and not stored"),
        (("--reuse", "any", "--proc-pad-size", "9"), "sssss", "kept whatever it was made with"),
    ],
)
def test_a_dry_run_lists_scans_and_phases_and_says_why(
    done: App, capsys: Capsys, options: tuple[str, ...], actions: str, why: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.out.rglob("*")}
    assert done(capsys, "--dry-run", *options) == 0
    assert {path: path.stat().st_mtime_ns for path in done.out.rglob("*")} == before
    first, second = done.text.split("sub-b_ses-1_T2w  [")
    assert T2W in first
    assert why in first
    phases = ("semantic", "instance", "final", "poi", "snapshot")

    def planned(text: str) -> str:
        lines = [line.split() for line in text.splitlines()]
        return "".join(w[1][0] for w in lines if w and w[0] in phases)

    assert planned(first) == actions
    assert planned(second) == "rrrrr"
    assert "not stored yet" in second
    run, ready = 1 + ("r" in actions), int("r" not in actions)
    assert f"2 scans: {run} would run, {ready} are done, 0 cannot run." in done.last_line


def test_a_dry_run_names_scans_that_cannot_run(app: App, capsys: Capsys) -> None:
    (app.bids / "sub-a/anat" / f"{T2W}.nii.gz").write_text("no image")
    assert app(capsys, "--dry-run") == 3
    assert "cannot run (SHAPE)" in app.text
    assert "1 would run, 0 are done, 1 cannot run" in app.last_line
    assert not app.out.exists()
