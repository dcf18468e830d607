"""The pages for quality control, as files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.sc_epi.naming import QcNames
from spineps_nipype.sc_epi.qc_report import DATASETS, RECORDS, add_entry, refresh

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    files = tmp_path / "b.png", tmp_path / "o.png"
    for path in files:
        path.write_bytes(path.name.encode())
    return files


def add(root: Path, pictures: tuple[Path, Path], **more: Any) -> Path:
    return add_entry(
        root,
        *pictures,
        **{
            "names": QcNames("data/set", "sub-1", "func"),
            "input_file": "x.nii.gz",
            "plane": "Axial",
            "command": "made </script> with",
            "version": "1",
            "when": WHEN,
            **more,
        },
    )


def entries(root: Path) -> list[dict[str, str]]:
    text = (root / DATASETS).read_text().partition("DATASETS = ")[2]
    found: list[dict[str, str]] = json.loads(text.strip().removesuffix(";"))
    return found


def test_an_entry(tmp_path: Path, pictures: tuple[Path, Path]) -> None:
    root = tmp_path / "qc"
    page = add(root, pictures)
    assert page == root / "index.html"
    (entry,) = entries(root)
    folder = "data-set/sub-1/func/sct_deepseg/2026_01_02_030405.000678"
    assert entry["backgroundImage"] == f"{folder}/background_img.png"
    assert (root / entry["overlayImage"]).read_bytes() == b"o.png"
    assert entry["date"] == "2026-01-02 03:04:05"
    record = root / RECORDS / "qc_2026_01_02_030405.000678.json"
    assert json.loads(record.read_text()) == entry
    assert "http" not in page.read_text()  # it must work without a network


def test_entries_pile_up_and_marks_stay(tmp_path: Path, pictures: tuple[Path, Path]) -> None:
    root = tmp_path / "qc"
    add(root, pictures)
    first = (root / DATASETS).read_text().splitlines()[0]
    add(root, pictures)
    add(root, pictures, input_file="y.nii.gz")
    assert len(entries(root)) == 3
    assert len({entry["backgroundImage"] for entry in entries(root)}) == 3
    assert (root / DATASETS).read_text().splitlines()[0] == first
    assert first.startswith("window.SCT_QC_UUID = ")


def test_an_entry_of_the_same_image_is_replaced(
    tmp_path: Path, pictures: tuple[Path, Path]
) -> None:
    root = tmp_path / "qc"
    for name in ("x.nii.gz", "y.nii.gz", "x.nii.gz"):
        add(root, pictures, input_file=name, replace=True)
    assert sorted(entry["inputFile"] for entry in entries(root)) == ["x.nii.gz", "y.nii.gz"]
    assert len(list(root.rglob("background_img.png"))) == 2


def test_damaged_records_are_left_out(tmp_path: Path, pictures: tuple[Path, Path]) -> None:
    root = tmp_path / "qc"
    add(root, pictures)
    (root / RECORDS / "qc_0.json").write_text("{")
    refresh(root)
    assert len(entries(root)) == 1
