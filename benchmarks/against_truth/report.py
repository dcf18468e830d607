"""The report of a scan: how it is measured, and what is known of it then."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.against_truth.label_sets import LabelSet
from benchmarks.against_truth.mask_files import Pair
from benchmarks.against_truth.pipeline_run import ScanRun
from benchmarks.against_truth.scan import KindScore, Measured, load_scan, measure
from benchmarks.against_truth.systems import JUDGED, load_results, result_files, system_of
from benchmarks.against_truth.truth import load_truth
from spineps_nipype.errors import SpinepsError
from spineps_nipype.workflows.options.run_options import RunOptions

logger = logging.getLogger(__name__)


@dataclass
class ScanReport:
    """What is known of a scan.

    Parameters
    ----------
    scan
        File name without extension.
    status
        ``done``, ``failed`` or ``skipped``.
    reason
        Why it failed or was skipped.
    seconds, peak_gb, timed
        See `pipeline_run.ScanRun`.
    listed_discs
        Discs that the participants table counts.
    models
        Ids of the models, separated by spaces.
    masks
        File names of the truth masks.
    notes
        What a reader of the figures has to know.
    measured
        None if the scan was not measured.
    results
        Where its results lie, see `systems.result_files`.
    """

    scan: str
    subject: str = ""
    modality: str = ""
    status: str = "done"
    reason: str = ""
    seconds: float = math.nan
    peak_gb: float = math.nan
    timed: str = ""
    listed_discs: int | None = None
    models: str = ""
    masks: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    measured: Measured | None = None
    results: Mapping[str, Path] = field(default_factory=dict)

    @property
    def disc_count(self) -> int:
        """Discs in the result."""
        found = self._kind("disc")
        return len(found.result.numbers) if found else 0

    @property
    def vertebrae_right(self) -> bool | None:
        """Whether there is one instance for every vertebra; None if the truth shows none."""
        found = self._kind("vertebra")
        return found.matching.right if found else None

    @property
    def discs_right(self) -> bool | None:
        """Whether there is one instance for every disc; None if the truth shows none."""
        found = self._kind("disc")
        return found.matching.right if found else None

    def _kind(self, name: str) -> KindScore | None:
        return self.measured.kinds.get(name) if self.measured else None


def measure_scan(
    pair: Pair,
    options: RunOptions,
    sets: Sequence[LabelSet],
    run: ScanRun,
    counts: Mapping[str, int],
) -> ScanReport:
    """Measure a scan; whatever goes wrong with it is in its report.

    Parameters
    ----------
    options
        Of the run of the pipeline.
    sets
        Label sets that its masks may have.
    run
        What the pipeline says of the scan.
    counts
        Its row of the participants table.
    """
    report = ScanReport(
        pair.name,
        pair.subject,
        pair.scan.modality or "",
        seconds=run.seconds,
        peak_gb=run.peak_gb,
        timed=run.timed,
        listed_discs=counts.get("num_discs"),
        models=" ".join(run.models),
        masks=tuple(mask.name for mask in pair.masks),
    )
    if run.fault:
        report.status, report.reason = "failed", run.fault
        return report
    system, paths = system_of(options), result_files(options, pair.scan.path)
    report.results = paths
    try:
        image = load_scan(pair.scan.path)
        truth = load_truth(pair, image, sets, counts)
        result = load_results(system, paths, image)
        named = run.named or system in JUDGED
        measured = measure(image, truth, result, named=named)
        if system in JUDGED:
            scores = [s for s in measured.scores if s.structure in JUDGED[system]]
            measured = replace(measured, scores=scores)
        report.measured = measured
        report.notes = truth.notes
    except Exception as fault:  # one odd scan must not stop the others
        if not isinstance(fault, SpinepsError):
            logger.exception("%s could not be measured", pair.scan.path)
        report.status = "failed"
        report.reason = f"not measured: {type(fault).__name__}: {fault}"
    for note in report.notes:
        print(f"{pair.name}: {note}", file=sys.stderr)
    return report
