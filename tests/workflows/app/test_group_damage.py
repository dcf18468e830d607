"""One damaged file at a time: no traceback, all pages, and the scan is shown as damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.core.files import file_digest
from spineps_nipype.core.tables import read_rows
from spineps_nipype.results.sidecar import sidecar_of
from spineps_nipype.workflows.cli import main

from ..stored_dataset import Stored

Capsys = pytest.CaptureFixture[str]
DEEP = "[" * 200_000
BINARY = b"\xff\xfe\x00" * 50


class Files:
    """The files of an output folder that a test damages: those of the scan of sub-1."""

    def __init__(self, stored: Stored) -> None:
        paths = stored.paths(stored.scans[1])
        self.out, self.run = stored.out, next(stored.out.glob("logs/*/"))
        self.metrics, self.checks = paths["out_metrics"], paths["out_checks"]
        self.sidecar, self.snapshot = sidecar_of(paths["out_vert"]), paths["out_snap"]
        self.rating = self.out / "ratings" / "a.json"
        self.rating.parent.mkdir()
        for path in (self.metrics, self.checks):  # with the digest that a run records
            said = {"Provenance": {"Sha256": file_digest(path)}}
            sidecar_of(path).write_text(json.dumps(said))

    def change(self, path: Path, **entries: Any) -> None:
        """Change entries of a JSON file."""
        path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))

    def provenance(self, **entries: Any) -> None:
        """Change entries of the record of the scan."""
        said = json.loads(self.sidecar.read_text())
        said["Provenance"].update(entries)
        self.sidecar.write_text(json.dumps(said))

    def add(self, path: Path, text: str | bytes) -> None:
        """Add to the end of a file."""
        with path.open("ab") as stream:
            stream.write(text if isinstance(text, bytes) else text.encode())


def line(**event: Any) -> str:
    return "\n" + json.dumps({"event": "done", "scan": "sub-1_T2w", "node": "x", **event}) + "\n"


OF_THE_SCAN: dict[str, Callable[[Files], object]] = {
    "sources is a number": lambda f: f.change(f.sidecar, Sources=5),
    "sources are numbers": lambda f: f.change(f.sidecar, Sources=[1, None]),
    "versions is a list": lambda f: f.change(f.sidecar, Versions=[1]),
    "models is a number": lambda f: f.provenance(Models=5),
    "a model is a word": lambda f: f.provenance(Models={"semantic": "x"}),
    "a model has no name": lambda f: f.provenance(Models={"semantic": {}}),
    "a setting is a word": lambda f: f.provenance(
        Settings={"preprocess": {"proc_pad_size": "abc"}}
    ),
    "settings is a list": lambda f: f.provenance(Settings=[1]),
    "other numerics": lambda f: f.provenance(Settings={"numerics": "mine"}),
    "empty sidecar": lambda f: f.sidecar.write_text(""),
    "deep sidecar": lambda f: f.sidecar.write_text(DEEP),
    "binary sidecar": lambda f: f.sidecar.write_bytes(BINARY),
    "empty checks": lambda f: f.checks.write_text(""),
    "checks without columns": lambda f: f.checks.write_text("a\tb\n1\t2\n"),
    "binary checks": lambda f: f.checks.write_bytes(BINARY),
    "checks with another verdict": lambda f: f.checks.write_text(
        f.checks.read_text().replace("look", "splendid")
    ),
    "empty metrics": lambda f: f.metrics.write_text(""),
    "metrics of words": lambda f: f.metrics.write_text(f.metrics.read_text().replace(".", "x")),
    "ragged metrics": lambda f: f.add(f.metrics, "\t".join("x" * 90) + "\n"),
    "metrics with another value": lambda f: f.metrics.write_text(
        f.metrics.read_text().replace("10.1", "11.1")
    ),
}
OF_THE_FOLDER: dict[str, Callable[[Files], object]] = {
    "options is a list": lambda f: f.change(f.run / "run.json", options=[1]),
    "scans is a number": lambda f: f.change(f.run / "run.json", scans=5),
    "empty run": lambda f: (f.run / "run.json").write_text(""),
    "deep run": lambda f: (f.run / "run.json").write_text(DEEP),
    "binary table": lambda f: (f.run / "scans.tsv").write_bytes(BINARY),
    "empty table": lambda f: (f.run / "scans.tsv").write_text(""),
    "table with NUL": lambda f: f.add(f.run / "scans.tsv", "a\0b\t\n"),
    "table with a long cell": lambda f: f.add(f.run / "scans.tsv", "x" * 200_000 + "\tOK\n"),
    "ragged table": lambda f: f.add(f.run / "scans.tsv", "\t".join(["x"] * 40) + "\n"),
    "binary events": lambda f: f.add(f.run / "progress.jsonl", b"\xff\xfe\n"),
    "a duration is a word": lambda f: f.add(f.run / "progress.jsonl", line(seconds="abc")),
    "a scan is a list": lambda f: f.add(f.run / "progress.jsonl", line(scan=["x"], seconds=1)),
    "events without scans": lambda f: f.add(f.run / "progress.jsonl", '{"ended": "done"}\n'),
    "an endless duration": lambda f: f.add(f.run / "progress.jsonl", line(seconds=1e999)),
    "description is a list": lambda f: (f.out / "dataset_description.json").write_text("[1]"),
    "deep description": lambda f: (f.out / "dataset_description.json").write_text(DEEP),
    "deep rating": lambda f: f.rating.write_text(DEEP),
    "huge rating": lambda f: f.rating.write_text('{"scan":1' + "0" * 5000 + "}"),
    "rating of a list": lambda f: f.rating.write_text('{"scan": [1], "rating": "pass"}'),
    "broken picture": lambda f: f.snapshot.write_text("x"),
    "half of a picture": lambda f: f.snapshot.write_bytes(f.snapshot.read_bytes()[:300]),
    "a source outside": lambda f: f.change(
        f.sidecar, Sources=["bids:raw:../../../../../../etc/passwd"]
    ),
}


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path, subjects=4)


def group(stored: Stored, capsys: Capsys) -> dict[str, dict[str, str | None]]:
    """Run the level with the pages; rows of its table by scan."""
    assert main([str(stored.bids), str(stored.out), "group", "--reports-only"]) == 0
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    for number in range(4):
        assert (stored.out / f"sub-{number}.html").is_file()
    assert (stored.out / "group.html").is_file()
    return {str(row["scan"]): row for row in read_rows(stored.out / "group_scans.tsv")}


@pytest.mark.parametrize("damage", OF_THE_SCAN)
def test_a_damaged_file_of_a_scan(stored: Stored, capsys: Capsys, damage: str) -> None:
    OF_THE_SCAN[damage](Files(stored))
    rows = group(stored, capsys)
    assert set(rows) == {f"sub-{i}_T2w" for i in range(4)}
    assert rows["sub-1_T2w"]["status"] == "damaged"
    assert "sub-1" in str(rows["sub-1_T2w"]["error"])
    assert rows["sub-0_T2w"]["status"] == "done"
    assert "Damaged: " in (stored.out / "sub-1.html").read_text()


@pytest.mark.parametrize("damage", OF_THE_FOLDER)
def test_a_damaged_file_of_a_run(stored: Stored, capsys: Capsys, damage: str) -> None:
    OF_THE_FOLDER[damage](Files(stored))
    rows = group(stored, capsys)
    assert {"sub-0_T2w", "sub-1_T2w", "sub-2_T2w"} <= set(rows)
    assert not [name for name in rows if "passwd" in name]


def test_a_comment_is_no_formula(stored: Stored, capsys: Capsys) -> None:
    stored.rate("a.json", scan="sub-1_T2w", rating="pass", comment='=HYPERLINK("http://x","y")')
    assert str(group(stored, capsys)["sub-1_T2w"]["comments"]).startswith("'=HYPERLINK")


def test_files_of_others_with_the_names_of_ours(stored: Stored, capsys: Capsys) -> None:
    page = stored.out / "sub-1.html"
    page.write_text("<html>theirs</html>")
    assert main([str(stored.bids), str(stored.out), "group", "--reports-only"]) == 0
    assert page.read_text() == "<html>theirs</html>"
    assert "sub-1_spine.html#" in (stored.out / "group.html").read_text()
    for name in ("group.html", "group_scans.tsv", "group_metrics.json"):
        path = stored.out / name
        ours = path.read_bytes()
        path.write_text("theirs")
        assert main([str(stored.bids), str(stored.out), "group"]) == 1
        assert f"[{path}]" in capsys.readouterr().out
        assert path.read_text() == "theirs"
        path.write_bytes(ours)
    assert main([str(stored.bids), str(stored.out), "group"]) == 0
