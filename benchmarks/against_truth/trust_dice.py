"""The expected Dice of results against their true Dice: rank, error, interval, flags."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from benchmarks.against_truth.contact_sheet import MAIN
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.tables import write_tsv
from spineps_nipype.core.verdicts import VERDICTS
from spineps_nipype.metrics.quality import QUALITY

WRONG, GOOD = 0.75, 0.85
"""Scans with a structure below the first have a bad mask, those above the second in all have a
good one."""
STANDS_FOR: Final[Mapping[str, str]] = {"body": "vertebra"}
"""Structures of truths without arches, and the one whose expected Dice is held against them."""
FEWEST: Final = 3
"""With fewer scans nothing is ranked."""
COLUMNS: Final = (*("scan", "subject", "structure", "expected", "low", "high", "true", "verdict"),)

Rows = Sequence[Mapping[str, str | None]]


class Told(NamedTuple):
    """A structure of a scan: what was expected, and what is true."""

    structure: str
    expected: float
    low: float
    high: float
    true: float
    verdict: str


def told_of(report: ScanReport, checks: Rows) -> list[Told]:
    """Structures of a scan whose Dice was told and is known."""
    rows = {str(row["level"]): row for row in checks if row["check"] == QUALITY}
    found = []
    for score in report.measured.scores if report.measured else ():
        name = MAIN.get(score.structure, "")
        row = rows.get(STANDS_FOR.get(name, name))
        if row is None or math.isnan(score.overlap.dice):
            continue
        numbers = [row.get(f"expected_dice{end}") for end in ("", "_low", "_high")]
        if all(numbers):
            expected, low, high = (float(str(n)) for n in numbers)
            true, verdict = score.overlap.dice, str(row["verdict"])
            found.append(Told(name, expected, low, high, true, verdict))
    return found


def dice_lines(scans: Sequence[Sequence[Told]]) -> Iterator[str]:
    """Lines of the summary, Markdown.

    Parameters
    ----------
    scans
        Structures of each scan; none where nothing was told.
    """
    judged = [scan for scan in scans if scan]
    if not judged:
        yield "No Dice is expected of these results, or none is known."
        return
    yield f"Expected against true Dice, {len(judged)} scans:"
    yield ""
    yield "| structure | scans | rank correlation | mean error | in the interval | lowest true |"
    yield "|---|---|---|---|---|---|"
    each = [one for scan in judged for one in scan]
    for name in dict.fromkeys(one.structure for one in each):
        some = [one for one in each if one.structure == name]
        expected, true = np.array([(o.expected, o.true) for o in some]).T
        inside = sum(o.low <= o.true <= o.high for o in some)
        rank = spearmanr(expected, true)[0] if len(some) >= FEWEST else math.nan
        yield (
            f"| {name} | {len(some)} | {rank:.2f} | {np.abs(expected - true).mean():.3f} "
            f"| {inside} of {len(some)} | {true.min():.2f} |"
        )
    yield ""
    flagged = np.array([any(o.verdict != VERDICTS[0] for o in scan) for scan in judged])
    lowest = np.array([min(o.true for o in scan) for scan in judged])
    yield f"| check `{QUALITY}` | flagged |"
    yield "|---|---|"
    for words, which in (
        (f"a structure below {WRONG}", lowest < WRONG),
        ("between both", (lowest >= WRONG) & (lowest <= GOOD)),
        (f"all structures above {GOOD}", lowest > GOOD),
    ):
        yield f"| {words} | {flagged[which].sum()} of {which.sum()} |"


def write_dice(folder: Path, scans: Sequence[tuple[ScanReport, Sequence[Told]]]) -> None:
    """Write ``quality.tsv`` and ``expected_dice.png``."""
    rows = [(report.scan, report.subject, *one) for report, told in scans for one in told]
    write_tsv(folder / "quality.tsv", COLUMNS, rows)
    draw_dice([one for _, told in scans for one in told], folder / "expected_dice.png")


def draw_dice(told: Sequence[Told], path: Path) -> None:
    """True against expected Dice, a panel for each structure, with the intervals."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(one.structure for one in told)) or ["none"]
    figure = Figure(figsize=(3.4 * len(names), 3.6), layout="constrained")
    panels: Any = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        some = [one for one in told if one.structure == name]
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.axhline(WRONG, color="C3", linewidth=0.8, linestyle=":")
        if some:
            places = np.array([one.expected for one in some])
            ends = np.array([(one.expected - one.low, one.high - one.expected) for one in some]).T
            axes.errorbar(
                places,
                [one.true for one in some],
                xerr=np.maximum(ends, 0),
                fmt="o",
                markersize=3,
                color="C0",
                ecolor="0.85",
                elinewidth=1,
            )
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="expected Dice", title=f"{name} ({len(some)})")
    panels[0].set_ylabel("true Dice")
    figure.savefig(path, dpi=120, metadata={"Software": None})
