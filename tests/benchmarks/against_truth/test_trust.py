from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.against_truth.measures import Instances, Match, Matching, Overlap
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.scan import KindScore, Measured, Picture, Score
from benchmarks.against_truth.trust import ScanTrust, trust_of, trust_text, write_trust

CHECKS = "check\tverdict\tlevel\treason\n"
NAMES = {1: "L4", 2: "L5"}


def measured(dice: float, names: dict[int, str], missed: tuple[int, ...] = ()) -> Measured:
    labels = np.array([[[1, 2]]])
    truth = Instances(labels, NAMES)
    found = Instances(labels, names)
    pairs = tuple(Match(n, n, 0.9) for n in (1, 2) if n not in missed)
    levels = {n: NAMES[n] == names[n] for n in (1, 2) if n not in missed}
    kind = KindScore(truth, found, Matching(pairs, missed, (), (), (), ()), levels)
    score = Score("spider", "disc", Overlap(dice, 1.0, 2.0), 100.0, 100.0)
    flat = np.zeros((2, 2))
    return Measured([score], {"vertebra": kind}, Picture(flat, flat, flat, flat, 1.0))


def scan(
    folder: Path, name: str, what: Measured, verdict: str, names: str, sure: float
) -> ScanTrust:
    checks, labels = folder / f"{name}_checks.tsv", folder / f"{name}_labels.tsv"
    checks.write_text(f"{CHECKS}overall\t{verdict}\tn/a\tlook at it\nnames\t{names}\tn/a\tn/a\n")
    given = what.kinds["vertebra"].result.names
    rows = "".join(f"{level}\t{sure}\n" for level in given.values())
    labels.write_text("name\tconfidence\n" + rows)
    results = {"out_checks": checks, "out_labels": labels}
    return trust_of(ScanReport(name, measured=what, results=results))


@pytest.fixture
def scans(tmp_path: Path) -> list[ScanTrust]:
    return [
        scan(tmp_path, "good", measured(0.9, NAMES), "pass", "pass", 0.95),
        scan(tmp_path, "shifted", measured(0.9, {1: "L3", 2: "L4"}), "look", "look", 0.3),
        scan(tmp_path, "thin", measured(0.6, NAMES), "pass", "pass", 0.95),
        scan(tmp_path, "lost", measured(0.9, NAMES, missed=(2,)), "look", "pass", 0.95),
    ]


def test_what_is_wrong_is_named(scans: list[ScanTrust]) -> None:
    assert [s.wrong for s in scans] == [(), ("names",), ("masks",), ("vertebrae",)]
    assert [s.masks_right for s in scans] == [True, True, False, False]
    assert [s.names_right for s in scans] == [True, False, True, True]
    assert scans[1].names == (("L3", 0.3, False), ("L4", 0.3, False))


def test_a_system_without_checks_is_judged_by_its_names(tmp_path: Path) -> None:
    table = tmp_path / "x_labels.tsv"
    table.write_text("name\tconfidence\nL4\t0.6\nL5\t0.9\n")
    what = measured(0.9, NAMES)
    judged = trust_of(ScanReport("x", measured=what, results={"out_labels": table}))
    assert (judged.verdict, judged.names_verdict) == ("look", "look")
    assert judged.names == (("L4", 0.6, True), ("L5", 0.9, True))
    nothing = trust_of(ScanReport("x", measured=what, results={"out_labels": tmp_path / "none"}))
    assert (nothing.verdict, nothing.names) == ("", ())


def test_verdicts_are_held_against_errors(scans: list[ScanTrust]) -> None:
    text = trust_text(scans, "trust.py")
    assert "| pass | 1 | 1 |" in text
    assert "| look | 0 | 2 |" in text
    assert "| flagged of those with right names | 0 of 3 |" in text
    assert "| flagged of those with wrong names | 1 of 1 |" in text
    assert "| area under the curve of a scan | 1.00 |" in text
    assert "- thin: masks (verdict pass: look at it)" in text


def test_files(scans: list[ScanTrust], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write_trust(out, scans, "trust.py")
    assert len((out / "names.tsv").read_text().splitlines()) == 1 + 7
    row = (out / "trust.tsv").read_text().splitlines()[2].split("\t")
    assert row[:2] == ["shifted", "n/a"]
    assert "names" in row
    assert (out / "calibration.png").stat().st_size > 1000


def test_without_known_names_nothing_is_said_of_them(tmp_path: Path) -> None:
    what = measured(0.9, NAMES)
    unknown = Measured(what.scores, {}, what.picture)
    checks = tmp_path / "checks.tsv"
    checks.write_text(f"{CHECKS}overall\tpass\tn/a\tAll checks pass.\n")
    results = {"out_checks": checks, "out_labels": tmp_path / "none.tsv"}
    one = trust_of(ScanReport("a", measured=unknown, results=results))
    assert (one.names_right, one.names_verdict, one.wrong) == (None, "", ())
    assert "No true name is known" in trust_text([one], "trust.py")
