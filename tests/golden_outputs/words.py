"""Words of the command line that the golden table depends on, each spelled in one place.

Where a flag or a word of the sidecars gets another name, it changes here and nowhere else: the
stored table holds the neutral words of `NEUTRAL`.
"""

from __future__ import annotations

import re
from typing import Final

OUR_RULES: Final = "corrected"
"""Value of the numerics options for corrected rules; the default."""
NUMERICS: Final = {
    "totalspineseg": "--totalspineseg-numerics",
    "sc-epi": "--sc-epi-numerics",
    "spine-segmentation": "--spine-segmentation-numerics",
}
"""Option of each system that asks for the rules of the original."""
OVERRIDES: Final = {
    "totalspineseg": "--override-totalspineseg",
    "sc-epi": "--override-sc-epi",
    "spine-segmentation": "--override-spine-segmentation",
    "consensus": "--override-consensus",
}
"""Option of each system that makes its results again."""
CORRECTED_MASKS: Final = "-d"
FIXED_NAMES: Final = "--manual-labels"

NEUTRAL: Final = (
    (re.compile(rf"\b{OUR_RULES}\b(?! (?:seg-|mask|label map))"), "<our rules>"),
    *(
        (re.compile(rf"\b{flag[2:].replace('-', '[-_]')}\b"), "<override>")
        for flag in OVERRIDES.values()
    ),
)
"""What stands in the table for words that may be renamed."""
