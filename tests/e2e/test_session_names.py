"""Scans of one session name their vertebrae together: two coded scans, the smaller one moved."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core.files import copy_whole
from spineps_nipype.errors import OutputError
from spineps_nipype.results import storing
from spineps_nipype.workflows.app import participant
from spineps_nipype.workflows.app.session_names import SessionNames
from spineps_nipype.workflows.stored.run_history import FIRST_STEPS

from ..tiny_packages import PITCH, save_scan, write_scan
from .conftest import App
from .slurm_programs import SlurmPrograms

pytestmark = pytest.mark.e2e

Capsys = pytest.CaptureFixture[str]
WHOLE, PART = "sub-a_ses-1_T2w", "sub-a_ses-1_acq-low_T2w"
ALONE = {WHOLE: "C7 to T3", PART: "C7 to T2"}
"""Names by the random network of the tests, which contradict each other."""
TOGETHER = {WHOLE: "C6 to T2", PART: "C7 to T2"}
NETWORKS = FIRST_STEPS | {"instance", "label_vertebrae"}


def write_session(root: Path) -> Path:
    """A scan of four vertebrae, and one of the lower three for which the patient has moved."""
    whole = write_scan(root / "sub-a" / "ses-1" / "anat" / f"{WHOLE}.nii.gz")
    add_part(root, whole)
    description = {"Name": "one session", "BIDSVersion": "1.9.0"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    return root


def add_part(root: Path, whole: Path, move: tuple[float, float, float] = (2, -3, 8)) -> Path:
    image = nib.load(whole)
    data, affine = np.asarray(image.dataobj), image.affine.copy()
    affine[:3, 3] += move
    path = root / "sub-a" / "ses-1" / "anat" / f"{PART}.nii.gz"
    return save_scan(data[:, :, : -(8 + PITCH)], affine, path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> App:
    """The session after its first run."""
    folder = tmp_path_factory.mktemp("session")
    app = App(write_session(folder / "bids"), folder / "out", folder / "work", tiny_models)
    assert participant.run_participants(app.options("--plugin", "Linear")) == 0
    return app


@pytest.fixture
def session(first: App, tmp_path: Path) -> App:
    """A copy of it."""
    for name in ("bids", "out", "work"):
        shutil.copytree(first.bids.parent / name, tmp_path / name)
    return App(tmp_path / "bids", tmp_path / "out", tmp_path / "work", first.models)


@pytest.fixture
def fresh(first: App, tmp_path: Path) -> App:
    """The same session before any run."""
    shutil.copytree(first.bids, tmp_path / "bids")
    return App(tmp_path / "bids", tmp_path / "out", tmp_path / "work", first.models)


def run(app: App, capsys: Capsys, *more: str) -> int:
    return app(capsys, "--plugin", "Linear", *more)


def stored(app: App, scan: str, ending: str) -> Path:
    """A stored result of a scan."""
    words = scan.removesuffix("_T2w")
    found = [
        p for p in app.out.rglob(f"{words}_*{ending}") if ("acq-low" in p.name) == (scan == PART)
    ]
    assert len(found) == 1, found
    return found[0]


def rows(app: App, scan: str) -> list[dict[str, str]]:
    with stored(app, scan, "seg-vert_labels.tsv").open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def names(app: App) -> dict[str, str]:
    """First and last name of each scan that has a table."""
    found = {}
    for scan in (WHOLE, PART):
        if (app.bids / "sub-a" / "ses-1" / "anat" / f"{scan}.nii.gz").is_file():
            table = rows(app, scan)
            found[scan] = f"{table[0]['name']} to {table[-1]['name']}"
    return found


def sidecar(app: App, scan: str, ending: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(stored(app, scan, ending).read_text())
    return content


def networks_of_last_run(app: App) -> set[str]:
    """Networks that were asked for in the latest run."""
    latest = max(app.out.glob("logs/*/progress.jsonl"), key=lambda p: p.stat().st_mtime_ns)
    events = [json.loads(line) for line in latest.read_text().splitlines()]
    return {event["node"] for event in events if event.get("node") in NETWORKS}


def labels_in(mask: Path) -> set[int]:
    return {int(n) for n in np.unique(np.asarray(nib.load(mask).dataobj))} - {0}


def test_names_do_not_contradict_each_other(first: App) -> None:
    assert names(first) == TOGETHER
    found = {row["name"]: row["found"] for row in rows(first, WHOLE)}
    assert found == {"C6": "C7", "C7": "T1", "T1": "T2", "T2": "T3"}
    assert {row["source"] for row in rows(first, WHOLE)} == {"session"}
    assert {row["source"] for row in rows(first, PART)} == {"network"}


def test_all_results_have_the_new_names(first: App) -> None:
    vertebrae = {6, 7, 8, 9}
    mask = labels_in(stored(first, WHOLE, "seg-vert_msk.nii.gz"))
    assert {n for n in mask if n < 26} == vertebrae
    assert {n - 100 for n in mask if 100 < n < 126} == vertebrae
    assert {n - 200 for n in mask if 200 < n < 226} == vertebrae
    points = json.loads(stored(first, WHOLE, "seg-spine_ctd.json").read_text())[1]
    assert {int(n) for n in points} - {26} == vertebrae
    with stored(first, WHOLE, "metrics.tsv").open() as stream:
        levels = {row["level"] for row in csv.DictReader(stream, delimiter="\t")}
    assert {"C6", "C7", "T1", "T2"} <= levels
    assert "T3" not in levels


def test_sidecars_say_who_decided(first: App) -> None:
    for scan in (WHOLE, PART):
        said = sidecar(first, scan, "seg-vert_msk.json")
        assert said["NamesDecidedBy"] == sorted([WHOLE, PART])
        assert 0 < said["NamesProbability"] <= 1
        assert "session" in said["Provenance"]["Corrections"]
        assert set(said["Provenance"]["Inputs"]) == {"scan", "spine_raw", "vert_raw"}
        confidence = said["LabelConfidence"]["C7"]["Confidence"]
        assert confidence == {r["name"]: float(r["confidence"]) for r in rows(first, scan)}["C7"]
    joint = {float(rows(first, scan)[-1]["confidence"]) for scan in (WHOLE, PART)}
    assert len(joint) == 1  # of the same vertebra


def test_the_page_says_who_decided(first: App) -> None:
    text = (first.out / "sub-a.html").read_text()
    assert f"Named together with {PART}" in text
    assert f"Named together with {WHOLE}" in text


@pytest.mark.parametrize("work", ["kept", "deleted"])
def test_a_second_run_has_nothing_to_do(session: App, capsys: Capsys, work: str) -> None:
    before = session.results()
    if work == "deleted":
        shutil.rmtree(session.work)
    assert run(session, capsys) == 0
    assert session.last_line == "All 2 scans are done (2 of them before)."
    assert session.results() == before


def test_no_network_runs_for_names_of_a_session(session: App, capsys: Capsys) -> None:
    """Stored scans are renamed without the work folder."""
    shutil.rmtree(session.out)
    shutil.rmtree(session.work)
    assert run(session, capsys, "--no-session-names") == 0
    assert names(session) == ALONE
    shutil.rmtree(session.work)
    assert run(session, capsys) == 0
    assert names(session) == ALONE
    assert f"{WHOLE} keeps its stored names: C7 to T3 by itself, C6 to T2 with" in session.text
    assert run(session, capsys, "--override-session-names") == 0
    assert names(session) == TOGETHER
    assert networks_of_last_run(session) == set()
    before = session.results()
    assert run(session, capsys, "--override-session-names") == 0
    assert session.results() == before
    assert run(session, capsys, "--no-session-names") == 0
    assert names(session) == ALONE


def test_a_new_scan_renames_no_stored_one(fresh: App, capsys: Capsys) -> None:
    part = fresh.bids / "sub-a" / "ses-1" / "anat" / f"{PART}.nii.gz"
    aside = part.rename(fresh.bids.parent / part.name)
    assert run(fresh, capsys) == 0
    alone = fresh.results()
    aside.rename(part)
    assert run(fresh, capsys, "--dry-run") == 0
    assert run(fresh, capsys) == 0
    assert "keeps its stored names" in fresh.text
    assert "--override-session-names" in fresh.text
    assert {name: data for name, data in fresh.results().items() if name in alone} == alone
    assert rows(fresh, PART)[0]["name"] == "C7"
    assert sidecar(fresh, PART, "seg-vert_msk.json")["NamesDecidedBy"] == sorted([WHOLE, PART])
    assert run(fresh, capsys, "--override-session-names", "--dry-run") == 0
    assert f"{WHOLE}: C7 to T3 by itself, C6 to T2 with {PART}" in fresh.text
    assert run(fresh, capsys, "--override-session-names") == 0
    assert names(fresh) == TOGETHER


def test_a_run_of_one_scan_reads_what_is_stored_of_the_others(
    session: App, tmp_path: Path, capsys: Capsys
) -> None:
    shutil.rmtree(session.work)
    for path in session.out.rglob(f"{WHOLE.removesuffix('_T2w')}_mod-T2w_*"):
        path.unlink()
    only = tmp_path / "filter.json"
    only.write_text(json.dumps({"t2w": {"acquisition": None}}))
    assert run(session, capsys, "--bids-filter-file", str(only)) == 0
    assert session.last_line == "All 1 scans are done."
    assert names(session) == TOGETHER


def test_a_reader_decides_for_the_others(fresh: App, capsys: Capsys, tmp_path: Path) -> None:
    table = tmp_path / "names.tsv"
    table.write_text(f"scan\tname\tfound\n{PART}\tL1\tC7\n")
    assert run(fresh, capsys, "--manual-labels", str(table)) == 0
    assert names(fresh) == {WHOLE: "T12 to L3", PART: "L1 to L3"}
    assert rows(fresh, PART)[0]["source"] == "reader"
    assert "session" not in sidecar(fresh, PART, "seg-vert_msk.json")["Provenance"]["Corrections"]


def test_a_mask_that_a_reader_changed_decides_and_stays(session: App, capsys: Capsys) -> None:
    mask = stored(session, PART, "seg-vert_msk.nii.gz")
    image = nib.load(mask)
    data = np.asarray(image.dataobj)
    of_vertebra = (data % 100 > 0) & (data % 100 < 26)
    higher = np.where(of_vertebra, data + 13, data)  # C7 becomes L1
    nib.Nifti1Image(higher.astype(data.dtype), image.affine, image.header).to_filename(mask)
    edited = mask.read_bytes()
    assert run(session, capsys, "--override-session-names") == 0
    assert mask.read_bytes() == edited
    assert names(session)[WHOLE] == "T12 to L3"


def test_a_scan_that_fails_lets_the_others_decide(fresh: App, capsys: Capsys) -> None:
    broken = fresh.bids / "sub-a" / "ses-1" / "anat" / "sub-a_ses-1_run-2_T2w.nii.gz"
    broken.write_bytes((fresh.bids / "sub-a/ses-1/anat" / f"{WHOLE}.nii.gz").read_bytes()[:2000])
    assert run(fresh, capsys) == 3
    assert names(fresh) == TOGETHER


def test_scans_of_another_place_are_named_by_themselves(fresh: App, capsys: Capsys) -> None:
    anat = fresh.bids / "sub-a" / "ses-1" / "anat"
    add_part(fresh.bids, anat / f"{WHOLE}.nii.gz", move=(70, 0, 8))
    assert run(fresh, capsys) == 0
    assert names(fresh) == ALONE
    assert "NamesDecidedBy" not in sidecar(fresh, WHOLE, "seg-vert_msk.json")
    assert f"{WHOLE} is named by itself: it does not fit {PART}." in fresh.text


def test_a_run_that_ended_before_its_sessions_decided_goes_on(
    fresh: App, first: App, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(participant, "_let_sessions_decide", lambda *_: SessionNames())
        assert run(fresh, capsys) == 0
    assert names(fresh) == ALONE
    assert run(fresh, capsys) == 0
    assert fresh.results() == first.results()


def test_a_run_that_failed_between_mask_and_table_is_made_good(
    fresh: App, first: App, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mask has its new names then, the table its old ones."""
    stored_tables = []

    def fail_later(source: Path, target: Path) -> bool:
        if target.name.endswith("_labels.tsv"):
            stored_tables.append(target)
            if len(stored_tables) > 2:
                raise OutputError("The disk is full.", file=target, remedy="Free space.")
        return copy_whole(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(storing, "copy_whole", fail_later)
        assert run(fresh, capsys) == 3
    assert run(fresh, capsys) == 0
    assert fresh.results() == first.results()


def test_the_numerics_of_spineps_know_no_session(fresh: App, capsys: Capsys) -> None:
    assert run(fresh, capsys, "--numerics", "spineps-2.1.3") == 0
    said = sidecar(fresh, WHOLE, "seg-vert_msk.json")
    assert "NamesDecidedBy" not in said
    assert "Corrections" not in said["Provenance"]


def test_processes_of_their_own_write_the_same(fresh: App, first: App, capsys: Capsys) -> None:
    assert fresh(capsys, "--output-layout", "spineps") == 0
    assert fresh.results() == first.results()


def test_the_layout_of_bids_is_found_as_well(fresh: App, capsys: Capsys) -> None:
    assert run(fresh, capsys, "--output-layout", "bids") == 0
    assert f"{WHOLE}: C7 to T3 by itself, C6 to T2 with {PART}" in fresh.text
    assert run(fresh, capsys, "--output-layout", "bids") == 0
    assert fresh.last_line == "All 2 scans are done (2 of them before)."


@pytest.mark.slow
def test_a_cluster_writes_the_same(
    fresh: App, first: App, slurm: SlurmPrograms, capsys: Capsys
) -> None:
    assert fresh(capsys, "--plugin", "SLURMGraph", "--sbatch-args", "--time=30") == 0
    assert fresh.results() == first.results()
    jobs = slurm.jobs()
    assert sum(name.endswith(".session_names") for name in jobs) == 2


def write_localizer(app: App) -> None:
    """What TotalSpineSeg would have stored of a scan that SPINEPS does not take: L1 to L4."""
    image = nib.load(stored(app, WHOLE, "seg-vert_msk.nii.gz"))
    found = np.asarray(image.dataobj)
    labels = np.zeros_like(found)
    for place, number in enumerate((6, 7, 8, 9)):
        labels[found == number] = 41 + place
        labels[found == 100 + number] = 92 + place
    home = app.out / "totalspineseg" / "step2_output"
    home.mkdir(parents=True)
    name = "sub-a_ses-1_acq-loc_T1w"
    nib.Nifti1Image(labels, image.affine).to_filename(home / f"{name}.nii.gz")
    source = f"bids:raw:sub-a/ses-1/anat/{name}.nii.gz"
    (home / f"{name}.json").write_text(json.dumps({"Sources": [source]}))


def test_a_localizer_of_another_system_decides_as_well(session: App, capsys: Capsys) -> None:
    write_localizer(session)
    assert run(session, capsys) == 0
    assert f"{PART} keeps its stored names: C7 to T2 by itself, L2 to L4 with" in session.text
    assert run(session, capsys, "--override-session-names") == 0
    assert names(session) == {WHOLE: "L1 to L4", PART: "L2 to L4"}
    by = sidecar(session, PART, "seg-vert_msk.json")["NamesDecidedBy"]
    assert "totalspineseg: sub-a_ses-1_acq-loc_T1w" in by
    before = session.results()
    assert run(session, capsys) == 0
    assert session.results() == before
