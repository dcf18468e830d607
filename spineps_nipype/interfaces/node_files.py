"""Where nodes write."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def node_file(runtime: Any, name: str) -> Path:
    """Path of an output in the folder of the node."""
    return Path(runtime.cwd) / name
