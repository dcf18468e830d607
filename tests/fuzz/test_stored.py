"""Fuzz tests of what earlier runs left in output and work folders, and somebody changed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import nipype.pipeline.engine as pe
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nipype import config
from nipype.interfaces.utility import Function
from PIL import Image
from TPTBox import POI

from spineps_nipype.bids.dataset_description import describe_dataset
from spineps_nipype.core.locks import LockBusyError, held
from spineps_nipype.core.marks import is_marked
from spineps_nipype.core.own_files import LIST, LOGS, is_own, own_files
from spineps_nipype.core.tables import table_text
from spineps_nipype.results.plan import plan_scan
from spineps_nipype.results.proof import is_foreign, is_intact, mask_fault, points_fault
from spineps_nipype.results.recipe import SCAN, Correctable, Phase, Recipe
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.sidecar import sidecar_of
from spineps_nipype.results.storing import store_results
from spineps_nipype.sc_epi.qc_report import DATASETS, PAGE, RECORDS, refresh
from spineps_nipype.spine_segmentation.results import SegmentationResult, read_result, write_result
from spineps_nipype.workflows.app.group import _scans
from spineps_nipype.workflows.engine.node_results import SEAL, is_current, seal
from spineps_nipype.workflows.engine.usage_monitor import COLUMNS, read_usage
from spineps_nipype.workflows.options.run_options import Folders, ScanSelection
from spineps_nipype.workflows.stored.group_columns import table_columns
from spineps_nipype.workflows.stored.group_table import (
    all_spreads,
    level_rows,
    outliers_of,
    table_rows,
)
from spineps_nipype.workflows.stored.methods_text import stored_methods
from tests.results.stored_results import GRID, store, write_mask
from tests.workflows.stored_dataset import Stored

from .harness import ODD_TEXT, Content, fuzz, json_files, promised, read, spoiled
from .test_own_files import OUTCOMES, RATING, RUN, SIDECAR
from .test_scans import images

RECORD: Final[Mapping[str, Any]] = SIDECAR["Provenance"]  # type: ignore[assignment]
POINTS: Final = [
    {**GRID, "Provenance": dict(RECORD)},
    {"20": {"50": [1.0, 2.0, 3.0]}, "21": {"50": [1.0, 2.0, 9.0]}},
]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the log of thousands of odd files short."""
    caplog.set_level(logging.CRITICAL)


def picture(kind: str) -> bytes:
    stream = BytesIO()
    Image.fromarray(np.arange(120, dtype=np.uint8).reshape(10, 12)).save(stream, kind)
    return stream.getvalue()


PNG, JPG = picture("png"), picture("jpeg")


@fuzz
@given(images(), json_files(SIDECAR), st.booleans())
def test_stored_masks(data: bytes, sidecar: bytes, compressed: bool) -> None:
    with promised() as root:
        path = root / ("x.nii.gz" if compressed else "x.nii")
        path.write_bytes(data)
        write_mask(root / "scan.nii.gz")
        sidecar_of(path).write_bytes(sidecar)
        assert isinstance(is_foreign(path), bool)
        assert is_intact(path) in (True, False)
        assert isinstance(mask_fault(path, root / "scan.nii.gz", range(20)), str)


@fuzz
@given(json_files(POINTS))
def test_stored_points(data: bytes) -> None:
    """What counts as a correction can be loaded."""
    with promised() as root:
        path = root / "x.json"
        path.write_bytes(data)
        assert isinstance(is_foreign(path), bool)
        assert isinstance(is_intact(path), bool)
        if not points_fault(path):
            assert len(read(lambda: POI.load(path)) or [0]) > 0


@fuzz
@given(spoiled(PNG) | spoiled(JPG), st.sampled_from([".png", ".jpg"]))
def test_pictures(data: bytes, ending: str) -> None:
    with promised() as root:
        path = root / f"x{ending}"
        path.write_bytes(data)
        assert is_marked(path) in (True, False, None)


