"""What earlier runs wrote down about scans: how each ended, and how long its steps took."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.names import split_extension
from spineps_nipype.core.own_readers import read_events, read_outcomes, read_run
from spineps_nipype.core.safe_names import safe_below
from spineps_nipype.core.schema import Rows
from spineps_nipype.errors import ErrCode

logger = logging.getLogger("spineps_nipype.reports")

GOOD: Final = (ErrCode.OK.name, ErrCode.ALL_DONE.name)
"""Outcomes of scans whose results are all there."""
FIRST_STEPS: Final = frozenset({"semantic", "network1", "cord", "slices"})
"""First network of each system: a run that did it did all that follows."""


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


@dataclass(frozen=True)
class History:
    """What the runs say of scans.

    Parameters
    ----------
    outcomes
        Last outcome of each scan, by its path below the dataset.
    times
        Latest duration of each node [s], by the label of the scan.
    """

    outcomes: dict[str, PastOutcome] = field(default_factory=dict)
    times: dict[str, dict[str, float]] = field(default_factory=dict)

    def knows_all_of(self, source: str) -> bool:
        """Whether older runs have nothing to add about a scan."""
        outcome = self.outcomes.get(source)
        if outcome is None:
            return False
        nodes = self.times.get(split_extension(Path(source).name)[0], {})
        return outcome.code not in GOOD or not FIRST_STEPS.isdisjoint(nodes)


def read_history(logs: Path, bids_dir: Path, wanted: Collection[str] | None = None) -> History:
    """Read the runs, the newest first.

    Folders that were moved since are found by what each run says of its own dataset. A run
    without a table was killed or is still at work: it counts for scans that it has ended, and for
    those that no other run ended.

    Parameters
    ----------
    logs
        Folder with one folder for each run, whose names sort by time.
    bids_dir
        Root of the dataset, for runs that do not name theirs.
    wanted
        Scans below the dataset that are asked for; runs that are older than all that happened to
        them are not read, as there may be thousands. None reads all runs.
    """
    history = History()
    begun: dict[str, PastOutcome] = {}
    runs = sorted((path for path in logs.glob("*") if path.is_dir()), reverse=True)
    for run in runs:
        said, fault = read_run(run / "run.json")
        if fault:
            logger.warning("%s is damaged: %s", run / "run.json", fault)
        home = Path(said.get("options", {}).get("bids_dir") or bids_dir)
        table, events = run / "scans.tsv", list(read_events(run / "progress.jsonl"))
        rows, fault = read_outcomes(table) if table.is_file() else Rows([])
        if table.is_file() and not fault:
            for source, outcome in _outcomes(rows, home, run.name):
                history.outcomes.setdefault(source, outcome)
        else:
            reason = (
                f"The table of the run {run.name} is damaged ({fault}); run it again."
                if fault
                else f"The run {run.name} has not ended; if it was killed, run it again."
            )
            ended = dict(_ended(events, run.name))
            for scan in said.get("scans", []):
                outcome = PastOutcome(ErrCode.UNKNOWN.name, reason, run.name)
                known = ended.get(split_extension(Path(scan).name)[0])
                (begun if known is None else history.outcomes).setdefault(
                    below(scan, home), known or outcome
                )
        for label, node, seconds in _durations(events):
            history.times.setdefault(label, {}).setdefault(node, seconds)
        if wanted is not None and all(map(history.knows_all_of, wanted)):
            break
    return History({**begun, **history.outcomes}, history.times)


def _outcomes(
    rows: Sequence[Mapping[str, str | None]], home: Path, run: str
) -> Iterator[tuple[str, PastOutcome]]:
    for row in rows:
        code = str(row["code"])
        reason = "" if code in GOOD else row.get("reason") or ""
        yield below(str(row["file"]), home), PastOutcome(code, reason, run)


def _ended(events: Sequence[Mapping[str, Any]], run: str) -> Iterator[tuple[str, PastOutcome]]:
    """Scans that a run without a table has brought to an end."""
    for event in events:
        if "scan" not in event:
            continue
        if event.get("ended") == "done":
            yield event["scan"], PastOutcome(ErrCode.OK.name, "", run)
        elif event.get("reason"):
            yield event["scan"], PastOutcome(ErrCode.UNKNOWN.name, event["reason"], run)


def _durations(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, float]]:
    """Label, node and seconds of what was computed, the last first."""
    for event in reversed(events):
        if event.get("event") == "done" and "scan" in event:
            node = str(event.get("node", "")).rpartition(".")[2]
            yield event["scan"], node, float(event.get("seconds") or 0)


def below(scan: str | Path, bids_dir: Path) -> str:
    """Path of a scan below its dataset; its name alone where it lies outside."""
    path = Path(scan)
    inside = path.relative_to(bids_dir).as_posix() if path.is_relative_to(bids_dir) else ""
    return safe_below(inside) or path.name
