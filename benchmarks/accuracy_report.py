"""Tables and summary of an accuracy run."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from benchmarks.accuracy_measures import MATCH, MERGED_SHARE, SPLIT_SHARE
from benchmarks.accuracy_scan import Found, Measured
from spineps_nipype import __version__
from spineps_nipype.core import anatomy
from spineps_nipype.core.files import whole_file

NOT_APPLICABLE: Final = "n/a"
KINDS: Final = ("vertebra", "disc")
WRONG: Final = ("missed", "extra", "merged", "split")
SMALL_PARTS: Final = tuple(anatomy.SPINE_NAMES[label] for label in range(41, 49))
SMALL_PARTS_NAME: Final = "mean of 41-48"
MEASURES: Final = ("dice", "assd_mm", "hd95_mm")
ACCURACY_COLUMNS: Final = (
    "scan",
    "subject",
    "modality",
    "label_set",
    "structure",
    *MEASURES,
    "truth_mm3",
    "result_mm3",
)
INSTANCE_COLUMNS: Final = (
    "scan",
    "subject",
    "kind",
    "outcome",
    "truth",
    "truth_name",
    "result",
    "result_name",
    "dice",
    "level_right",
    "remark",
)
SCAN_COLUMNS: Final = (
    "scan",
    "subject",
    "modality",
    "status",
    "reason",
    "seconds",
    "peak_memory_gb",
    "timed",
    *(f"vertebrae_{w}" for w in ("asked", "found", *WRONG, "above", "right")),
    *(
        f"discs_{w}"
        for w in ("asked", "found", "missed", "extra", "above", "result", "listed", "right")
    ),
    "levels_known",
    "levels_right",
    "models",
    "masks",
    "notes",
)
SUMMARY_COLUMNS: Final = (
    "label_set",
    "modality",
    "structure",
    "measure",
    "mean",
    "sd",
    "worst",
    "worst_scan",
    "scans",
)


@dataclass
class ScanReport:
    """What is known of a scan.

    Parameters
    ----------
    status
        ``done``, ``failed`` or ``skipped``.
    listed_discs
        Discs that the participants table counts.
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

    @property
    def disc_count(self) -> int:
        """Discs in the result."""
        found = self._kind("disc")
        return len(found.result.numbers) if found else 0

    @property
    def vertebrae_right(self) -> bool | None:
        """Whether there is one instance for every vertebra; None if the truth tells none."""
        found = self._kind("vertebra")
        return found.matching.right if found else None

    @property
    def discs_right(self) -> bool | None:
        """Whether the number of discs is that of the table, or else that of the mask.

        Discs that are cut off count or not: both numbers are right.
        """
        found = self._kind("disc")
        if found is None:
            return None
        if self.listed_discs is not None:
            return self.disc_count == self.listed_discs
        optional = len(found.result.optional)
        return self.disc_count >= len(found.truth.asked) and self.disc_count - optional <= len(
            found.truth.numbers
        )

    def _kind(self, name: str) -> Found | None:
        return self.measured.kinds.get(name) if self.measured else None


def accuracy_rows(reports: Iterable[ScanReport]) -> Iterator[tuple[Any, ...]]:
    """One row a scan and structure."""
    for report in reports:
        for score in report.measured.scores if report.measured else ():
            yield (
                *(report.scan, report.subject, report.modality, score.label_set),
                *(score.structure, score.overlap.dice, score.overlap.assd, score.overlap.hd95),
                *(round(score.truth_mm3), round(score.result_mm3)),
            )


def instance_rows(reports: Iterable[ScanReport]) -> Iterator[tuple[Any, ...]]:
    """One row a true instance that is found or missed, and a result instance without partner."""
    for report in reports:
        for kind, found in report.measured.kinds.items() if report.measured else ():
            start = (report.scan, report.subject, kind)
            for row in _instances_of(found):
                yield start + row


def _instances_of(found: Found) -> Iterator[tuple[Any, ...]]:
    true, own, matching = found.truth.names, found.result.names, found.matching
    for match in matching.found:
        remarks = {
            "cut off": match.truth in found.truth.optional,
            "split": match.truth in matching.split,
            "merged": match.result in matching.merged,
        }
        yield (
            *("found", match.truth, true.get(match.truth), match.result),
            *(own.get(match.result), match.dice, found.levels.get(match.truth)),
            ", ".join(word for word, holds in remarks.items() if holds),
        )
    for number in matching.missed:
        remark = "split" if number in matching.split else ""
        yield "missed", number, true.get(number), None, None, None, None, remark
    for outcome, numbers in (("extra", matching.extra), ("above", matching.above)):
        for number in numbers:
            remark = "merged" if number in matching.merged else ""
            yield outcome, None, None, number, own.get(number), None, None, remark


