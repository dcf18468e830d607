"""The script that makes the table of usual ranges, on tables as the group level writes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.usual_ranges import main, ranges
from spineps_nipype.core.tables import read_rows, write_rows
from spineps_nipype.reports.usual_ranges import FEWEST


def test_ranges_of_the_middle() -> None:
    rows = [{"level": "L1", "disc_height": str(n), "label": "20"} for n in range(101)]
    rows += [{"level": "L2", "disc_height": "5"}] * (FEWEST - 1)
    rows += [{"level": "L1", "disc_height": None}]
    assert ranges(rows) == [
        {
            "level": "L1",
            "measure": "disc_height",
            "low": 5.0,
            "median": 50.0,
            "high": 95.0,
            "scans": 101,
        }
    ]


def test_scans_whose_checks_fail_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = ["pass", "look", "fail"] * FEWEST
    scans = [{"scan": f"s{n}", "verdict": verdict} for n, verdict in enumerate(verdicts)]
    write_rows(scans, tmp_path / "group_scans.tsv")
    rows = [
        {"scan": s["scan"], "level": "L1", "disc_height": 99 if s["verdict"] == "fail" else 9}
        for s in scans
    ]
    write_rows(rows, tmp_path / "group_metrics.tsv")
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path), "--to", str(tmp_path)])
    main()
    (row,) = read_rows(tmp_path / "usual_ranges.tsv")
    assert (row["high"], row["scans"]) == ("9.0", str(2 * FEWEST))
    said = json.loads((tmp_path / "usual_ranges.json").read_text())
    assert (said["Scans"], said["ScansWithFailedChecks"]) == (2 * FEWEST, FEWEST)
    assert f" {2 * FEWEST} lumbar" in said["Whose"]
