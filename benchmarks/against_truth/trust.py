"""What a reader can trust: verdicts and probabilities of results against what is true of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.tables import write_tsv
from benchmarks.against_truth.trust_dice import Told, dice_lines, told_of, write_dice
from benchmarks.against_truth.truth import TRUTH_VERSION
from spineps_nipype.core.files import whole_file
from spineps_nipype.core.tables import read_labels, read_rows
from spineps_nipype.core.verdicts import VERDICTS, worst
from spineps_nipype.metrics.calibration import (
    area_under_curve,
    calibration_curve,
    calibration_error,
)
from spineps_nipype.metrics.checks import NAMES, check_names, summed_up
from spineps_nipype.metrics.findings import OVERALL

LEAST_DICE: Final = 0.75
"""Masks of which a structure has less are wrong."""
TRUST_COLUMNS: Final = (
    *("scan", "subject", "modality", "verdict", "names_verdict", "masks_right", "names_right"),
    *("worst_dice", "least_confidence", "wrong", "reasons"),
)
NAME_COLUMNS: Final = ("scan", "subject", "level", "confidence", "right")
RULES: Final = (
    f"Masks are right if every vertebra and disc of the truth is found, none is invented, and no "
    f"structure has a Dice below {LEAST_DICE}. Names are right if each found vertebra whose true "
    "name is known has it. A scan is right if both hold, as far as its truth tells."
)


@dataclass(frozen=True)
class ScanTrust:
    """What the results of a scan say of themselves, and what is true.

    Parameters
    ----------
    verdict, names_verdict
        Of all checks, and of the one of the names; empty if there is none.
    reasons
        Of all checks.
    wrong
        What is wrong, in words; empty if nothing is.
    names_right
        None if no name is known.
    worst_dice
        Of all structures that the truth shows.
    names
        Vertebrae whose true name is known: name given, its probability, whether it is right.
    dice
        Structures whose Dice was expected and is known.
    """

    report: ScanReport
    verdict: str
    names_verdict: str
    reasons: str
    wrong: tuple[str, ...]
    names_right: bool | None
    worst_dice: float
    names: tuple[tuple[str, float, bool], ...] = field(default=())
    dice: tuple[Told, ...] = ()

    @property
    def masks_right(self) -> bool:
        """Whether nothing but names is wrong."""
        return not set(self.wrong) - {"names"}


def trust_of(report: ScanReport) -> ScanTrust:
    """Read the checks and names of a measured scan."""
    assert report.measured is not None
    checks = _checks(report.results)
    verdicts = {row["check"]: row["verdict"] or "" for row in reversed(checks)}
    reasons = next((row["reason"] or "" for row in checks if row["check"] == OVERALL), "")
    vertebra = report.measured.kinds.get("vertebra")
    right = dict(vertebra.levels) if vertebra else {}
    lowest = min((s.overlap.dice for s in report.measured.scores), default=math.nan)
    return ScanTrust(
        report,
        verdicts.get(OVERALL, ""),
        worst(row["verdict"] for row in checks if row["check"] == NAMES) or "",
        reasons,
        tuple(_wrong(report, right, lowest)),
        all(right.values()) if right else None,
        lowest,
        tuple(_names(report, right)),
        tuple(told_of(report, checks)),
    )


def _checks(results: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Rows of the checks; systems that store none are judged by their names alone."""
    if "out_checks" in results:
        return list(read_rows(results["out_checks"]))
    table = results["out_labels"]
    found = check_names(read_labels(table)) if table.is_file() else []
    return [asdict(finding) for finding in ([summed_up(found), *found] if found else [])]


def _wrong(report: ScanReport, right: Mapping[int, bool], lowest: float) -> Iterator[str]:
    if report.vertebrae_right is False:
        yield "vertebrae"
    if report.discs_right is False:
        yield "discs"
    if lowest < LEAST_DICE:
        yield "masks"
    if not all(right.values()):
        yield "names"


def _names(report: ScanReport, right: Mapping[int, bool]) -> Iterator[tuple[str, float, bool]]:
    """Names that can be judged, with their probabilities."""
    table = report.results["out_labels"]
    vertebra = report.measured.kinds.get("vertebra") if report.measured else None
    if vertebra is None or not table.is_file():
        return
    rows = read_labels(table)
    told = {str(row["name"]): row["confidence"] for row in rows if row.get("confidence")}
    for match in vertebra.matching.found:
        name = vertebra.result.names.get(match.result)
        if match.truth in right and name in told:
            yield name, float(told[name]), right[match.truth]