def scan_rows(reports: Iterable[ScanReport]) -> Iterator[tuple[Any, ...]]:
    """One row a scan, also for those that failed or were skipped."""
    for report in reports:
        kinds = report.measured.kinds if report.measured else {}
        vertebra, disc = (kinds.get(kind) for kind in KINDS)
        yield (
            *(report.scan, report.subject, report.modality, report.status, report.reason),
            *(report.seconds, report.peak_gb, report.timed),
            *_counts(vertebra, (*WRONG, "above")),
            report.vertebrae_right,
            *_counts(disc, ("missed", "extra", "above")),
            *(report.disc_count if disc else None, report.listed_discs, report.discs_right),
            len(vertebra.levels) if vertebra else None,
            sum(vertebra.levels.values()) if vertebra else None,
            *(report.models, ", ".join(report.masks), "; ".join(report.notes)),
        )


def _counts(found: Found | None, names: Sequence[str]) -> list[int | None]:
    if found is None:
        return [None] * (2 + len(names))
    asked = found.truth.asked
    pairs = sum(match.truth in asked for match in found.matching.found)
    return [len(asked), pairs, *(len(getattr(found.matching, name)) for name in names)]


def summary_rows(reports: Iterable[ScanReport]) -> list[tuple[Any, ...]]:
    """Mean, standard deviation and worst of each structure and measure."""
    values: dict[tuple[str, str, str], list[tuple[str, tuple[float, ...]]]] = {}
    for row in accuracy_rows(reports):
        scan, _, modality, labels, structure, *measures = row
        values.setdefault((labels, modality, structure), []).append((scan, tuple(measures[:3])))
    return [*_figures(values), *_figures(_small_parts(values))]


def _figures(
    values: Mapping[tuple[str, str, str], Sequence[tuple[str, tuple[float, ...]]]],
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
    values: Mapping[tuple[str, str, str], Sequence[tuple[str, tuple[float, ...]]]],
) -> dict[tuple[str, str, str], list[tuple[str, tuple[float, ...]]]]:
    """Arch and processes together: the mean of each scan over those that its truth shows."""
    sums: dict[tuple[str, str], dict[str, list[tuple[float, ...]]]] = {}
    for (labels, modality, structure), scans in values.items():
        if structure in SMALL_PARTS:
            for scan, measures in scans:
                sums.setdefault((labels, modality), {}).setdefault(scan, []).append(measures)
    return {
        (labels, modality, SMALL_PARTS_NAME): [
            (scan, (fmean(m[0] for m in parts), math.nan, math.nan))
            for scan, parts in scans.items()
        ]
        for (labels, modality), scans in sums.items()
    }


def write_tsv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
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
        f"spineps-nipype {__version__}; models: {'; '.join(models) or 'unknown'}.",
        f"{len(done)} scans measured, {len(failed)} failed, {len(skipped)} without measures. "
        "Scans that failed are in no mean.",
        "",
        *_structure_lines(reports),
        *_instance_lines(done),
        *_cost_lines(done),
    ]
    for title, some in (("Failed", failed), ("Without measures", skipped)):
        if some:
            lines += [f"## {title}", "", *(f"- {r.scan}: {r.reason}" for r in some), ""]
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
        "| | true | found | missed | extra | merged | split | above | scans all right "
        "| with above held against |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        members = [r for r in done if r.measured and kind in r.measured.kinds]
        if not members:
            continue
        names = (*WRONG, "above")
        counts = [_counts(r.measured.kinds[kind], names) for r in members if r.measured]
        totals = [sum(c or 0 for c in column) for column in zip(*counts, strict=True)]
        matchings = [r.measured.kinds[kind].matching for r in members if r.measured]
        right = [m for m in matchings if m.right]
        strict = [m for m in right if not m.above]
        lines.append(
            f"| {kind} | {' | '.join(map(str, totals))} | {_share(len(right), len(members))} "
            f"| {_share(len(strict), len(members))} |"
        )
    lines.append("")
    counted = [r.discs_right for r in done if r.discs_right is not None]
    if counted:
        lines.append(f"Scans with the true number of discs: {_share(sum(counted), len(counted))}.")
    levels = [
        right
        for r in done
        if r.measured and "vertebra" in r.measured.kinds
        for right in r.measured.kinds["vertebra"].levels.values()
    ]
    if levels:
        lines.append(
            "Found vertebrae of known level with the right name: "
            f"{_share(sum(levels), len(levels))}."
        )
    else:
        lines.append("Names were not compared: the truth or the result has none.")
    lines += [
        "",
        f"Found: Dice {MATCH} or more with a true instance, one to one. Merged: holds "
        f"{MERGED_SHARE:.0%} or more of several true ones. Split: several hold {SPLIT_SHARE:.0%} "
        "or more of a true one. What the upper or lower border of the image cuts off by more "
        "than half is neither asked for nor held against. Above: the middle lies above all of the "
        "truth, which often stops below the top of the image; right or wrong, nobody can tell, "
        "so the last column holds it against the result and the one before does not. Where the "
        "truth joins all vertebrae the bodies are compared. The number of discs is that of "
        "participants.tsv if given.",
        "",
    ]
    return lines


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
