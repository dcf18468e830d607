from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.against_truth.damaged_dataset import Wish
from benchmarks.against_truth.measures import Instances, Match, Matching, Overlap
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.robustness import mean_curves, points_of, write_robustness
from benchmarks.against_truth.scan import KindScore, Measured, Picture, Score
from benchmarks.robustness import wishes_of
from spineps_nipype.phantom.damage import DAMAGES

FLAT = np.zeros((2, 2))
WISHES = wishes_of(["noise", "bright"], [2, 4])


def report(subject: str, session: str, dice: float | None) -> ScanReport:
    name = f"sub-{subject}_ses-{session}_T2w"
    if dice is None:
        return ScanReport(name, subject, status="failed", reason="nothing was found")
    labels = np.array([[[1, 2]]])
    both = Instances(labels, {1: "L4", 2: "L5"})
    found = Matching((Match(1, 1, 0.9),), (2,), (), (), (), ())
    kind = KindScore(both, both, found, {1: True})
    score = Score("spider", "disc", Overlap(dice, 1.0, 2.0), 1.0, 1.0)
    return ScanReport(
        name,
        subject,
        measured=Measured([score], {"vertebra": kind}, Picture(FLAT, FLAT, FLAT, FLAT, 1.0)),
    )


@pytest.fixture
def reports() -> list[ScanReport]:
    return [
        report("a", "whole", 0.9),
        report("a", "noise2", 0.8),
        report("a", "noise4", None),
        report("b", "whole", 0.7),
        report("b", "noise2", 0.6),
        report("b", "rust7", 0.6),
    ]


def test_wishes_are_usual_grades() -> None:
    assert WISHES[0] == Wish("whole", 0, 0.0)
    assert WISHES[1:3] == [
        Wish("noise", 2, DAMAGES["noise"].grades[1]),
        Wish("noise", 4, DAMAGES["noise"].grades[3]),
    ]
    assert [w.session for w in WISHES] == ["whole", "noise2", "noise4", "bright2", "bright4"]
    assert wishes_of(["noise"], [0, 9]) == [Wish("whole", 0, 0.0)]


def test_a_scan_without_a_result_counts_as_nothing(reports: list[ScanReport]) -> None:
    points = points_of(reports, WISHES)
    lost = {p.measure: p.value for p in points if p.wish.session == "noise4"}
    assert lost == {"disc": 0.0, "vertebrae found": 0.0, "names": 0.0}
    assert not [p for p in points if p.wish.kind == "rust"]


def test_curves_begin_with_the_whole_scans(reports: list[ScanReport]) -> None:
    curves = mean_curves(points_of(reports, WISHES))
    first, second, last = curves["noise", "disc"]
    assert first == (0.0, pytest.approx(0.8), 2)
    assert second == (DAMAGES["noise"].grades[1], pytest.approx(0.7), 2)
    assert last == (DAMAGES["noise"].grades[3], 0.0, 1)
    assert curves["noise", "vertebrae found"][0][1] == 0.5


def test_files(reports: list[ScanReport], tmp_path: Path) -> None:
    left = [("b", WISHES[4], "nothing of the scan would be left")]
    write_robustness(tmp_path, points_of(reports, WISHES), left, "robustness.py")
    text = (tmp_path / "robustness.md").read_text()
    assert "| whole | 0 | 2 | 0.800 | 0.500 | 1.000 |" in text
    assert f"| {DAMAGES['noise'].words} | 0.35 | 1 | 0.000 | 0.000 | 0.000 |" in text
    assert "- b, bright 0.25: nothing of the scan would be left" in text
    rows = (tmp_path / "robustness.tsv").read_text().splitlines()
    assert len(rows) == 1 + 5 * 3
    assert (tmp_path / "robustness.png").stat().st_size > 1000
