"""A run of the pipeline on a dataset, and what its tables say of each scan."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.against_truth.systems import results_of
from spineps_nipype.workflows.app.pipelines import run_pipelines
from spineps_nipype.workflows.options.run_options import RunOptions

logger = logging.getLogger(__name__)

GOOD_CODES: Final = ("OK", "ALL_DONE")
"""Codes of scans that have results."""
KINDS: Final = ("semantic", "instance", "labeling")
TABLE: Final = "logs/*/scans.tsv"
EVENTS: Final = "progress.jsonl"
"""Beside the table: what was computed when, and how long it took."""
NAMING: Final = "label_vertebrae"
WHEN: Final = {True: "this run", False: "an earlier run"}
NONE: Final = "n/a"
"""What the tables of the pipeline say where there is nothing to say."""


class Step(NamedTuple):
    """One step of the pipeline when it was computed last."""

    seconds: float
    peak_gb: float
    now: bool


@dataclass
class ScanRun:
    """What the runs of the pipeline say of a scan.

    Parameters
    ----------
    fault
        Why there is no result, empty if there is one.
    seconds, peak_gb
        Sum and largest value over the steps, each as it was computed last: a run that continues
        from stored results takes less time than the scan does.
    timed
        Whether that was ``this run``, ``an earlier run`` or ``several runs``.
    models
        Ids of the models, semantic, instance, labelling.
    """

    fault: str = ""
    seconds: float = math.nan
    peak_gb: float = math.nan
    timed: str = ""
    models: tuple[str, ...] = ()
    steps: dict[str, Step] = field(default_factory=dict)

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
    results = results_of(options).folders.output_dir
    before = set(results.glob(TABLE))
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            status = run_pipelines(options)
        why = f"the pipeline ended with status {status}: {_last_line(said.getvalue())}"
    except Exception as fault:
        logger.exception("the pipeline broke off")
        why = f"the pipeline broke off: {type(fault).__name__}: {fault}"
    print(said.getvalue(), end="", flush=True)
    return read_runs(results, scans, before, why)


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
        now = table not in before
        steps = _computed(table.with_name(EVENTS), now=now)
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        for row in rows:
            run = runs.get(Path(row["file"]))
            if run is None:
                continue
            run.steps |= steps.get(row["scan"], {})
            if now:
                good = row["code"] in GOOD_CODES
                run.fault = "" if good else f"{row['code']}: {row['reason']}"
                run.models = tuple(row.get(f"model_{k}", NONE) for k in KINDS)
    for run in runs.values():
        _add_up(run)
    return runs


def _computed(events: Path, *, now: bool) -> dict[str, dict[str, Step]]:
    """Steps that a run computed, by scan and node."""
    found: dict[str, dict[str, Step]] = {}
    with suppress(OSError), events.open(encoding="utf-8") as stream:
        for line in stream:
            with suppress(ValueError):  # of a killed run the last line may be cut
                entry = json.loads(line)
                if entry["event"] in ("done", "failed"):
                    step = Step(entry["seconds"] or 0.0, entry["peak_gb"] or math.nan, now)
                    found.setdefault(entry["scan"], {})[entry["node"]] = step
    return found


def _add_up(run: ScanRun) -> None:
    """Fill in the sums over the steps."""
    if not run.named:  # an earlier run may have given names
        run.steps.pop(NAMING, None)
    steps = run.steps.values()
    if steps:
        run.seconds = sum(step.seconds for step in steps)
        peaks = [step.peak_gb for step in steps if not math.isnan(step.peak_gb)]
        run.peak_gb = max(peaks, default=math.nan)
        when = {step.now for step in steps}
        run.timed = "several runs" if len(when) > 1 else WHEN[when.pop()]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
