"""The group level and --reports-only, from output folders as runs leave them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from spineps_nipype.core.tables import read_rows, write_rows
from spineps_nipype.workflows.cli import main

from ..stored_dataset import ERROR, LEVELS, ODD, Stored

Capsys = pytest.CaptureFixture[str]


def group(stored: Stored, *more: str) -> int:
    return main([str(stored.bids), str(stored.out), "group", *more])


def table(stored: Stored) -> dict[str, dict[str, str | None]]:
    rows = read_rows(stored.out / "group_scans.tsv")
    return {str(row["scan"]): row for row in rows}


@pytest.fixture(params=["spineps", "bids"])
def stored(tmp_path: Path, request: pytest.FixtureRequest) -> Stored:
    return Stored(tmp_path, layout=request.param)


def test_a_row_for_each_scan(stored: Stored) -> None:
    assert group(stored) == 0
    rows = table(stored)
    assert list(rows) == [f"sub-{i}_T2w" for i in range(6)]
    row = rows["sub-1_T2w"]
    assert row["subject"] == "sub-1"
    assert row["source"] == "sub-1/anat/sub-1_T2w.nii.gz"
    assert (row["status"], row["verdict"], row["check_order"]) == ("done", "look", "pass")
    assert (row["check_sizes"], row["reason"]) == ("look", "L2 is <odd>.")
    assert (row["vertebrae"], row["levels"]) == ("3", "L1-L3")
    assert (row["median_disc_height"], row["lumbar_lordosis"]) == ("10.1", "40")
    assert (row["seconds"], row["seconds_semantic"]) == ("3.5", "2.5")
    assert (row["version"], row["device"]) == ("0.1.0", "cpu")
    assert row["label_confidence"] == "0.8"
    assert "semantic some_model" in str(row["models"])


def test_an_error_is_listed(stored: Stored) -> None:
    group(stored)
    row = table(stored)["sub-5_T2w"]
    assert (row["status"], row["error"]) == ("failed", f"EMPTY: {ERROR}")
    text = (stored.out / "group.html").read_text()
    assert "EMPTY: The file &lt;is&gt; empty." in text


def test_outliers_are_marked(stored: Stored) -> None:
    group(stored)
    rows = table(stored)
    assert rows["sub-0_T2w"]["outliers"] == str(len(LEVELS))
    said = str(rows["sub-0_T2w"]["outlier_values"])
    assert f"Disc height L2 {ODD:g} (others 10.1 to 10.4)" in said
    assert {rows[f"sub-{i}_T2w"]["outliers"] for i in range(1, 5)} == {"0"}
    assert (stored.out / "group.html").read_text().count('class="far"') == len(LEVELS)


def test_levels_of_all_scans(stored: Stored) -> None:
    group(stored)
    rows = read_rows(stored.out / "group_metrics.tsv")
    assert len(rows) == 5 * (len(LEVELS) + 1)
    assert (rows[0]["scan"], rows[0]["level"], rows[0]["disc_height"]) == (
        "sub-0_T2w",
        "L1",
        "30.0",
    )


def test_every_column_is_explained(stored: Stored) -> None:
    group(stored)
    for name in ("group_scans", "group_metrics"):
        told = json.loads((stored.out / f"{name}.json").read_text())
        rows = read_rows(stored.out / f"{name}.tsv")
        assert list(rows[0]) == list(told)
        assert all(said["Description"] for said in told.values())


def test_ratings_of_readers(stored: Stored, caplog: pytest.LogCaptureFixture) -> None:
    old = {"scan": "sub-1_T2w", "reader": "Ann", "time": "2026-01-01T00:00"}
    stored.rate("1.json", **old, rating="fail", comment="old")
    stored.rate("0.json", **{**old, "time": "2026-01-02T00:00"}, rating="pass", comment="fine")
    stored.rate("2.json", scan="sub-1_T2w", reader="Bob", rating="look", comment="L2 <low>")
    stored.rate("3.json", scan="sub-9_T2w", rating="pass")
    stored.rate("4.json", scan="sub-2_T2w", rating="splendid")
    with caplog.at_level(logging.WARNING):
        group(stored)
    row = table(stored)["sub-1_T2w"]
    assert (row["rating"], row["readers"]) == ("look", "Ann, Bob")
    assert row["comments"] == "Ann: fine; Bob: L2 <low>"
    assert table(stored)["sub-2_T2w"]["rating"] is None
    assert "4.json is no rating" in caplog.text
    assert "sub-9_T2w" in caplog.text


def test_same_bytes_again(stored: Stored) -> None:
    group(stored)
    before = stored.files()
    group(stored)
    assert stored.files() == before


def test_masks_and_images_are_not_needed(stored: Stored) -> None:
    """Table and page come from tables and sidecars; moved folders and lost logs do not matter."""
    group(stored)
    before = table(stored)
    for path in [*stored.bids.rglob("*.nii.gz")]:
        path.unlink()
    moved = stored.out.rename(stored.out.with_name("moved"))
    stored.out = moved
    assert group(stored) == 0
    assert table(stored) == before


def test_without_logs_the_sidecars_tell(stored: Stored) -> None:
    (stored.out / "logs").rename(stored.out.parent / "gone")
    assert group(stored) == 0
    assert list(table(stored)) == [f"sub-{i}_T2w" for i in range(5)]


def test_a_run_that_was_killed(stored: Stored) -> None:
    run = stored.out / "logs" / "20260101-000000_a"
    (run / "scans.tsv").unlink()
    assert group(stored) == 0
    assert "has not ended" in str(table(stored)["sub-5_T2w"]["error"])


def test_chosen_subjects(stored: Stored) -> None:
    assert group(stored, "--participant-label", "1", "sub-2") == 0
    assert list(table(stored)) == ["sub-1_T2w", "sub-2_T2w"]
    assert group(stored, "--exclude-participant-label", "1") == 0
    assert "sub-1_T2w" not in table(stored)


@pytest.mark.parametrize("words", [("group",), ("participant", "--reports-only")])
def test_nothing_is_stored(tmp_path: Path, capsys: Capsys, words: tuple[str, ...]) -> None:
    (tmp_path / "bids").mkdir()
    assert main([str(tmp_path / "bids"), str(tmp_path / "out"), *words]) == 1
    said = capsys.readouterr().out
    assert "There are no results" in said
    assert str(tmp_path / "out") in said
    assert "participant" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--dry-run", "--boilerplate-only"])
@pytest.mark.parametrize("words", [("group",), ("participant", "--reports-only")])
def test_flags_of_runs_are_refused(
    tmp_path: Path, capsys: Capsys, words: tuple[str, ...], flag: str
) -> None:
    stored = Stored(tmp_path)
    before = stored.files()
    with pytest.raises(SystemExit) as end:
        main([str(stored.bids), str(stored.out), *words, flag])
    assert end.value.code == 2
    assert f"argument {flag}: not with" in capsys.readouterr().err
    assert stored.files() == before


def test_the_pages_alone(stored: Stored, capsys: Capsys) -> None:
    """Damaged masks cost the pictures, not the pages."""
    words = [str(stored.bids), str(stored.out), "participant", "--reports-only"]
    assert main(words) == 0
    assert "6 pages are written" in capsys.readouterr().out
    pages = {path.name: path.read_text() for path in stored.out.glob("sub-*.html")}
    assert sorted(pages) == [f"sub-{i}.html" for i in range(6)]
    assert "L2 is &lt;odd&gt;." in pages["sub-1.html"]
    assert "The file &lt;is&gt; empty." in pages["sub-5.html"]
    assert "some_model" in pages["sub-1.html"]
    assert not (stored.out / "group.html").exists()
    assert group(stored, "--reports-only") == 0
    assert 'href="sub-1.html#sub-1_T2w"' in (stored.out / "group.html").read_text()


def test_several_systems(tmp_path: Path) -> None:
    """Folders of systems below the output folder are rows of the same table."""
    stored = Stored(tmp_path)
    own = stored.out / "totalspineseg"
    (own / "step2_output").mkdir(parents=True)
    (own / "step2_output" / "sub-1_T2w.nii.gz").touch()
    title = {"Name": "Segmentations of the spine (totalspineseg)"}
    (own / "dataset_description.json").write_text(json.dumps(title))
    sidecar = {"Sources": ["bids:raw:sub-1/anat/sub-1_T2w.nii.gz"], "Provenance": {}}
    (own / "step2_output" / "sub-1_T2w.json").write_text(json.dumps(sidecar))
    (own / "logs" / "x").mkdir(parents=True)
    line = {"Check": "They differ.", "Disagreements": 2}
    folder = stored.out / "consensus" / "sub-1" / "anat"
    folder.mkdir(parents=True)
    (folder / "sub-1_mod-T2w_consensus.json").write_text(json.dumps(line))
    assert group(stored) == 0
    rows = read_rows(stored.out / "group_scans.tsv")
    both = [row for row in rows if row["scan"] == "sub-1_T2w"]
    assert [row["pipeline"] for row in both] == ["spineps", "totalspineseg"]
    assert [row["check_other_systems"] for row in both] == ["look", "look"]
    assert both[1]["reason"] == "They differ."
    assert [row["pipeline"] for row in rows].count("totalspineseg") == 1


def test_expected_dice_of_a_scan(stored: Stored) -> None:
    path = stored.paths(stored.scans[2])["out_checks"]
    given = {"vertebra": ("pass", 0.9), "disc": ("look", 0.71), "canal": ("pass", 0.92)}
    rows: list[dict[str, object]] = [
        {"check": "overall", "verdict": "look", "reason": "x"},
        *(
            {"check": "quality", "verdict": verdict, "level": name, "expected_dice": dice}
            for name, (verdict, dice) in given.items()
        ),
    ]
    columns = ["check", "verdict", "level", "reason", "expected_dice"]
    write_rows(rows, path, columns)
    assert group(stored) == 0
    found = table(stored)
    row = found["sub-2_T2w"]
    assert (row["check_quality"], row["expected_dice"]) == ("look", "0.71")
    assert (row["expected_dice_vertebra"], row["expected_dice_canal"]) == ("0.9", "0.92")
    assert found["sub-1_T2w"]["expected_dice"] is None
    text = (stored.out / "group.html").read_text()
    assert '<span class="chip look">0.71</span>' in text