RECIPE = Recipe(
    "fuzz",
    (
        Phase(
            "mask",
            makes=("mask",),
            reads=(SCAN,),
            settings=("tta",),
            correctable={"mask": Correctable(frozenset({20}))},
        ),
        Phase("points", makes=("points",), reads=("mask",), points=("points",)),
        Phase("table", makes=("table", "picture"), reads=("mask", "points")),
    ),
)
NAMES = {"mask": "m.nii.gz", "points": "p.json", "table": "t.tsv", "picture": "s.png"}


@fuzz
@given(
    st.sampled_from(["mask", "points", "table", "picture"]),
    json_files(SIDECAR) | json_files(POINTS),
    images() | spoiled(PNG),
    st.booleans(),
    st.sampled_from(["same", "any"]),
)
def test_results_that_a_run_finds(
    name: str, described: bytes, data: bytes, spoil_result: bool, reuse: Any
) -> None:
    """Sidecar or result of one phase is odd: the plan is made, and everything can be stored."""
    with promised() as root:
        write_mask(root / "scan.nii.gz")
        files = {SCAN: root / "scan.nii.gz", **{n: root / "out" / f for n, f in NAMES.items()}}
        provenance = Provenance(RECIPE, {"tta": True}, {})
        store(provenance, files)
        if spoil_result and name != "points":
            files[name].write_bytes(data)
        else:
            sidecar_of(files[name]).write_bytes(described)
        plan = read(lambda: plan_scan(provenance, files, reuse=reuse))
        assert plan is not None
        made = {n: root / "made" / path.name for n, path in files.items() if n != SCAN}
        store(provenance, {SCAN: files[SCAN], **made})
        pairs = [(p, files[n]) for n, p in made.items()]
        pairs += [(sidecar_of(p), sidecar_of(files[n])) for n, p in made.items() if n != "points"]
        read(lambda: store_results(pairs))
        assert all(is_intact(path) for n, path in files.items() if n not in (SCAN,))
        assert plan_scan(provenance, files, reuse="same").all_done


@fuzz
@given(
    json_files({"Name": "x", "GeneratedBy": [{"Name": "other"}], "DatasetLinks": {"a": "b"}}),
    json_files({"seg_dseg.tsv": ["00", "11"]}),
    st.binary(max_size=40),
)
def test_files_at_the_root_of_the_output(description: bytes, known: bytes, other: bytes) -> None:
    with promised() as root:
        out = root / "out"
        (out / LOGS).mkdir(parents=True)
        (out / LOGS / LIST).write_bytes(known)
        (out / "dataset_description.json").write_bytes(description)
        for name in (".bidsignore", "seg_dseg.tsv"):
            (out / name).write_bytes(other)
        (root / "bids").mkdir()
        (root / "bids" / "dataset_description.json").write_bytes(description)
        read(lambda: describe_dataset(out, root / "bids", [("x", root)], tables={}))
        assert json.loads((out / "dataset_description.json").read_text("utf-8"))["GeneratedBy"]
        assert isinstance(is_own(out, out / "seg_dseg.tsv"), bool)
        with own_files(out) as own:
            assert own.write(out / "new.txt", "x")


@fuzz
@given(ODD_TEXT | st.text(max_size=30).map(lambda text: f"{socket.gethostname()} {text}"))
def test_marks_of_locks(text: str) -> None:
    """Where the file system has no locks."""
    with promised() as root, pytest.MonkeyPatch.context() as patches:
        patches.setattr("spineps_nipype.core.locks._flock", lambda _: None)
        marker = root / "x.lock.held"
        marker.write_bytes(text.encode(errors="replace"))
        with suppress(LockBusyError), held(root / "x.lock", limit=0):
            assert marker.read_text("utf-8").split()[1] == str(os.getpid())


@fuzz
@given(
    st.lists(json_files({"dataset": "a", "subject": "b", "backgroundImage": "x"}), max_size=2),
    spoiled(b'window.SCT_QC_UUID = "a-b";\nwindow.SCT_QC_DATASETS = [];\n')
    | st.sampled_from([Content(b"x = " + b"[" * 100_000), b"\xff"]),
)
def test_entries_of_quality_control(entries: list[bytes], datasets: bytes) -> None:
    with promised() as root:
        (root / RECORDS).mkdir()
        for number, data in enumerate(entries):
            (root / RECORDS / f"qc_{number}.json").write_bytes(data)
        (root / DATASETS).parent.mkdir()
        (root / DATASETS).write_bytes(datasets)
        assert read(lambda: refresh(root)) == root / PAGE


