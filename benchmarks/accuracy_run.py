"""Run of the pipeline on a dataset, and what its tables say of each scan."""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spineps_nipype.workflows.options import RunOptions
from spineps_nipype.workflows.participant import run_participants

logger = logging.getLogger(__name__)

GOOD_CODES: Final = ("OK", "ALL_DONE")
TABLE: Final = "logs/*/scans.tsv"
NONE: Final = "n/a"
"""What the tables of the pipeline say where there is nothing to say."""


@dataclass
class ScanRun:
    """What the runs of the pipeline tell of a scan.

    Parameters
    ----------
    fault
        Why there is no result, empty if there is one.
    seconds, peak_gb
        Of the latest run that computed something for this scan.
    timed
        Whether that was ``this run`` or ``an earlier run``.
    models
        Ids of the models, semantic, instance, labelling.
    """

    fault: str = ""
    seconds: float = math.nan
    peak_gb: float = math.nan
    timed: str = ""
    models: tuple[str, ...] = ()

    @property
    def named(self) -> bool:
        """Whether a labelling model gave the vertebrae names."""
        return len(self.models) == 3 and self.models[2] != NONE


def segment(options: RunOptions, scans: Sequence[Path]) -> dict[Path, ScanRun]:
    """Run the pipeline; finished scans are reused.

    Returns
    -------
    dict of ScanRun
        For each of `scans`. A run that cannot begin is a fault of all.
    """
    before = set(options.output_dir.glob(TABLE))
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            status = run_participants(options)
        why = f"the pipeline ended with status {status}: {_last_line(said.getvalue())}"
    except Exception as fault:
        logger.exception("the pipeline broke off")
        why = f"the pipeline broke off: {type(fault).__name__}: {fault}"
    print(said.getvalue(), end="", flush=True)
    return read_runs(options.output_dir, scans, before, why)


def read_runs(
    results: Path, scans: Sequence[Path], before: set[Path], why: str
) -> dict[Path, ScanRun]:
    """Gather the tables of all runs in an output folder.

    Parameters
    ----------
    before
        Tables of earlier runs.
    why
        Reason for scans that stand in no table of this run.
    """
    runs = {path: ScanRun(fault=why) for path in scans}
    # Folders of runs are called by their time.
    for table in sorted(results.glob(TABLE), key=lambda path: path.parent.name):
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        for row in rows:
            run = runs.get(Path(row["file"]))
            if run is not None:
                _note(run, row, now=table not in before)
    return runs


def _note(run: ScanRun, row: dict[str, str], *, now: bool) -> None:
    if now:
        good = row["code"] in GOOD_CODES
        run.fault = "" if good else f"{row['code']}: {row['reason']}"
        run.models = tuple(row[f"model_{k}"] for k in ("semantic", "instance", "labeling"))
    if row["seconds"] != NONE:
        run.seconds, run.peak_gb = _number(row["seconds"]), _number(row["peak_memory_gb"])
        run.timed = "this run" if now else "an earlier run"


def _number(text: str) -> float:
    return math.nan if text == NONE else float(text)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
