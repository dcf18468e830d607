"""The page of all figures: what is counted, how sure a mean is, and what is refused."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

pytest.importorskip("torch")

from benchmarks.accuracy_table import SETS, main
from benchmarks.against_truth.figures_page import MARK
from benchmarks.against_truth.overview import interval, read_sets
from benchmarks.against_truth.tables import (
    ACCURACY_COLUMNS,
    INSTANCE_COLUMNS,
    SCAN_COLUMNS,
    plain_tsv,
)

Capsys = pytest.CaptureFixture[str]


def scan(name: str, subject: str, **others: object) -> tuple[object, ...]:
    values = {"scan": name, "subject": subject, "modality": "T2w", "status": "done", **others}
    return tuple(values.get(column) for column in (*SCAN_COLUMNS, "truth_version"))


def structure(name: str, subject: str, dice: float, version: int = 1) -> tuple[object, ...]:
    values = {
        **{"scan": name, "subject": subject, "modality": "T2w", "label_set": "spider"},
        **{"structure": "disc", "dice": dice, "assd_mm": 1.0, "truth_version": version},
    }
    return tuple(values.get(column) for column in (*ACCURACY_COLUMNS, "truth_version"))


def write_run(folder: Path, dices: dict[str, float], version: int = 1) -> Path:
    folder.mkdir(parents=True)
    counts = {"vertebrae_expected": 7, "vertebrae_found": 6, "vertebrae_missed": 1}
    names = {"levels_known": 6, "truth_version": version}
    scans = [
        scan(f"s{k}", k, **counts, **names, levels_right=6 - place)
        for place, k in enumerate(dices)
    ]
    scans.append(scan("bad", "9", status="failed", truth_version=version))
    scans.append(scan("odd", "9", status="skipped", truth_version=version))
    plain_tsv(folder / "scans.tsv", (*SCAN_COLUMNS, "truth_version"), scans)
    rows = [structure(f"s{k}", k, dice, version) for k, dice in dices.items()]
    plain_tsv(folder / "accuracy.tsv", (*ACCURACY_COLUMNS, "truth_version"), rows)
    columns = (*INSTANCE_COLUMNS, "truth_version")
    found = [
        tuple(
            {
                "scan": f"s{k}",
                "subject": k,
                "kind": "vertebra",
                "outcome": outcome,
                "dice": dice,
                "truth_version": version,
            }.get(c)
            for c in columns
        )
        for k in dices
        for outcome, dice in (("found", 0.75), ("found", 0.85), ("missed", None))
    ]
    plain_tsv(folder / "instances.tsv", columns, found)
    return folder


def row_of(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_counts_scans_instances_and_names(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"1": 0.9, "2": 0.8, "3": 0.7})
    out = tmp_path / "accuracy.md"
    out.write_text(f"# Mine\n\nwords\n\n{MARK}\nold figures\n")
    assert main([f"a system:chu={folder}", "--out", str(out)]) == 0
    text = out.read_text()
    assert text.startswith(f"# Mine\n\nwords\n\n{MARK}\n")
    assert "old figures" not in text
    assert "version 1 of the rules" in text
    figures = row_of(text, "| a system | Chu | judge | T2w | disc ")
    assert figures[5].startswith("0.800 [0.7")
    assert figures[5].endswith("(0.700)")
    assert figures[6:] == ["1.00 [1.00, 1.00] (1.00)", "3"]
    counts = row_of(text, "| a system | Chu | judge | T2w | vertebra ")
    assert counts[5].startswith("0.800 [")
    assert counts[5].endswith("(0.750)")
    assert counts[6:13] == ["21", "18", "3", "–", "–", "–", "–"]
    assert counts[13] == "15 of 18"
    assert counts[14].startswith("1 of 3")
    assert counts[15] == "1"
    assert row_of(text, "| Chu |")[2] == "judge"
    assert "MyoSegmenTUM" not in text


def test_an_interval_draws_subjects() -> None:
    subjects, values = ["a", "a", "b", "c", "d"], [0.9, 0.9, 0.5, 0.7, 0.6]
    bounds = interval(subjects, values)
    assert bounds is not None
    assert 0.5 <= bounds[0] < fmean(values) < bounds[1] <= 0.9
    assert interval(subjects, values) == bounds
    # scans of one subject tell less than as many subjects
    alone = interval(["a", "b", "c", "d", "e"], values)
    assert alone is not None
    assert bounds[1] - bounds[0] > alone[1] - alone[0]
    assert interval(["a", "a", "b"], [1, 2, 3]) is None


def test_figures_that_do_not_compare_are_refused(tmp_path: Path, capsys: Capsys) -> None:
    one = write_run(tmp_path / "one", {"1": 0.9})
    other = write_run(tmp_path / "other", {"1": 0.9}, version=2)
    out = ["--out", str(tmp_path / "accuracy.md")]
    assert main([f"a:chu={one}", f"b:chu={other}", *out]) == 2
    assert main([f"a:chu={tmp_path}", *out]) == 2
    assert main([f"a:nothing={one}", *out]) == 2
    assert main([f"chu={one}", *out]) == 2
    told = capsys.readouterr().err
    for words in ("different versions", "no tables", "not described", "SYSTEM:SET=FOLDER"):
        assert words in told
    assert not (tmp_path / "accuracy.md").exists()


def test_every_set_says_what_was_looked_at(tmp_path: Path, capsys: Capsys) -> None:
    sets = read_sets(SETS)
    assert {data.use for data in sets.values()} == {"train", "development", "judge"}
    assert all(data.looked_at and data.what for data in sets.values())
    broken = tmp_path / "sets.toml"
    broken.write_text('[a]\nname = "A"\n')
    words = ["a:a=x", "--sets", str(broken), "--out", str(tmp_path / "page.md")]
    assert main(words) == 2
    assert "not whole" in capsys.readouterr().err
