"""The command on a small dataset: what is measured, skipped, failed, and told."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.accuracy import main
from benchmarks.against_truth.contact_sheet import Tile, draw_sheets, overlay
from benchmarks.against_truth.measures import Overlap
from benchmarks.against_truth.pipeline_run import read_runs
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.scan import Measured, Picture, Score
from benchmarks.against_truth.summary import summary_text, write_tables
from benchmarks.against_truth.tables import cell, summary_rows
from benchmarks.against_truth.truth import TRUTH_VERSION

from ..tiny_packages import affine, coded_labels, write_packages, write_scan

Capsys = pytest.CaptureFixture[str]
PICTURE = Picture(*np.zeros((4, 6, 9)), aspect=2.0)


def report(scan: str, dice: float, assd: float, structure: str = "disc") -> ScanReport:
    score = Score("spider", structure, Overlap(dice, assd, assd), 1.0, 1.0)
    return ScanReport(scan, "1", "T2w", measured=Measured([score], {}, PICTURE))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_summary_of_two_scans() -> None:
    reports = [report("a", 0.8, 2.0), report("b", 0.6, math.nan)]
    dice, assd, _ = summary_rows(reports)
    assert dice[:4] == ("spider", "T2w", "disc", "dice")
    assert dice[4:] == (pytest.approx(0.7), pytest.approx(math.sqrt(0.02)), 0.6, "b", 2)
    assert assd[3] == "assd_mm"
    assert (assd[4], assd[6:]) == (2.0, (2.0, "a", 1))
    assert math.isnan(assd[5])


def test_mean_of_the_small_parts_is_taken_scan_by_scan() -> None:
    one, other = report("a", 0.2, 1.0, "Arcus_Vertebrae"), report("b", 0.9, 1.0, "Arcus_Vertebrae")
    assert one.measured is not None
    one.measured.scores.append(report("a", 0.4, 1.0, "Spinosus_Process").measured.scores[0])  # type: ignore[union-attr]
    (row,) = [r for r in summary_rows([one, other]) if r[2] == "mean of 41-48"]
    assert row[4] == pytest.approx((0.3 + 0.9) / 2)
    assert row[6:] == (pytest.approx(0.3), "a", 2)


def test_failed_and_skipped_scans_are_named() -> None:
    failed = ScanReport("bad", status="failed", reason="no memory")
    skipped = ScanReport("odd", status="skipped", reason="it has no truth mask")
    text = summary_text([report("a", 0.8, 2.0), failed, skipped], "command")
    assert "1 scans measured, 1 failed, 1 without measures" in text
    assert "- bad: no memory" in text
    assert "- odd: it has no truth mask" in text


def test_every_figure_says_how_the_truth_was_read(tmp_path: Path) -> None:
    reports = [report("a", 0.8, 2.0), ScanReport("bad", status="failed", reason="no memory")]
    write_tables(tmp_path, reports, "command")
    tables = sorted(tmp_path.glob("*.tsv"))
    assert [table.name for table in tables] == [
        *("accuracy.tsv", "instances.tsv", "scans.tsv", "summary.tsv"),
    ]
    for table in tables:
        assert table.read_text().splitlines()[0].split("\t")[-1] == "truth_version"
        assert {row["truth_version"] for row in read(table)} <= {str(TRUTH_VERSION)}
    assert len(read(tmp_path / "scans.tsv")) == 2
    text = (tmp_path / "summary.md").read_text()
    assert f"truth masks read by version {TRUTH_VERSION} of the rules" in text


def test_cells() -> None:
    values = (None, "", math.nan, True, False, 0.5, 3, "a\nb")
    assert [cell(v) for v in values] == ["n/a", "n/a", "n/a", "yes", "no", "0.5000", "3", "a b"]


def test_tables_of_the_pipeline(tmp_path: Path) -> None:
    """The latest run tells what is there; each step counts as it was computed last."""

    def table(run: str, code: str, labeling: str = "n/a", **steps: tuple[float, float]) -> Path:
        path = tmp_path / "logs" / run / "scans.tsv"
        path.parent.mkdir(parents=True)
        columns = ("scan", "file", "code", "reason")
        models = ("model_semantic", "model_instance", "model_labeling")
        row = ("a", "/bids/a", code, "because", "s", "i", labeling)
        path.write_text("\t".join((*columns, *models)) + "\n" + "\t".join(row) + "\n")
        events = [
            {"scan": "a", "node": node, "event": kind, "seconds": seconds, "peak_gb": peak}
            for node, (seconds, peak) in steps.items()
            for kind in ("start", "done")
        ]
        lines = [json.dumps(event) for event in events]
        (path.parent / "progress.jsonl").write_text("\n".join([*lines, '{"scan": "a']))
        return path

    a, b = Path("/bids/a"), Path("/bids/b")
    first = table("1", "OK", "x", semantic=(30.0, 1.5), label_vertebrae=(4.0, 2.0))
    second = table("2", "ALL_DONE")
    runs = read_runs(tmp_path, [a, b], {first}, "it did not begin")
    # without names the time that they took is not counted
    assert (runs[a].seconds, runs[a].peak_gb, runs[a].timed) == (30.0, 1.5, "an earlier run")
    assert (runs[a].fault, runs[a].models, runs[a].named) == ("", ("s", "i", "n/a"), False)
    assert runs[b].fault == "it did not begin"
    assert math.isnan(runs[b].seconds)
    table("3", "OK", "x", label_vertebrae=(5.0, 1.0), centroids=(1.0, 0.5))
    run = read_runs(tmp_path, [a], {first, second}, "")[a]
    assert (run.seconds, run.peak_gb, run.timed, run.named) == (36.0, 1.5, "several runs", True)
    table("4", "EMPTY")
    assert read_runs(tmp_path, [a], {first}, "")[a].fault == "EMPTY: because"


def test_sheets(tmp_path: Path) -> None:
    vert, spine = np.zeros((2, 6, 9), np.uint8)
    vert[1, 2], spine[3, 4] = 20, 100
    picture = Picture(np.random.default_rng(0).random((6, 9)), vert, spine, vert, 1.0)
    colours = overlay(picture)
    assert colours.shape == (9, 6, 4)
    assert colours[2, 1, 3] == colours[4, 3, 3] > 0
    assert np.count_nonzero(colours[..., 3]) == 2
    tiles = [Tile("a", "fine", picture), Tile("b", "failed: why")] * 20
    sheets = draw_sheets(tiles, tmp_path / "sheet.png")
    assert [s.name for s in sheets] == ["sheet.png", "sheet-2.png"]
    assert all(s.stat().st_size > 1000 for s in sheets)


def test_nothing_to_measure_is_told(tmp_path: Path, capsys: Capsys) -> None:
    bids = tmp_path / "bids"
    write_scan(bids / "sub-a" / "anat" / "sub-a_T2w.nii.gz")
    out = ["--out", str(tmp_path / "out")]
    assert main([str(bids), *out]) == 2
    assert "No scan has a truth mask" in capsys.readouterr().err
    mask = bids / "derivatives" / "manual" / "sub-z_dseg.nii.gz"
    mask.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(coded_labels(), affine()), mask)
    assert main([str(bids), *out]) == 2
    assert "1 scans and 1 masks" in capsys.readouterr().err
    assert main([str(bids), *out, "--held-out"]) == 2
    assert "held-out" in capsys.readouterr().err
    assert main([str(bids / "absent"), *out]) == 2
    assert main([str(bids), *out, "--label-sets", "nonsense"]) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.e2e
def test_the_whole_command(tmp_path: Path, capsys: Capsys) -> None:
    """A scan that the tiny models segment exactly, a constant one, and one without a mask."""
    bids, out = tmp_path / "bids", tmp_path / "out"
    scan = write_scan(bids / "sub-a" / "anat" / "sub-a_T2w.nii.gz")
    for label in "bc":
        path = bids / f"sub-{label}" / "anat" / f"sub-{label}_T2w.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(scan.read_bytes())
    constant = nib.Nifti1Image(np.ones(coded_labels().shape, np.float32), affine())
    nib.save(constant, bids / "sub-b" / "anat" / "sub-b_T2w.nii.gz")
    (bids / "dataset_description.json").write_text(
        json.dumps({"Name": "x", "BIDSVersion": "1.9.0"})
    )
    manual = bids / "derivatives" / "manual"
    manual.mkdir(parents=True)
    for label in "ab":
        mask = nib.Nifti1Image(coded_labels(), affine())
        nib.save(mask, manual / f"sub-{label}_seg-spine_msk.nii.gz")
    models = tmp_path / "models"
    write_packages(models)
    command = [str(bids), "--out", str(out), "--plugin", "Linear", "--device", "cpu"]
    command += ["--model-labeling", "none", "--no-proc-sem-n4-bias-correction", "--mem-gb", "4"]
    for kind in ("semantic", "instance"):
        command += [f"--model-{kind}", str(models / f"tiny_{kind}")]
    assert main(command) == 3
    assert "sub-c_T2w: it has no truth mask" in capsys.readouterr().err
    scores = {row["structure"]: row for row in read(out / "accuracy.tsv")}
    assert {row["scan"] for row in scores.values()} == {"sub-a_T2w"}
    assert scores["Vertebra_Corpus_border"]["dice"] == "1.0000"
    assert scores["Vertebra_Disc"]["assd_mm"] == "0.0000"
    rows = {row["scan"]: row for row in read(out / "scans.tsv")}
    assert [rows[f"sub-{x}_T2w"]["status"] for x in "abc"] == ["done", "failed", "skipped"]
    assert "constant" in rows["sub-b_T2w"]["reason"]
    done = rows["sub-a_T2w"]
    assert (done["vertebrae_expected"], done["vertebrae_found"]) == ("4", "4")
    assert (done["discs_right"], done["vertebrae_right"]) == ("yes", "yes")
    assert float(done["seconds"]) > 0
    assert not list((out / "derivatives" / "sub-c").rglob("*"))
    assert "sub-b_T2w: EMPTY" in (out / "summary.md").read_text()
    assert (out / "contact_sheet.png").is_file()
    # again, that scan alone: its results are reused
    assert main([*command[:1], "--subjects", "sub-a", *command[1:]]) == 0
    (again,) = read(out / "scans.tsv")
    assert again["timed"] == "an earlier run"
    assert again["seconds"] == done["seconds"]
