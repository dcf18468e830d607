"""Summary of an accuracy run as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from benchmarks.against_truth.measures import MATCH, MERGED_SHARE, SPLIT_SHARE
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.scan import KindScore
from benchmarks.against_truth.tables import (
    ACCURACY_COLUMNS,
    INSTANCE_COLUMNS,
    KINDS,
    MEASURES,
    MISTAKES,
    SCAN_COLUMNS,
    SUMMARY_COLUMNS,
    accuracy_rows,
    counts_of,
    instance_rows,
    scan_rows,
    summary_rows,
    write_tsv,
)
from benchmarks.against_truth.truth import TRUTH_VERSION
from spineps_nipype import __version__
from spineps_nipype.core.files import whole_file

RULES: Final = (
    f"Found: Dice {MATCH} or more with a true instance, one to one. Merged: holds "
    f"{MERGED_SHARE:.0%} or more of several true ones. Split: several hold {SPLIT_SHARE:.0%} or "
    "more of a true one. What the upper or lower border of the image cuts off by more than half "
    "is not expected, and no mistake if it is found. Above: the middle lies above all of the "
    "truth, which often stops below the top of the image. Nobody can tell whether such an "
    "instance is right: the last column counts it as a mistake, the one before does not. Where "
    "the truth joins all vertebrae the bodies are compared. The number of discs is that of "
    "participants.tsv if given."
)


def write_tables(folder: Path, reports: Sequence[ScanReport], command: str) -> None:
    """Write ``accuracy.tsv``, ``instances.tsv``, ``scans.tsv`` and both summaries."""
    write_tsv(folder / "accuracy.tsv", ACCURACY_COLUMNS, accuracy_rows(reports))
    write_tsv(folder / "instances.tsv", INSTANCE_COLUMNS, instance_rows(reports))
    write_tsv(folder / "scans.tsv", SCAN_COLUMNS, scan_rows(reports))
    write_tsv(folder / "summary.tsv", SUMMARY_COLUMNS, summary_rows(reports))
    with whole_file(folder / "summary.md") as temporary:
        temporary.write_text(summary_text(reports, command), encoding="utf-8")


def summary_text(reports: Sequence[ScanReport], command: str) -> str:
    """Summary as Markdown."""
    by_status = {s: [r for r in reports if r.status == s] for s in ("done", "failed", "skipped")}
    done, failed, skipped = by_status.values()
    models = sorted({r.models for r in done if r.models})
    lines = [
        "# Accuracy",
        "",
        f"`{command}`",
        "",
        f"spineps-nipype {__version__}; models: {'; '.join(models) or 'unknown'}; truth masks "
        f"read by version {TRUTH_VERSION} of the rules (figures of other versions do not "
        "compare).",
        f"{len(done)} scans measured, {len(failed)} failed, {len(skipped)} without measures. "
        "Scans that failed are in no mean.",
        "",
        *_structure_lines(reports),
        *_instance_lines(done),
        *_cost_lines(done),
    ]
    for title, members in (("Failed", failed), ("Without measures", skipped)):
        if members:
            lines += [f"## {title}", "", *(f"- {r.scan}: {r.reason}" for r in members), ""]
    notes = [f"- {r.scan}: {note}" for r in done for note in r.notes]
    if notes:
        lines += ["## Notes", "", *notes, ""]
    return "\n".join(lines)


def _structure_lines(reports: Sequence[ScanReport]) -> list[str]:
    groups: dict[tuple[str, str], dict[str, dict[str, tuple[Any, ...]]]] = {}
    for labels, modality, structure, measure, *figures in summary_rows(reports):
        entry = groups.setdefault((labels, modality), {}).setdefault(structure, {})
        entry[measure] = tuple(figures)
    lines = []
    for (labels, modality), structures in groups.items():
        lines += [
            f"## Structures: {labels} masks, {modality}",
            "",
            "| structure | Dice: mean | sd | worst | of scan | ASSD (mm): mean | worst "
            "| HD95 (mm): mean | worst | scans |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for structure, entry in structures.items():
            mean, sd, worst, scan, count = entry["dice"]
            distances = [_mean_and_worst(entry.get(name)) for name in MEASURES[1:]]
            lines.append(
                f"| {structure} | {mean:.3f} | {_short(sd)} | {worst:.3f} | {scan} | "
                f"{' | '.join(distances)} | {count} |"
            )
        lines.append("")
    return lines


def _mean_and_worst(figures: tuple[Any, ...] | None) -> str:
    return f"{figures[0]:.2f} | {figures[2]:.2f}" if figures else "– | –"


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _instance_lines(done: Sequence[ScanReport]) -> list[str]:
    if not any(r.measured and r.measured.kinds for r in done):
        return []
    lines = [
        "## Vertebrae and discs",
        "",
        "| | expected | found | missed | extra | merged | split | above | scans all right "
        "| and nothing above |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        scores = [r.measured.kinds[kind] for r in done if r.measured and kind in r.measured.kinds]
        if scores:
            lines.append(_kind_line(kind, scores))
    return [*lines, "", _level_line(done), "", RULES, ""]


def _kind_line(kind: str, scores: Sequence[KindScore]) -> str:
    """Row of the table: sums over the scans, and how many scans are right."""
    counts = [counts_of(score, (*MISTAKES, "above")) for score in scores]
    totals = [sum(c or 0 for c in column) for column in zip(*counts, strict=True)]
    right = [score.matching for score in scores if score.matching.right]
    strict = [matching for matching in right if not matching.above]
    return (
        f"| {kind} | {' | '.join(map(str, totals))} | {_share(len(right), len(scores))} "
        f"| {_share(len(strict), len(scores))} |"
    )


def _level_line(done: Sequence[ScanReport]) -> str:
    levels = [
        right
        for r in done
        if r.measured and "vertebra" in r.measured.kinds
        for right in r.measured.kinds["vertebra"].levels.values()
    ]
    if not levels:
        return "Names were not compared: the truth or the result has none."
    return (
        f"Found vertebrae of known level with the right name: {_share(sum(levels), len(levels))}."
    )


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})"


def _cost_lines(done: Sequence[ScanReport]) -> list[str]:
    lines = ["## Time and memory", ""]
    for word, unit, values in (
        ("Seconds a scan", "s", [r.seconds for r in done]),
        ("Peak memory of a scan", "GB", [r.peak_gb for r in done]),
    ):
        known = [v for v in values if not math.isnan(v)]
        if known:
            lines.append(
                f"{word}: mean {fmean(known):.1f} {unit}, largest {max(known):.1f} {unit}, "
                f"{len(known)} scans."
            )
    return [*lines, ""] if len(lines) > 2 else []
