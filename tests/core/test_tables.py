"""Tables of vertebrae."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spineps_nipype.core.tables import write_table


def test_rows_and_columns(tmp_path: Path) -> None:
    rows = [
        {"number": 2, "name": "T12", "confidence": 0.98765432, "heads": {"REGION": [0.25, 0.75]}},
        {"number": np.int64(3), "name": "L1", "confidence": float("nan"), "note": True},
    ]
    path = tmp_path / "labels.tsv"
    write_table(rows, path)
    assert path.read_text().splitlines() == [
        "number\tname\tconfidence\theads_REGION_0\theads_REGION_1\tnote",
        "2\tT12\t0.9877\t0.25\t0.75\tn/a",
        "3\tL1\tn/a\tn/a\tn/a\tTrue",
    ]


def test_no_rows_give_an_empty_table(tmp_path: Path) -> None:
    write_table([], tmp_path / "labels.tsv")
    assert (tmp_path / "labels.tsv").read_text() == "\n"
