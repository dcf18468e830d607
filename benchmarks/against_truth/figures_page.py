"""Pages whose lower part a command writes: figures below words that people wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from spineps_nipype.core.files import whole_file

MARK: Final = "<!-- figures -->"
"""What stands above it is kept."""


def write_figures(path: Path, title: str, text: str) -> None:
    """Write figures below the mark of a page, or a new page with a title."""
    before = path.read_text(encoding="utf-8") if path.is_file() else f"# {title}\n\n"
    with whole_file(path) as temporary:
        temporary.write_text(f"{before.partition(MARK)[0]}{MARK}\n\n{text}", encoding="utf-8")
