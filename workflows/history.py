"""What earlier runs wrote down about scans: how each ended, and how long its steps took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from spineps_nipype.core.files import read_json
from spineps_nipype.core.tables import read_rows
from spineps_nipype.errors import ErrCode

GOOD: Final = (ErrCode.OK.name, ErrCode.ALL_DONE.name)
"""Outcomes of scans whose results are all there."""


@dataclass(frozen=True)
class PastOutcome:
    """How a scan ended in the last run that took it.

    Parameters
    ----------
    code
        Name of its error code; ``UNKNOWN`` also for a run that was killed before its end.
    reason
        Why it failed; empty if it did not.
    run
        Name of the folder of the run in the logs.
    """

    code: str
    reason: str
    run: str


def read_outcomes(logs: Path, bids_dir: Path) -> dict[str, PastOutcome]:
    """Last outcome of every scan that a run took, by its path below the dataset.

    Folders that were moved since are found by what each run says of its own dataset. A run
    without a table was killed or is still at work; it counts for scans that no other run ended.

    Parameters
    ----------
    logs
        Folder with one folder for each run, whose names sort by time.
    bids_dir
        Root of the dataset, for runs that do not name theirs.
    """
    ended: dict[str, PastOutcome] = {}
    begun: dict[str, PastOutcome] = {}
    for run in sorted(path for path in logs.glob("*") if path.is_dir()):
        said = read_json(run / "run.json")
        home = Path(said.get("options", {}).get("bids_dir") or bids_dir)
        table = run / "scans.tsv"
        if not table.is_file():
            reason = f"The run {run.name} has not ended; if it was killed, run it again."
            for scan in said.get("scans", []):
                begun[below(scan, home)] = PastOutcome(ErrCode.UNKNOWN.name, reason, run.name)
            continue
        for row in read_rows(table):
            if row.get("file") and row.get("code"):
                good = row["code"] in GOOD
                reason = "" if good else row.get("reason") or ""
                outcome = PastOutcome(str(row["code"]), reason, run.name)
                ended[below(str(row["file"]), home)] = outcome
    return {**begun, **ended}


def read_times(logs: Path) -> dict[str, dict[str, float]]:
    """Latest duration of each node of each scan [s], by the labels of the scans."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted(logs.glob("*/progress.jsonl")):
        for event in _events(path):
            if event.get("event") == "done" and "scan" in event:
                node = str(event.get("node", "")).rpartition(".")[2]
                found.setdefault(event["scan"], {})[node] = float(event.get("seconds") or 0)
    return found


def below(scan: str | Path, bids_dir: Path) -> str:
    """Path of a scan below its dataset; its name alone where it lies outside."""
    path = Path(scan)
    return path.relative_to(bids_dir).as_posix() if path.is_relative_to(bids_dir) else path.name


def _events(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            event = json.loads(line)
        except ValueError:  # a run that was killed while it wrote
            continue
        if isinstance(event, dict):
            yield event
