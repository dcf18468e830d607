"""Names of pages: another program's page of the same name stays."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..core.marks import PAGE_MARK, is_marked
from ..errors import OutputError

OTHER_NAME: Final = "_spine"
"""Added to the name of a page whose usual name another program uses."""


def is_own_page(path: Path) -> bool:
    """Whether a page is absent or empty, or was written by this program."""
    if not path.is_file() or not path.stat().st_size:
        return True
    return is_marked(path, PAGE_MARK) is True


def subject_page(folder: Path, subject: str) -> Path:
    """Page of a subject: ``sub-01.html``, or ``sub-01_spine.html`` where that name is taken.

    Raises
    ------
    OutputError
        If both names are taken by other programs.
    """
    for word in ("", OTHER_NAME):
        path = folder / f"{subject}{word}.html"
        if is_own_page(path):
            return path
    raise OutputError(
        "Pages that this program did not write have the names of the page of a subject.",
        file=folder / f"{subject}.html",
        remedy="Move one of them away.",
    )
