"""How a run ended: the outcome of each scan, the table of it, the last words, the exit status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spineps_nipype.core.files import is_file
from spineps_nipype.core.tables import write_rows
from spineps_nipype.errors import ErrCode, SpinepsError

from ..systems.scan_jobs import PlannedScan, RefusedScan

if TYPE_CHECKING:  # a dry run has no use for nipype
    from ..engine.progress import Progress, ScanProgress

ALL_DONE, NOTHING_RAN, WRONG_USAGE, SOME_FAILED = 0, 1, 2, 3
"""Exit statuses."""
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
    complete = seen.finished and all(is_file(scan.files[key]) for key in scan.results)
    if not complete:
        return ended(ErrCode.UNKNOWN, INTERRUPTED if interrupted else UNFINISHED)
    return ended(ErrCode.OK, "; ".join(scan.models.notes))


def with_names(first: Sequence[Outcome], second: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes of scans of which some got the names of their session after all else was done."""
    later = {outcome.scan.label: outcome for outcome in second}
    return [_both(one, later.get(one.scan.label)) for one in first]


def _both(first: Outcome, second: Outcome | None) -> Outcome:
    if second is None:
        return first
    reason = first.reason if first.code == ErrCode.OK and second.succeeded else second.reason
    return replace(
        second,
        reason=reason,
        seconds=first.seconds + second.seconds,
        peak_gb=max(first.peak_gb, second.peak_gb),
    )


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
    write_rows([_row(result) for result in results], path)


def _row(result: Outcome) -> dict[str, Any]:
    """Row of a scan: how it ended, its models, the file, its results."""
    scan = result.scan
    packages = scan.models.packages if scan.models else {}
    models = {f"model_{kind}": packages.get(kind) for kind in scan.kinds}
    ended = {
        "scan": scan.label,
        "code": result.code.name,
        "seconds": f"{result.seconds:.1f}" if result.seconds > 0 else None,
        "peak_memory_gb": f"{result.peak_gb:.2f}" if result.peak_gb else None,
        "reason": " ".join(result.reason.split()),
        "node": result.node,
        "crash_file": result.crash_file,
    }
    return {
        **ended,
        **{name: None if package is None else package.id for name, package in models.items()},
        "file": str(scan.scan.path),
        **{key: str(p) if is_file(p := scan.files[key]) else None for key in scan.results},
    }


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
