"""How Dice and names fall with the grade of a damage: table, summary and picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple

from benchmarks.against_truth.contact_sheet import MAIN
from benchmarks.against_truth.damaged_dataset import WHOLE, Wish
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.tables import write_tsv
from benchmarks.against_truth.truth import TRUTH_VERSION
from spineps_nipype.core.files import whole_file
from spineps_nipype.phantom.damage import DAMAGES

FOUND, NAMES = "vertebrae found", "names"
COLUMNS: Final = ("subject", "damage", "grade", "measure", "value", "scan")
PICTURE_COLUMNS: Final = 5
STYLES: Final[Mapping[str, tuple[str, str]]] = {
    "vertebra": ("C3", "-"),
    "body": ("C3", "-"),
    "disc": ("C1", "-"),
    "canal": ("C0", "-"),
    FOUND: ("0.4", "--"),
    NAMES: ("0.0", ":"),
}
"""Colour and line of each curve."""


class Point(NamedTuple):
    """A measure of a scan: Dice of a structure, or a share of its vertebrae."""

    subject: str
    wish: Wish
    measure: str
    value: float
    scan: str


def points_of(reports: Sequence[ScanReport], wishes: Sequence[Wish]) -> list[Point]:
    """All measures of all scans; a scan without a result has 0 in all that it shows whole."""
    known = {wish.session: wish for wish in wishes}
    reports = [report for report in reports if session_of(report.scan) in known]
    found: list[Point] = []
    shown: dict[str, set[str]] = {}
    for report in reports:
        values = dict(_values(report))
        shown.setdefault(report.subject, set()).update(values)
        wish = known[session_of(report.scan)]
        found += [Point(report.subject, wish, m, v, report.scan) for m, v in values.items()]
    for report in reports:
        if report.measured is None:
            wish = known[session_of(report.scan)]
            found += [
                Point(report.subject, wish, measure, 0.0, report.scan)
                for measure in sorted(shown[report.subject])
            ]
    return found


def session_of(scan: str) -> str:
    """Session in the name of a scan."""
    parts = (part.partition("-") for part in scan.split("_"))
    return next(label for key, _, label in parts if key == "ses")


def _values(report: ScanReport) -> Iterator[tuple[str, float]]:
    if report.measured is None:
        return
    for score in report.measured.scores:
        if score.structure in MAIN and not math.isnan(score.overlap.dice):
            yield MAIN[score.structure], score.overlap.dice
    kind = report.measured.kinds.get("vertebra")
    if kind is not None and kind.truth.expected:
        hit = {match.truth for match in kind.matching.found}
        yield FOUND, len(hit & set(kind.truth.expected)) / len(kind.truth.expected)
    if kind is not None and kind.levels:
        yield NAMES, fmean(map(float, kind.levels.values()))


def mean_curves(points: Sequence[Point]) -> dict[tuple[str, str], list[tuple[float, float, int]]]:
    """Grade, mean and number of scans, by damage and measure; grade 0 is the whole scan."""
    sums: dict[tuple[str, str], dict[tuple[int, float], list[float]]] = {}
    kinds = dict.fromkeys(p.wish.kind for p in points if p.wish.number)
    for point in points:
        for kind in [point.wish.kind] if point.wish.number else kinds:
            place = (point.wish.number, point.wish.grade)
            sums.setdefault((kind, point.measure), {}).setdefault(place, []).append(point.value)
    return {
        key: [(grade, fmean(v), len(v)) for (_, grade), v in sorted(places.items())]
        for key, places in sums.items()
    }


def write_robustness(
    folder: Path,
    points: Sequence[Point],
    left: Sequence[tuple[str, Wish, str]],
    command: str,
) -> None:
    """Write ``robustness.tsv``, ``robustness.md`` and ``robustness.png``."""
    rows = [
        (p.subject, p.wish.kind, p.wish.grade, p.measure, p.value, p.scan)
        for p in sorted(points, key=lambda p: (p.subject, p.wish, p.measure))
    ]
    write_tsv(folder / "robustness.tsv", COLUMNS, rows)
    with whole_file(folder / "robustness.md") as temporary:
        temporary.write_text(summary_text(points, left, command), encoding="utf-8")
    draw_curves(mean_curves(points), folder / "robustness.png")


def summary_text(
    points: Sequence[Point], left: Sequence[tuple[str, Wish, str]], command: str
) -> str:
    """Summary as Markdown."""
    curves = mean_curves(points)
    measures = [m for m in STYLES if any(key[1] == m for key in curves)]
    scans = {p.subject for p in points}
    lines = [
        "# Robustness",
        "",
        f"    {command}",
        "",
        f"Patients {', '.join(sorted(scans))}, whole and damaged; truth masks read by version "
        f"{TRUTH_VERSION} of the rules. Means; a scan without a result counts as 0.",
        "",
        f"| damage | grade | scans | {' | '.join(measures)} |",
        "|---" * (3 + len(measures)) + "|",
        *_table(curves, measures),
    ]
    if left:
        lines += ["", "Not made:", ""]
        lines += [f"- {subject}, {w.kind} {w.grade:g}: {why}" for subject, w, why in left]
    return "\n".join(lines) + "\n"


def _table(curves: Mapping[tuple[str, str], Any], measures: Sequence[str]) -> Iterator[str]:
    kinds = list(dict.fromkeys(kind for kind, _ in curves))
    first = True
    for kind in sorted(kinds, key=list(DAMAGES).index):
        lines = {m: {g: (v, n) for g, v, n in curves.get((kind, m), [])} for m in measures}
        grades = sorted({(n, g) for m in measures for n, g in _order(curves.get((kind, m), []))})
        for place, grade in grades:
            if not place and not first:
                continue
            words = DAMAGES[kind].words if place else WHOLE
            cells = [lines[m].get(grade) for m in measures]
            count = max((c[1] for c in cells if c), default=0)
            shown = [f"{c[0]:.3f}" if c else "n/a" for c in cells]
            yield f"| {words} | {grade:g} | {count} | {' | '.join(shown)} |"
        first = False


def _order(curve: Sequence[tuple[float, float, int]]) -> Iterator[tuple[int, float]]:
    """Place of each grade: curves are in the order of severity, which need not rise."""
    for place, (grade, _, _) in enumerate(curve):
        yield place, grade


def draw_curves(
    curves: Mapping[tuple[str, str], Sequence[tuple[float, float, int]]], path: Path
) -> None:
    """A panel for each damage, a line for each measure."""
    from matplotlib.figure import Figure

    kinds = [k for k in DAMAGES if any(kind == k for kind, _ in curves)]
    columns = max(1, min(PICTURE_COLUMNS, len(kinds)))
    rows = max(1, -(-len(kinds) // columns))
    figure = Figure(figsize=(2.9 * columns, 2.4 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(kinds) :]:
        axes.set_visible(False)
    lines: dict[str, Any] = {}
    for axes, kind in zip(panels.flat, kinds, strict=False):
        for measure, (colour, style) in STYLES.items():
            curve = curves.get((kind, measure))
            if curve:
                ticks = [
                    f"{grade:g}" if place else "0" for place, (grade, _, _) in enumerate(curve)
                ]
                values = [value for _, value, _ in curve]
                places = range(len(curve))
                (lines[measure],) = axes.plot(
                    places, values, style, color=colour, marker=".", markersize=6
                )
                axes.set_xticks(list(places), ticks)
        axes.set(ylim=(0, 1.02))
        axes.set_xlabel(DAMAGES[kind].words, fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(visible=True, color="0.9")
    figure.legend(list(lines.values()), list(lines), loc="outside upper center", ncols=len(STYLES))
    figure.savefig(path, dpi=120, metadata={"Software": None})
