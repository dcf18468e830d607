from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.against_truth.measures import Overlap
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.scan import Measured, Picture, Score
from benchmarks.against_truth.trust_dice import Told, dice_lines, told_of, write_dice

FLAT = np.zeros((2, 2))
PICTURE = Picture(FLAT, FLAT, FLAT, FLAT, 1.0)


def report(name: str, **dice: float) -> ScanReport:
    scores = [Score("spider", s, Overlap(d, 1.0, 2.0), 1.0, 1.0) for s, d in dice.items()]
    return ScanReport(name, measured=Measured(scores, {}, PICTURE))


def check(structure: str, expected: str | None, verdict: str = "pass") -> dict[str, str | None]:
    ends = {"expected_dice_low": "0.8", "expected_dice_high": "0.95"} if expected else {}
    row: dict[str, str | None] = {"check": "quality", "level": structure, "verdict": verdict}
    return {**row, "expected_dice": expected, **ends}


def test_what_was_expected_stands_beside_what_is_true() -> None:
    rows = [check("disc", "0.9"), check("canal", None, "look"), check("vertebra", "0.85")]
    found = told_of(report("a", disc=0.88, canal=0.9), rows)
    assert found == [Told("disc", 0.9, 0.8, 0.95, 0.88, "pass")]


def test_bodies_are_held_against_vertebrae() -> None:
    found = told_of(report("a", Vertebra_Corpus_border=0.7), [check("vertebra", "0.85")])
    assert [(one.structure, one.expected) for one in found] == [("body", 0.85)]


def test_other_checks_expect_nothing() -> None:
    assert told_of(report("a", disc=0.9), [{**check("disc", "0.9"), "check": "discs"}]) == []


@pytest.fixture
def scans() -> list[list[Told]]:
    values = [(0.9, 0.9, "pass"), (0.8, 0.83, "look"), (0.6, 0.5, "fail"), (0.85, 0.7, "pass")]
    return [[Told("disc", e, e - 0.1, e + 0.1, t, v)] for e, t, v in values]


def test_summary(scans: list[list[Told]]) -> None:
    text = "\n".join(dice_lines([*scans, []]))
    assert "Expected against true Dice, 4 scans" in text
    assert "| disc | 4 | 0.80 | 0.070 | 3 of 4 | 0.50 |" in text
    assert "| a structure below 0.75 | 1 of 2 |" in text
    assert "| between both | 1 of 1 |" in text
    assert "| all structures above 0.85 | 0 of 1 |" in text
    assert "No Dice is expected" in "\n".join(dice_lines([[], []]))


def test_files(scans: list[list[Told]], tmp_path: Path) -> None:
    write_dice(tmp_path, [(report(f"s{n}"), told) for n, told in enumerate(scans)])
    rows = (tmp_path / "quality.tsv").read_text().splitlines()
    assert len(rows) == 5
    assert rows[3].split("\t")[:8] == [
        *("s2", "n/a", "disc", "0.6000", "0.5000", "0.7000", "0.5000", "fail")
    ]
    assert (tmp_path / "expected_dice.png").stat().st_size > 1000
