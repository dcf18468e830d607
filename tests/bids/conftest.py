"""A small BIDS dataset of images that nobody opens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Make a dataset with these files; the value of a JSON file is its content."""

    def make(*images: str, **sidecars: object) -> Path:
        root = tmp_path / "bids"
        root.mkdir(exist_ok=True)
        description = {"Name": "test", "BIDSVersion": "1.9.0"}
        (root / "dataset_description.json").write_text(json.dumps(description))
        for name in images:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for name, content in sidecars.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(json.dumps(content))
        return root

    return make
