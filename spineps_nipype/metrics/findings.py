"""What a check of a scan's masks found, and the table that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..core.verdicts import Verdict
from .quality import QUALITY

OVERALL: Final = "overall"

COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "check": {"LongName": "Check", "Description": f"What was looked at; '{OVERALL}' is the sum."},
    "verdict": {
        "LongName": "Verdict",
        "Description": "How it ended; the overall verdict is the worst of all.",
        "Levels": {
            "pass": "as expected",
            "look": "unusual: a reader should look at it",
            "fail": "cannot be right",
        },
    },
    "level": {"LongName": "Level", "Description": "Vertebra or disc concerned; n/a for none."},
    "reason": {"LongName": "Reason", "Description": "What was found, in words."},
    "remedy": {
        "LongName": "What to do",
        "Description": "Which picture to open, which file to correct, which option to give.",
    },
    "expected_dice": {
        "LongName": "Expected Dice",
        "Description": f"Of the check '{QUALITY}': Dice that the mask of this structure is "
        "expected to have, told without a truth. There is none for networks that it was not "
        "fitted with, nor for corrected masks.",
    },
    "expected_dice_low": {
        "LongName": "Lower end of the expected Dice",
        "Description": "Nine of ten masks lie between both ends.",
    },
    "expected_dice_high": {
        "LongName": "Upper end of the expected Dice",
        "Description": "Nine of ten masks lie between both ends.",
    },
}


@dataclass(frozen=True)
class Finding:
    """Result of one check at one place."""

    check: str
    verdict: Verdict
    level: str
    reason: str
    remedy: str = ""
    """What to do about it."""
    expected_dice: float | None = None
    expected_dice_low: float | None = None
    expected_dice_high: float | None = None
