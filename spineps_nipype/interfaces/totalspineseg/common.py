"""What the shells of TotalSpineSeg share."""

from __future__ import annotations

from typing import Any

from ...totalspineseg.settings import RuleSettings
from ..settings_traits import option_trait


def numerics_trait() -> Any:
    """Trait that chooses between corrected rules and those of the original."""
    return option_trait(RuleSettings, "numerics")


def release_trait() -> Any:
    """Trait that names the weight release."""
    return option_trait(RuleSettings, "release")
