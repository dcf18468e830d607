"""How a run ended: the outcome of each scan, the table of it, the last words, the exit status."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spineps_nipype.core.files import whole_file
from spineps_nipype.errors import ErrCode, SpinepsError

from ..systems.scan_jobs import PlannedScan, RefusedScan

if TYPE_CHECKING:  # a dry run has no use for nipype
    from ..engine.progress import Progress, ScanProgress

ALL_DONE, NOTHING_RAN, WRONG_USAGE, SOME_FAILED = 0, 1, 2, 3
"""Exit statuses."""
COLUMNS: Final = ("scan", "code", "seconds", "peak_memory_gb", "reason", "node", "crash_file")
"""Columns of every table; models, the file and the results of the system follow."""
NOT_APPLICABLE: Final = "n/a"
INTERRUPTED: Final = "The run was stopped before this scan was finished; run it again to go on."
UNFINISHED: Final = "The scan was not finished; run it again to go on."


@dataclass(frozen=True)
class Outcome:
    """How a scan ended."""

    scan: PlannedScan
    code: ErrCode
    reason: str = ""
    seconds: float = 0.0
    peak_gb: float = 0.0
    node: str = ""
    crash_file: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether all results of the scan are there."""
        return self.code in (ErrCode.OK, ErrCode.ALL_DONE)


def outcomes(
    scans: Iterable[PlannedScan], progress: Progress | None = None, interrupted: bool = False
) -> list[Outcome]:
    """Outcome of each scan, from what was planned and what happened."""
    seen = progress.scans if progress else {}
    return [_outcome(one, seen.get(one.name), interrupted) for one in scans]


def _outcome(scan: PlannedScan, seen: ScanProgress | None, interrupted: bool) -> Outcome:
    if isinstance(scan, RefusedScan):
        return Outcome(scan, scan.fault.code, str(scan.fault))
    if not scan.runs:
        return Outcome(scan, ErrCode.ALL_DONE, "all results were there already")
    if seen is None:
        return Outcome(scan, ErrCode.UNKNOWN, UNFINISHED)
    ended = partial(Outcome, scan, seconds=round(seen.seconds, 1), peak_gb=seen.peak_gb)
    if seen.failure is not None:
        failure = seen.failure
        return ended(
            failure.code, failure.reason, node=failure.where, crash_file=failure.crash_file
        )
    complete = seen.finished and all(scan.files[key].is_file() for key in scan.results)
    if not complete:
        return ended(ErrCode.UNKNOWN, INTERRUPTED if interrupted else UNFINISHED)
    return ended(ErrCode.OK, "; ".join(scan.models.notes))


def exit_status(results: Sequence[Outcome]) -> int:
    """Exit status of a run that got as far as looking at its scans."""
    if not results:
        return NOTHING_RAN
    return ALL_DONE if all(result.succeeded for result in results) else SOME_FAILED


def write_table(results: Sequence[Outcome], path: Path) -> None:
    """Write one row a scan as TSV; all scans are of one system.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    first = results[0].scan
    kinds, keys = first.kinds, list(first.results)
    writer.writerow([*COLUMNS, *(f"model_{kind}" for kind in kinds), "file", *keys])
    for result in results:
        scan = result.scan
        packages = scan.models.packages if scan.models else {}
        models = [
            package.id if (package := packages.get(kind)) is not None else NOT_APPLICABLE
            for kind in kinds
        ]
        files = [
            str(path_) if (path_ := scan.files[key]).is_file() else NOT_APPLICABLE for key in keys
        ]
        ran = result.seconds > 0
        writer.writerow(
            [
                scan.label,
                result.code.name,
                f"{result.seconds:.1f}" if ran else NOT_APPLICABLE,
                f"{result.peak_gb:.2f}" if result.peak_gb else NOT_APPLICABLE,
                " ".join(result.reason.split()) or NOT_APPLICABLE,
                result.node or NOT_APPLICABLE,
                result.crash_file or NOT_APPLICABLE,
                *models,
                scan.scan.path,
                *files,
            ]
        )
    with whole_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def closing_lines(results: Sequence[Outcome], table: Path | None) -> str:
    """Results of each scan by name, then one line that says how the run ended, and why."""
    lines: list[str] = []
    for result in results:
        time = f", {result.seconds:.0f} s" if result.seconds else ""
        lines.append(f"{result.scan.label}: {result.code.name}{time}")
        if result.succeeded:
            lines += [
                f"  {word:<14}{result.scan.files[key]}"
                for key, word in result.scan.results.items()
            ]
        else:
            lines.append(f"  {result.reason}")
            if result.crash_file:
                lines.append(f"  traceback     {result.crash_file}")
    if table is not None:
        lines.append(f"Table of this run: {table}")
    lines.append(closing_line(results))
    return "\n".join(lines)


def closing_line(results: Sequence[Outcome]) -> str:
    """How the run ended, and why."""
    failed = [result for result in results if not result.succeeded]
    before = sum(result.code == ErrCode.ALL_DONE for result in results)
    earlier = f" ({before} of them before)" if before else ""
    if not failed:
        return f"All {len(results)} scans are done{earlier}."
    reasons = "; ".join(f"{r.scan.label} ({r.code.name}): {r.reason}" for r in failed[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f"{len(failed)} of {len(results)} scans failed{earlier_failed(before)}: {reasons}{more}"


def earlier_failed(before: int) -> str:
    """Addition to a line about failures: scans that were done before."""
    return f" ({before} were done before)" if before else ""


def fault_line(fault: SpinepsError) -> str:
    """Last line of a run that could not begin."""
    return f"Nothing was run: {fault}"
