"""Flags that change what a run looks at, what it believes, and what it tells."""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.workflows.cli import main

from .conftest import App, write_dataset

pytestmark = pytest.mark.e2e

Capsys = pytest.CaptureFixture[str]
LINEAR = ("--plugin", "Linear", "--participant-label", "a")
STEM = "sub-a/anat/sub-a_acq-sag_mod-T2w"
SCAN = "sub-a_acq-sag_T2w"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> App:
    """A finished run that tells everything it can; not to be changed."""
    folder = tmp_path_factory.mktemp("done")
    whole = App(write_dataset(folder / "bids"), folder / "out", folder / "work", tiny_models)
    tell = ("--write-graph", "--resource-monitor", "--notrack", "--low-mem")
    assert main(whole.arguments(*LINEAR, *tell)) == 0
    return whole


@pytest.fixture
def copy(done: App, tmp_path: Path) -> App:
    """A copy of the finished run."""
    for name in ("bids", "out"):
        shutil.copytree(getattr(done, name), tmp_path / name)
    return App(tmp_path / "bids", tmp_path / "out", tmp_path / "work", done.models)


def latest(app: App) -> Path:
    return max((p for p in app.out.glob("logs/*/")), key=lambda p: p.stat().st_mtime_ns)


def test_a_run_tells_what_it_was_asked_and_what_it_took(done: App) -> None:
    logs = latest(done)
    graph = (logs / "graph.dot").read_text()
    assert "semantic" in graph
    assert "->" in graph
    with (logs / "resources.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert rows
    assert max(float(row["memory_gb"]) for row in rows) > 0.05
    assert (logs / "resources.svg").stat().st_size > 1000
    config = tomllib.loads((logs / "config.toml").read_text())
    assert config["run"]["participant_label"] == ["a"]
    assert config["run"]["low_mem"] is True
    assert config["settings"]["proc_inst_batch_size"] == 1
    assert "T2w scan of the dataset" in (logs / "CITATION.md").read_text()


def test_the_configuration_of_a_run_repeats_it(done: App, capsys: Capsys) -> None:
    """Nothing is left to do, since all that counts is in the file; the command line wins."""
    config = str(latest(done) / "config.toml")
    places = [str(done.bids), str(done.out), "participant", "--config-file", config]
    assert main([*places, "--dry-run"]) == 0
    assert "0 would run, 1 are done" in capsys.readouterr().out
    assert main([*places, "--dry-run", "--proc-inst-largest-k-cc", "2"]) == 0
    assert "proc_inst_largest_k_cc was 0, is 2" in capsys.readouterr().out


def test_excluded_subjects_are_left_out(done: App, capsys: Capsys) -> None:
    assert done(capsys, "--dry-run", "--exclude-participant-label", "sub-a") == 0
    assert "sub-b" in done.text
    assert "sub-a" not in done.text


def test_boilerplate_only(app: App, capsys: Capsys) -> None:
    assert app(capsys, "--boilerplate-only") == 0
    text = (app.out / "logs" / "CITATION.md").read_text()
    assert "tiny_semantic" in text
    assert "[@spineps]" in text
    assert "[@n4]" not in text  # it is switched off here
    assert (app.out / "logs" / "CITATION.bib").is_file()
    assert not list(app.out.rglob("*.nii.gz"))


def corrected(copy: App, kind: str, root: Path) -> Path:
    """A correction of a mask: its lowest label is taken away."""
    source = copy.out / f"{STEM}_seg-{kind}_msk.nii.gz"
    image = nib.load(source)
    data = np.asarray(image.dataobj).copy()
    labels = np.unique(data)
    data[data == labels[labels > 0][0]] = 0
    path = root / "sub-a" / "anat" / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, image.affine, image.header), path)
    return path


@pytest.mark.parametrize("kind", ["spine", "vert"])
def test_a_corrected_mask_replaces_its_phase(
    copy: App, tmp_path: Path, capsys: Capsys, kind: str
) -> None:
    root = tmp_path / "mine"
    path = corrected(copy, kind, root)
    more = (*LINEAR, "-d", f"mine={root}")
    assert copy(capsys, *more) == 0
    result = copy.out / f"{STEM}_seg-{kind}_msk.nii.gz"
    assert np.array_equal(nib.load(result).dataobj, nib.load(path).dataobj)
    sidecar = json.loads(result.with_name(result.name.replace(".nii.gz", ".json")).read_text())
    assert f"bids:mine:sub-a/anat/{path.name}" in sidecar["Sources"]
    assert list(sidecar["Provenance"]["Corrections"]) == [kind]
    links = json.loads((copy.out / "dataset_description.json").read_text())["DatasetLinks"]
    assert links == {"raw": copy.bids.as_uri(), "mine": root.as_uri()}
    assert copy(capsys, *more, "--dry-run") == 0
    assert "0 would run, 1 are done" in copy.text
    assert copy(capsys, *LINEAR, "--dry-run") == 0
    assert f"made with a corrected seg-{kind}" in copy.text


def test_names_that_a_reader_fixed(copy: App, tmp_path: Path, capsys: Capsys) -> None:
    vert = copy.out / f"{STEM}_seg-vert_msk.nii.gz"
    before = np.asarray(nib.load(vert).dataobj)
    labels = [int(v) for v in np.unique(before) if 0 < v < 26]
    table = tmp_path / "names.tsv"
    table.write_text(f"scan\tname\tfound\n{SCAN}\tT9\t{_name(labels[1])}\n")
    assert copy(capsys, *LINEAR, "--manual-labels", str(table)) == 0
    after = np.asarray(nib.load(vert).dataobj)
    assert [int(v) for v in np.unique(after) if 0 < v < 26] == [15, 16, 17, 18][: len(labels)]
    assert np.array_equal(after == 16, before == labels[1])
    rows = (copy.out / f"{STEM}_seg-vert_labels.tsv").read_text()
    assert "reader" in rows
    assert copy(capsys, *LINEAR, "--manual-labels", str(table), "--dry-run") == 0
    assert "0 would run" in copy.text
    table.write_text(f"scan\tname\tfound\n{SCAN}\tT9\tC1\n")
    assert copy(capsys, *LINEAR, "--manual-labels", str(table)) == 3
    assert "No vertebra was found as C1" in copy.last_line


def _name(label: int) -> str:
    from spineps_nipype.core.anatomy import VERTEBRA_NAMES

    return VERTEBRA_NAMES[label]


def test_cleaning_leaves_other_files_alone(app: App, capsys: Capsys) -> None:
    (app.work / "spineps_0_0_wf").mkdir(parents=True)
    (app.work / "mine").mkdir()
    (app.bids / "sub-a/anat" / f"{SCAN}.nii.gz").write_text("no image")
    assert app(capsys, *LINEAR, "--clean-workdir") == 3
    assert not (app.work / "spineps_0_0_wf").exists()
    assert (app.work / "mine").is_dir()
