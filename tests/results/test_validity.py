"""Whether stored results of made-up recipes can be used, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from spineps_nipype.results.plan import plan_scan
from spineps_nipype.results.recipe import SCAN, Phase, Recipe
from spineps_nipype.results.record import Provenance
from spineps_nipype.results.validity import Validity

from .stored_results import store


def provenance(*phases: Phase, **more: object) -> Provenance:
    return Provenance(Recipe("made up", phases, **more), {}, {})  # type: ignore[arg-type]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.nii.gz"
    path.write_text("scan")
    return path


def test_results_that_tell_nothing_are_not_used(scan: Path, tmp_path: Path) -> None:
    phase = Phase("bare", makes=("numbers",), reads=(SCAN,), undescribed=frozenset({"numbers"}))
    files = {SCAN: scan, "numbers": tmp_path / "numbers.bin"}
    files["numbers"].write_text("numbers")
    same = Validity(provenance(phase), files, "same").whole(phase)
    assert same == (False, "stored, but nothing tells how numbers was made")
    assert Validity(provenance(phase), files, "any").whole(phase).usable


def test_absent_results_are_named_and_then_counted(scan: Path, tmp_path: Path) -> None:
    names = tuple("abcde")
    phase = Phase("many", makes=names, reads=(SCAN,))
    files = {SCAN: scan, **{name: tmp_path / f"{name}.nii.gz" for name in names}}
    verdict = Validity(provenance(phase), files, "same").whole(phase)
    assert verdict == (False, "not stored yet: a.nii.gz, b.nii.gz and 3 more")


def test_files_of_one_name_are_told_apart_by_their_folders(scan: Path, tmp_path: Path) -> None:
    phase = Phase("twins", makes=("one", "two"), reads=(SCAN,))
    files = {
        SCAN: scan,
        "one": tmp_path / "left/mask.nii.gz",
        "two": tmp_path / "right/mask.nii.gz",
    }
    verdict = Validity(provenance(phase), files, "same").whole(phase)
    assert verdict == (False, "not stored yet: left/mask.nii.gz, right/mask.nii.gz")


def test_what_stored_results_were_made_from(scan: Path, tmp_path: Path) -> None:
    phase = Phase("one", makes=("mask",), reads=(SCAN,))
    files = {SCAN: scan, "mask": tmp_path / "mask.nii.gz"}
    way = provenance(phase)
    store(way, files)
    validity = Validity(way, files, "same")
    assert validity.whole(phase) == (True, "stored, made the same way")
    kept = validity.kept(phase)
    assert kept.files == {"mask": files["mask"]}
    assert list(kept.inputs) == [SCAN]


def test_a_copy_does_not_hide_what_else_is_missing(scan: Path, tmp_path: Path) -> None:
    """Of three further results the first has no place, the second is a copy, the third is new."""
    phase = Phase(
        "one",
        makes=("mask",),
        reads=(SCAN,),
        extras={"nowhere": "", "again": "", "more": ""},
        undescribed=frozenset({"again"}),
    )
    files = {
        SCAN: scan,
        "mask": tmp_path / "mask.nii.gz",
        "again": tmp_path / "copies/mask.nii.gz",
        "more": tmp_path / "more.nii.gz",
    }
    way = provenance(phase, copies={"again": "mask"})
    store(way, {SCAN: scan, "mask": files["mask"]})
    steps = {step.phase: step for step in plan_scan(way, files).steps}
    assert steps["one"].action == "run"
    assert steps["one"].why == "more asked for and not stored"