def write_trust(folder: Path, scans: Sequence[ScanTrust], command: str) -> None:
    """Write ``trust.tsv``, ``names.tsv``, ``quality.tsv``, ``trust.md`` and both pictures."""
    write_tsv(folder / "trust.tsv", TRUST_COLUMNS, map(_row, scans))
    rows = [(s.report.scan, s.report.subject, *name) for s in scans for name in s.names]
    write_tsv(folder / "names.tsv", NAME_COLUMNS, rows)
    write_dice(folder, [(s.report, s.dice) for s in scans])
    with whole_file(folder / "trust.md") as temporary:
        temporary.write_text(trust_text(scans, command), encoding="utf-8")
    draw_calibration(scans, folder / "calibration.png")


def _row(scan: ScanTrust) -> tuple[Any, ...]:
    report = scan.report
    return (
        *(report.scan, report.subject, report.modality, scan.verdict, scan.names_verdict),
        *(scan.masks_right, scan.names_right, scan.worst_dice),
        min((c for _, c, _ in scan.names), default=None),
        *(", ".join(scan.wrong), scan.reasons),
    )


def trust_text(scans: Sequence[ScanTrust], command: str) -> str:
    """Summary as Markdown."""
    lines = [
        "# Trust",
        "",
        f"    {command}",
        "",
        f"{len(scans)} scans with results, truth masks read by version {TRUTH_VERSION} of the "
        f"rules. {RULES}",
        "",
        "| overall verdict | everything right | something wrong |",
        "|---|---|---|",
        *_verdict_lines(scans),
        "",
        *_name_lines(scans),
        "",
        *dice_lines([scan.dice for scan in scans]),
    ]
    wrong = [scan for scan in scans if scan.wrong]
    lines += ["", "## Scans with something wrong", ""] if wrong else []
    lines += [
        f"- {s.report.scan}: {', '.join(s.wrong)} (verdict {s.verdict}: {s.reasons})"
        for s in wrong
    ]
    return "\n".join(lines) + "\n"


def _verdict_lines(scans: Sequence[ScanTrust]) -> Iterator[str]:
    counts = Counter((scan.verdict, bool(scan.wrong)) for scan in scans)
    for verdict in VERDICTS:
        yield f"| {verdict} | {counts[verdict, False]} | {counts[verdict, True]} |"


def _name_lines(scans: Sequence[ScanTrust]) -> Iterator[str]:
    """How good the probabilities of names are, and the check that reads them."""
    judged = [scan for scan in scans if scan.names]
    each = [name for scan in judged for name in scan.names]
    if not each:
        yield "No true name is known, so names are not judged."
        return
    confidence = np.array([c for _, c, _ in each])
    right = np.array([good for *_, good in each])
    least = np.array([min(c for _, c, _ in scan.names) for scan in judged])
    scan_right = np.array([bool(scan.names_right) for scan in judged])
    flagged = np.array([scan.names_verdict != VERDICTS[0] for scan in judged])
    yield f"Names that can be judged: {len(each)} in {len(judged)} scans; {right.sum()} right."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| scans with all names right | {scan_right.sum()} of {len(judged)} |"
    yield f"| expected calibration error of a name | {calibration_error(confidence, right):.3f} |"
    yield f"| area under the curve of a scan | {area_under_curve(least, scan_right):.2f} |"
    yield f"| flagged of those with right names | {_share(flagged[scan_right])} |"
    yield f"| flagged of those with wrong names | {_share(flagged[~scan_right])} |"


def _share(flags: np.ndarray) -> str:
    return f"{flags.sum()} of {len(flags)}" if len(flags) else "n/a"


def draw_calibration(scans: Sequence[ScanTrust], path: Path) -> None:
    """Picture of the calibration of names: share that is right against the probability."""
    from matplotlib.figure import Figure

    names = [name for scan in scans for name in scan.names]
    figure = Figure(figsize=(4.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    if names:
        confidence = np.array([c for _, c, _ in names])
        right = np.array([good for *_, good in names])
        bins = list(calibration_curve(confidence, right))
        axes.plot([b.confidence for b in bins], [b.right for b in bins], "o-", color="C0")
        for b in bins:
            axes.annotate(f"{b.cases:.0f}", (b.confidence, b.right), fontsize=8)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="probability of a name", ylabel="share right")
    figure.savefig(path, dpi=150)
