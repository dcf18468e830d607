"""Verdicts of automatic checks, and of readers who rate a scan."""

from __future__ import annotations

from typing import Final, Literal

Verdict = Literal["pass", "look", "fail"]
VERDICTS: Final[tuple[Verdict, ...]] = ("pass", "look", "fail")
"""All verdicts, from the best to the worst."""
