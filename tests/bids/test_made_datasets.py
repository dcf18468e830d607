"""Datasets that this package makes itself are BIDS datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spineps_nipype.bids.made_datasets import describe_made


@pytest.mark.parametrize("kind", ["raw", "derivative"])
def test_a_made_dataset_is_described(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "new" / "folder"
    for name in ("first", "second"):
        describe_made(root, name, kind=kind, License="CC0")
    told = json.loads((root / "dataset_description.json").read_text(encoding="utf-8"))
    assert told["Name"] == "second"
    assert told["DatasetType"] == kind
    assert told["License"] == "CC0"
    assert told["BIDSVersion"]
    assert [path.name for path in root.iterdir()] == ["dataset_description.json"]
