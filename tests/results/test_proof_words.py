"""What is said of stored files that are no corrections, word by word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.results.proof import UNFINISHED, mask_fault, points_fault, stored_fault
from spineps_nipype.results.sidecar import REPLACES, SHA, result_digest

from .stored_results import GRID

KNOWN = frozenset({20, 21})


def write_mask(path: Path, *values: int) -> Path:
    data = np.zeros((4, 4, 4), np.int16)
    data[0, 0, : len(values)] = values
    nib.Nifti1Image(data, np.diag([1.0, 1, 2, 1])).to_filename(path)
    return path


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((20, 21), ""),
        ((20, 1), "it holds unknown labels: 1"),
        ((3, 4, 5), "it holds unknown labels: 3, 4, 5"),
        ((3, 4, 5, 6), "it holds unknown labels: 3, 4, 5 and more"),
        ((-1,), "it holds unknown labels: -1"),
        ((), "it holds no label"),
    ],
)
def test_labels_that_nobody_knows(tmp_path: Path, values: tuple[int, ...], words: str) -> None:
    mask = write_mask(tmp_path / "mask.nii.gz", *values)
    assert mask_fault(mask, None, KNOWN) == words
    positive = all(v > 0 for v in values)
    assert bool(mask_fault(mask, None, None)) == (not values or not positive)


def test_a_scan_that_is_not_there_has_any_grid(tmp_path: Path) -> None:
    mask = write_mask(tmp_path / "mask.nii.gz", 20)
    assert mask_fault(mask, tmp_path / "gone.nii.gz", KNOWN) == ""


def test_what_speaks_against_a_stored_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("level\nL1\n")
    record = {SHA: result_digest(path)}
    assert stored_fault(path, record) == ""
    assert stored_fault(path, {}) == "its record holds no digest"
    assert stored_fault(path, {**record, REPLACES: "x"}) == UNFINISHED
    path.write_text("level\nL2\n")
    assert stored_fault(path, record) == "it is not what was stored"
    path.write_text("")
    assert stored_fault(path, record) == "it is empty"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ([GRID, {"20": {"50": [1.0, 2.0, 3.0]}}], False),
        ([{}, {"20": {"50": [1.0, 2.0, 3.0]}}], True),
        ([GRID, {"20": {"50": [1.0, 2.0]}}], True),
        ([GRID, {"20": {"50": [1.0, 2.0, 3.0], "60": [1.0, 2.0, 3.0, 4.0]}}], True),
        ([[], {"20": {"50": [1.0, 2.0, 3.0]}}], True),
        ([GRID, {"20": {"50": [1.0, 2.0, float("nan")]}}], True),
        ([GRID, {"20": {"50": [1.0, 2.0, None]}}], True),
        ([GRID, {}], True),
        ([GRID, [1]], True),
        ([GRID], True),
        (7, True),
    ],
)
def test_points_that_are_none(tmp_path: Path, content: Any, fault: bool) -> None:
    path = tmp_path / "points.json"
    path.write_text(json.dumps(content))
    assert bool(points_fault(path)) == fault
