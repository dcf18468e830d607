"""Which table of the expected Dice holds for a semantic package."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from ..core.files import file_digest
from ..metrics.expected_dice import FILE, read_dice_model
from ..models.package import ModelPackage

OURS: Final = Path(__file__).resolve().parents[1] / "data" / FILE
"""Table for the packages that come with the library."""
DIGEST_LENGTH: Final = 12
"""Characters of the digest of our table that records keep."""


@cache
def table_digest() -> str:
    """What records say of our table; that of a package is part of its own digest."""
    return file_digest(OURS)[:DIGEST_LENGTH]


def dice_model_file(package: ModelPackage) -> Path | None:
    """Table that was fitted with a package: its own, or ours; None where there is none.

    Raises
    ------
    ModelError
        If our table is damaged; the one of a package is read where it is used.
    """
    own = package.folder / FILE
    if own.is_file():
        return own
    return OURS if package.digest in read_dice_model(OURS).packages else None
