"""Benchmarks: a file here is a command, the folders hold their parts.

They never import `training`, so that what measures does not move with what is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
"""The repository."""
EMBEDDED_PACKAGES: Final = ROOT / "spineps_nipype" / "data" / "models" / "compact"
"""Model packages of SPINEPS that the library ships."""
HELD_OUT_SPIDER: Final = ROOT / "training" / "heldout_spider.txt"
"""Subjects of SPIDER that training never sees, one a line; ``#`` begins a comment."""
