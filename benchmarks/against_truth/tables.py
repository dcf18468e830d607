"""Tables of an accuracy run: a row for each structure, instance, scan and mean."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.scan import KindScore
from benchmarks.against_truth.truth import TRUTH_VERSION
from spineps_nipype.core import anatomy
from spineps_nipype.core.files import whole_file

NOT_APPLICABLE: Final = "n/a"
KINDS: Final = ("vertebra", "disc")
MISTAKES: Final = ("missed", "extra", "merged", "split")
SMALL_PARTS: Final = tuple(anatomy.SPINE_NAMES[label] for label in range(41, 49))
"""Arch and processes."""
SMALL_PARTS_NAME: Final = "mean of 41-48"
MEASURES: Final = ("dice", "assd_mm", "hd95_mm")
ACCURACY_COLUMNS: Final = (
    *("scan", "subject", "modality", "label_set", "structure", *MEASURES),
    *("truth_mm3", "result_mm3"),
)
INSTANCE_COLUMNS: Final = (
    *("scan", "subject", "kind", "outcome", "truth", "truth_name", "result", "result_name"),
    *("dice", "level_right", "remark"),
)
SCAN_COLUMNS: Final = (
    *("scan", "subject", "modality", "status", "reason", "seconds", "peak_memory_gb", "timed"),
    *(f"vertebrae_{w}" for w in ("expected", "found", *MISTAKES, "above", "right")),
    *(
        f"discs_{w}"
        for w in ("expected", "found", "missed", "extra", "above", "result", "listed", "right")
    ),
    *("levels_known", "levels_right", "models", "masks", "notes"),
)
SUMMARY_COLUMNS: Final = (
    *("label_set", "modality", "structure", "measure", "mean", "sd", "worst", "worst_scan"),
    "scans",
)
VERSION_COLUMN: Final = "truth_version"
"""Last column of all tables."""

Key = tuple[str, str, str]
"""Label set, modality and structure."""
Measures = tuple[float, ...]
"""In the order of `MEASURES`."""


def accuracy_rows(reports: Iterable[ScanReport]) -> Iterator[tuple[Any, ...]]:
    """A row for each scan and structure."""
    for report in reports:
        for score in report.measured.scores if report.measured else ():
            yield (
                *(report.scan, report.subject, report.modality, score.label_set),
                *(score.structure, score.overlap.dice, score.overlap.assd, score.overlap.hd95),
                *(round(score.truth_mm3), round(score.result_mm3)),
            )


def instance_rows(reports: Iterable[ScanReport]) -> Iterator[tuple[Any, ...]]:
    """A row for each true instance, found or missed, and for each other instance of a result."""
    for report in reports:
        for kind, found in report.measured.kinds.items() if report.measured else ():
            start = (report.scan, report.subject, kind)
            for row in _instances_of(found):
                yield start + row


def _instances_of(found: KindScore) -> Iterator[tuple[Any, ...]]:
    true_names, names, matching = found.truth.names, found.result.names, found.matching
    for match in matching.found:
        remarks = {
            "cut off": match.truth in found.truth.optional,
            "split": match.truth in matching.split,
            "merged": match.result in matching.merged,
        }
        yield (
            *("found", match.truth, true_names.get(match.truth), match.result),
            *(names.get(match.result), match.dice, found.levels.get(match.truth)),
            ", ".join(word for word, holds in remarks.items() if holds),
        )
    for number in matching.missed:
        remark = "split" if number in matching.split else ""
        yield "missed", number, true_names.get(number), None, None, None, None, remark
    for outcome, numbers in (("extra", matching.extra), ("above", matching.above)):
        for number in numbers:
            remark = "merged" if number in matching.merged else ""
            yield outcome, None, None, number, names.get(number), None, None, remark


def scan_rows(reports: Iterable[ScanReport]) -> Iterator[tuple[Any, ...]]:
    """A row for each scan, also for those that failed or were skipped."""
    for report in reports:
        kinds = report.measured.kinds if report.measured else {}
        vertebra, disc = (kinds.get(kind) for kind in KINDS)
        yield (
            *(report.scan, report.subject, report.modality, report.status, report.reason),
            *(report.seconds, report.peak_gb, report.timed),
            *counts_of(vertebra, (*MISTAKES, "above")),
            report.vertebrae_right,
            *counts_of(disc, ("missed", "extra", "above")),
            *(report.disc_count if disc else None, report.listed_discs, report.discs_right),
            len(vertebra.levels) if vertebra else None,
            sum(vertebra.levels.values()) if vertebra else None,
            *(report.models, ", ".join(report.masks), "; ".join(report.notes)),
        )


def counts_of(found: KindScore | None, names: Sequence[str]) -> list[int | None]:
    """Numbers of instances: expected, found, and those that `names` of a `Matching` hold."""
    if found is None:
        return [None] * (2 + len(names))
    expected = found.truth.expected
    pairs = sum(match.truth in expected for match in found.matching.found)
    return [len(expected), pairs, *(len(getattr(found.matching, name)) for name in names)]


def summary_rows(reports: Iterable[ScanReport]) -> list[tuple[Any, ...]]:
    """Mean, standard deviation and worst of each structure and measure."""
    values: dict[Key, list[tuple[str, Measures]]] = {}
    for row in accuracy_rows(reports):
        scan, _, modality, labels, structure, *measures = row
        kept = tuple(measures[: len(MEASURES)])
        values.setdefault((labels, modality, structure), []).append((scan, kept))
    return [*_figures(values), *_figures(_small_parts(values))]


def _figures(
    values: Mapping[Key, Sequence[tuple[str, Measures]]],
) -> Iterator[tuple[Any, ...]]:
    for (labels, modality, structure), scans in values.items():
        for place, measure in enumerate(MEASURES):
            known = [(m[place], scan) for scan, m in scans if not math.isnan(m[place])]
            if not known:
                continue
            numbers = [value for value, _ in known]
            worst = min(known) if measure == "dice" else max(known)
            sd = stdev(numbers) if len(numbers) > 1 else math.nan
            yield (
                *(labels, modality, structure, measure),
                *(fmean(numbers), sd, *worst, len(numbers)),
            )


def _small_parts(
    values: Mapping[Key, Sequence[tuple[str, Measures]]],
) -> dict[Key, list[tuple[str, Measures]]]:
    """Arch and processes together: the mean of each scan over those that its truth shows."""
    parts_of: dict[tuple[str, str], dict[str, list[Measures]]] = {}
    for (labels, modality, structure), scans in values.items():
        if structure in SMALL_PARTS:
            for scan, measures in scans:
                parts_of.setdefault((labels, modality), {}).setdefault(scan, []).append(measures)
    return {
        (labels, modality, SMALL_PARTS_NAME): [
            (scan, (fmean(m[0] for m in parts), math.nan, math.nan))
            for scan, parts in scans.items()
        ]
        for (labels, modality), scans in parts_of.items()
    }


def write_tsv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with `VERSION_COLUMN` behind its columns."""
    plain_tsv(path, (*columns, VERSION_COLUMN), ((*row, TRUTH_VERSION) for row in rows))


def plain_tsv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; what has no meaning is ``n/a``."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    with whole_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def cell(value: Any) -> str:
    """Text of a value in a table."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return NOT_APPLICABLE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    return " ".join(str(value).split())
