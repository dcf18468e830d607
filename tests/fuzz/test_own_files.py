"""Fuzz tests of the files that this program wrote and somebody changed: one stops no page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spineps_nipype.core import own_readers
from spineps_nipype.core.safe_names import safe_below, safe_name
from spineps_nipype.reports.mosaic_layout import KEY, read_layout
from spineps_nipype.reports.ratings import read_ratings
from spineps_nipype.results.sidecar import read_record, sidecar_of
from spineps_nipype.workflows.stored.run_history import read_history

from .harness import ODD_TEXT, fuzz, json_files, promised, read, spoiled

SIDECAR = {
    "Sources": ["bids:raw:sub-1/anat/sub-1_T2w.nii.gz"],
    "Provenance": {
        "Phase": "post",
        "Settings": {"tta": True, "box": None, "sizes": [1, 2]},
        "Models": {"semantic": {"id": "t2w", "digest": "00"}},
        "Corrections": {},
        "Inputs": {"scan": "00"},
        "Algorithm": {"post": 1},
        "Sha256": "00",
    },
    "Versions": {"nipype": "1"},
    "LabelConfidence": {"L1": {"Confidence": 0.5}},
}
RUN = {"options": {"bids_dir": "/data"}, "scans": ["/data/sub-1/anat/sub-1_T2w.nii.gz"]}
RATING = {"scan": "sub-1_T2w", "rating": "pass", "reader": "A", "comment": "=1+1", "time": "2026"}
EVENT = {"event": "done", "scan": "sub-1_T2w", "node": "x", "seconds": 1.5, "ended": "done"}
OUTCOMES = (
    "scan\tcode\tseconds\tpeak_memory_gb\treason\tnode\tcrash_file\tfile\n"
    "sub-1_T2w\tOK\t1.5\t0.2\tn/a\tn/a\tn/a\t/data/sub-1/anat/sub-1_T2w.nii.gz\n"
)
MOSAIC = {
    "width": 20,
    "height": 20,
    "tops": [0, 5, 10],
    "panel_height": 5,
    "panels": [{"title": "sagittal, middle", "left": 0, "width": 20}],
    "vert": [20],
    "spine": [49],
}
NAMES = "number\tname\tconfidence\tsequences\n1\tL1\t0.9\tL1 to L5 (0.90)\n"
CHECKS = "check\tverdict\tvalue\treason\nheader\tpass\t1\tn/a\n"
JSON_READERS: dict[str, tuple[Any, Callable[[Path], Any]]] = {
    "sidecar": (SIDECAR, own_readers.read_sidecar),
    "run": (RUN, own_readers.read_run),
    "rating": (RATING, own_readers.read_rating),
    "comparison": ({"vertebrae": []}, own_readers.read_comparison),
    "description": ({"Name": "x", "GeneratedBy": []}, own_readers.read_description),
}


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the log of thousands of odd files short."""
    caplog.set_level(logging.ERROR)


@fuzz
@given(st.data())
@pytest.mark.parametrize("kind", JSON_READERS)
def test_json(kind: str, data: st.DataObject) -> None:
    content, reader = JSON_READERS[kind]
    with promised() as root:
        path = root / "x.json"
        path.write_bytes(data.draw(json_files(content)))
        found, fault = reader(path)
        assert isinstance(found, dict)
        assert fault or found is not None


@fuzz
@given(st.sampled_from([OUTCOMES, CHECKS, NAMES]).flatmap(lambda table: spoiled(table.encode())))
def test_tables(data: bytes) -> None:
    with promised() as root:
        path = root / "x.tsv"
        path.write_bytes(data)
        for reader in (
            own_readers.read_outcomes,
            own_readers.read_checks,
            own_readers.read_names,
            lambda file: own_readers.read_metrics(file, ("value",)),
        ):
            rows, fault = reader(path)
            assert isinstance(rows, list)
            assert isinstance(fault, str)


@fuzz
@given(json_files(MOSAIC))
def test_layouts_of_mosaics(text: bytes) -> None:
    with promised() as root:
        info = PngInfo()
        info.add_text(KEY, text.decode("latin-1"))
        Image.new("RGB", (20, 20)).save(root / "m.png", pnginfo=info)
        layout = read_layout(root / "m.png")
        assert layout is None or layout.width == 20


@fuzz
@given(json_files(SIDECAR))
def test_records(data: bytes) -> None:
    with promised() as root:
        path = root / "sub-1_seg-vert_msk.nii.gz"
        sidecar_of(path).write_bytes(data)
        assert isinstance(read_record(path), dict | None)


@fuzz
@given(json_files(RUN), spoiled(OUTCOMES.encode()), json_files(EVENT), st.integers(0, 2))
def test_history(run: bytes, outcomes: bytes, event: bytes, odd: int) -> None:
    with promised() as root:
        folder = root / "logs" / "20260101-000000_aa"
        folder.mkdir(parents=True)
        for place, (name, data) in enumerate(
            [("run.json", run), ("scans.tsv", outcomes), ("progress.jsonl", event + b"\n" + event)]
        ):
            if place <= odd:
                (folder / name).write_bytes(data)
        history = read_history(root / "logs", root)
        assert all(isinstance(source, str) for source in history.outcomes)


@fuzz
@given(st.lists(json_files(RATING), max_size=3))
def test_ratings(files: list[bytes]) -> None:
    with promised() as root:
        (root / "ratings").mkdir()
        for number, data in enumerate(files):
            (root / "ratings" / f"{number}.json").write_bytes(data)
        assert isinstance(read_ratings(root), dict)


@fuzz
@given(ODD_TEXT | st.text(max_size=300))
def test_names_that_become_part_of_a_path(text: str) -> None:
    with promised() as root:
        path = root / safe_name(text)
        assert path.resolve().parent == root
        path.write_bytes(b"")
        below = read(lambda: safe_below(text))
        if below is not None:
            assert root in (root / below).resolve().parents
