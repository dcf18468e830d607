"""Reading of the reference vectors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.reference.store import VECTORS


class Vector:
    """Inputs, expected output and parameters of one run of the original function."""

    def __init__(self, name: str) -> None:
        with np.load(VECTORS / f"{name}.npz", allow_pickle=False) as stored:
            self._arrays = {key: stored[key] for key in stored.files}
        self.facts: dict[str, Any] = json.loads((VECTORS / "manifest.json").read_text())[name]

    def __getitem__(self, key: str) -> Any:
        return self._arrays[key]

    def __contains__(self, key: str) -> bool:
        return key in self._arrays
