"""Output files that somebody names on a command line: neither inputs nor files of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from spineps_nipype.core.marks import IMAGES, is_marked
from spineps_nipype.errors import OutputError
from spineps_nipype.results.proof import is_foreign

LOSSES_MARK: Final = "name\tvoxels\tkind\treason\n"
"""Head of the table of losses."""


def check_outputs(outputs: Mapping[Path, str], inputs: Iterable[Path]) -> None:
    """Refuse outputs that would replace an input, each other, or another program's file.

    Parameters
    ----------
    outputs
        Files that will be written, and what each is in words.
    inputs
        Files that are read.

    Raises
    ------
    OutputError
        If one would.
    """
    read = [path for path in inputs if path.exists()]
    taken: dict[Path, str] = {}
    for path, words in outputs.items():
        place = path.resolve()
        if any(path.exists() and path.samefile(other) for other in read):
            raise OutputError(
                f"The {words} would replace a file that is read.",
                file=path,
                remedy="Give the output another name.",
            )
        if place in taken:
            raise OutputError(
                f"The {words} and the {taken[place]} would be one file.",
                file=path,
                remedy="Give each a name of its own.",
            )
        taken[place] = words
        if _foreign(path):
            raise OutputError(
                f"The {words} would replace a file that this program did not write.",
                file=path,
                remedy="Move that file away, or give the output another name.",
            )


def check_image_name(path: Path) -> None:
    """Refuse a name that does not say NIfTI for a file that will be NIfTI.

    Raises
    ------
    OutputError
        If it says something else.
    """
    if not path.name.endswith(IMAGES):
        raise OutputError(
            "Images are written as NIfTI, which the name of the output does not say.",
            file=path,
            remedy="Give a name that ends with .nii.gz or .nii.",
        )


def _foreign(path: Path) -> bool:
    if path.suffix == ".tsv":
        there = path.is_file() and path.stat().st_size > 0
        return there and is_marked(path, LOSSES_MARK) is False
    return is_foreign(path, unsure=True)