@fuzz
@given(
    spoiled(f"{'	'.join(COLUMNS)}\n1.0\t2\t30\t0.5\t0.2\n2.0\t2\t30\t0.5\t0.2\n".encode()),
)
def test_usage_of_a_run(data: bytes) -> None:
    with promised() as root:
        (root / "resources.tsv").write_bytes(data)
        rows = read(lambda: read_usage(root / "resources.tsv"), ValueError)
        assert all(set(row) == set(COLUMNS) for row in rows or ())


def _write(number: int) -> str:
    from pathlib import Path

    path = Path.cwd() / "out.txt"
    path.write_text(str(number))
    return str(path)


def _node(work: Path) -> Any:
    node = pe.Node(Function(function=_write, output_names=["out"]), name="one", base_dir=str(work))
    node.inputs.number = 5
    node.config = deepcopy(config._sections)
    return node


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with one node that has run."""
    work = tmp_path_factory.mktemp("work") / "work"
    node = _node(work)
    node.run()
    seal(node)
    assert is_current(_node(work))
    return work


@fuzz
@given(st.sampled_from([SEAL, "result_one.pklz", "out.txt", "_0x*.json"]), st.data())
def test_what_the_work_folder_remembers(finished: Path, name: str, data: st.DataObject) -> None:
    """Believed only as it was written."""
    with promised() as root:
        work = root / "work"
        shutil.copytree(finished, work)
        (path,) = (work / "one").glob(name)
        before = path.read_bytes()
        odd = (
            spoiled(before)
            if name != SEAL
            else spoiled(before) | json_files({"algorithms": {}, "files": {"out.txt": "00"}})
        )
        path.write_bytes(data.draw(odd))
        node = _node(work)
        if is_current(node):
            assert Path(node.result.outputs.out).read_text() == "5"


RESULT = SegmentationResult(
    np.zeros((2, 3, 4), np.uint8), np.ones((2, 3, 4), np.int16), {1: "L1"}, []
)


@fuzz
@given(st.data())
def test_cached_results(data: st.DataObject) -> None:
    with promised() as root:
        path = root / "x.npz"
        write_result(RESULT, path)
        path.write_bytes(data.draw(spoiled(path.read_bytes())))
        found = read(lambda: read_result(path))
        assert found is None or found.semantic_segmentation.shape == (2, 3, 4)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stored")
    stored = Stored(root, subjects=2)
    stored.rate("a.json", **RATING)
    describe_dataset(stored.out, stored.bids)
    return root


ODD_FILES: Final[Mapping[str, st.SearchStrategy[bytes]]] = {
    "**/*_msk.json": json_files(SIDECAR),
    "**/*_metrics.tsv": spoiled(b"level\tlabel\tbody_volume\nL1\t20\t30000\nwhole\t\t\n"),
    "**/*_checks.tsv": spoiled(b"check\tverdict\tlevel\treason\noverall\tlook\t\tx\n"),
    "ratings/*.json": json_files(RATING),
    "logs/*/run.json": json_files(RUN),
    "logs/*/scans.tsv": spoiled(OUTCOMES.encode()),
    "logs/.own_files.json": json_files({"group_scans.tsv": ["00"]}),
    "dataset_description.json": json_files({"Name": "Segmentations of the spine (sc-epi)"}),
}


@fuzz
@given(st.sampled_from(sorted(ODD_FILES)), st.data())
def test_group_level(output: Path, pattern: str, data: st.DataObject) -> None:
    """One odd file stops no table and no page."""
    with promised() as root:
        shutil.copytree(output, root, dirs_exist_ok=True)
        path = min((root / "out").glob(pattern))
        path.write_bytes(data.draw(ODD_FILES[pattern]))
        folders = Folders(root / "bids", root / "out")
        scans = read(lambda: _scans(folders, ScanSelection()))
        assert scans
        rows = table_rows(scans, outliers_of(all_spreads(scans)))
        assert table_text(rows, list(table_columns(rows)))
        assert isinstance(level_rows(scans), list)
        assert isinstance(stored_methods([scan.stored for scan in scans]), str)
