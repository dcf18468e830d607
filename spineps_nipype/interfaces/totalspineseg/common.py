"""What the shells of TotalSpineSeg share."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from nipype.interfaces.base import traits

from ...settings import choices
from ...totalspineseg.settings import Numerics, Release, RuleSettings


def _option(name: str, words: Any) -> Any:
    option = next(f for f in fields(RuleSettings) if f.name == name)
    others = [word for word in choices(words) if word != option.default]
    return traits.Enum(option.default, *others, usedefault=True, desc=option.metadata["help"])


def numerics_trait() -> Any:
    """Trait that chooses between corrected rules and those of the original."""
    return _option("numerics", Numerics)


def release_trait() -> Any:
    """Trait that names the weight release."""
    return _option("release", Release)
