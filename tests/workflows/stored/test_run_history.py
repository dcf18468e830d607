from __future__ import annotations

import json
from pathlib import Path

import pytest

from spineps_nipype.core.tables import write_rows
from spineps_nipype.workflows.stored.run_history import below, read_history

SCAN = "sub-a/anat/sub-a_T2w.nii.gz"
LABEL = "sub-a_T2w"


def write_run(logs: Path, name: str, code: str | None, nodes: dict[str, float]) -> None:
    """A run that took the scan; without a code it was killed."""
    run = logs / name
    run.mkdir(parents=True)
    scan = f"/old/place/{SCAN}"
    said = {"options": {"bids_dir": "/old/place"}, "scans": [scan]}
    (run / "run.json").write_text(json.dumps(said))
    if code is not None:
        write_rows(
            [{"scan": LABEL, "code": code, "reason": "why", "file": scan}], run / "scans.tsv"
        )
    events = [
        json.dumps({"scan": LABEL, "node": node, "event": "done", "seconds": seconds})
        for node, seconds in nodes.items()
    ]
    (run / "progress.jsonl").write_text("\n".join(events))


def test_the_last_run_counts(tmp_path: Path) -> None:
    write_run(tmp_path, "1", "OK", {"semantic": 5, "snapshot": 1})
    write_run(tmp_path, "2", "EMPTY", {"semantic": 7})
    history = read_history(tmp_path, Path("/new"))
    outcome = history.outcomes[SCAN]
    assert (outcome.code, outcome.reason, outcome.run) == ("EMPTY", "why", "2")
    assert history.times[LABEL] == {"semantic": 7, "snapshot": 1}


def test_a_run_that_went_on_keeps_the_times_of_the_first(tmp_path: Path) -> None:
    write_run(tmp_path, "1", "UNKNOWN", {"semantic": 5})
    write_run(tmp_path, "2", "OK", {"snapshot": 1})
    history = read_history(tmp_path, Path("/new"), [SCAN])
    assert history.times[LABEL] == {"semantic": 5, "snapshot": 1}


def test_older_runs_are_not_read(tmp_path: Path) -> None:
    """Thousands of tasks of an array share a folder; each reads what is about its scans."""
    write_run(tmp_path, "1", "OK", {"semantic": 5})
    write_run(tmp_path, "2", "OK", {"semantic": 6})
    (tmp_path / "1" / "scans.tsv").write_bytes(b"\xff\xfe")  # reading it would be an error
    assert read_history(tmp_path, Path("/new"), [SCAN]).times[LABEL] == {"semantic": 6}


def test_a_run_without_its_end(tmp_path: Path) -> None:
    write_run(tmp_path, "1", None, {"semantic": 5})
    outcome = read_history(tmp_path, Path("/new")).outcomes[SCAN]
    assert outcome.code == "UNKNOWN"
    assert "1 has not ended" in outcome.reason
    write_run(tmp_path, "0", "OK", {})
    assert read_history(tmp_path, Path("/new")).outcomes[SCAN].code == "OK"


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ({"event": "done", "ended": "done"}, "OK", ""),
        ({"event": "failed", "ended": "failed", "reason": "It is 2-D."}, "UNKNOWN", "It is 2-D."),
    ],
)
def test_scans_that_a_run_at_work_has_ended(
    tmp_path: Path, said: dict[str, str], code: str, reason: str
) -> None:
    """What it says of them counts, before older runs, although its table is not written yet."""
    write_run(tmp_path, "0", "EMPTY", {})
    write_run(tmp_path, "1", None, {"semantic": 5})
    with (tmp_path / "1" / "progress.jsonl").open("a") as stream:
        stream.write("\n" + json.dumps({"scan": LABEL, "node": "snapshot", **said}) + "\n")
    outcome = read_history(tmp_path, Path("/new")).outcomes[SCAN]
    assert (outcome.code, outcome.reason, outcome.run) == (code, reason, "1")


def test_no_logs(tmp_path: Path) -> None:
    assert read_history(tmp_path / "absent", Path("/new")).outcomes == {}


def test_paths_below_the_dataset() -> None:
    assert below("/data/sub-a/x.nii", Path("/data")) == "sub-a/x.nii"
    assert below("/elsewhere/x.nii", Path("/data")) == "x.nii"
