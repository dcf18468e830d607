"""Verdicts of automatic checks, and of readers who rate a scan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

Verdict = Literal["pass", "look", "fail"]
VERDICTS: Final[tuple[Verdict, ...]] = ("pass", "look", "fail")
"""All verdicts, from the best to the worst."""


def worst(verdicts: Iterable[str | None]) -> Verdict | None:
    """The worst of some verdicts; None if there is none among the words."""
    said = set(verdicts)
    return next((verdict for verdict in reversed(VERDICTS) if verdict in said), None)
