"""Words in which checks, and readers who rate a scan, judge it."""

from __future__ import annotations

from typing import Final, Literal

Verdict = Literal["pass", "look", "fail"]
VERDICTS: Final[tuple[Verdict, ...]] = ("pass", "look", "fail")
"""From the best to the worst."""
