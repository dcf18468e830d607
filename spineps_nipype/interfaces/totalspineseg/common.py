"""What the shells of TotalSpineSeg share."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from nipype.interfaces.base import isdefined, traits

from ...errors import ModelError
from ...models.package import ModelPackage
from ...settings import choices
from ...totalspineseg.profiles import PROFILES
from ...totalspineseg.settings import Numerics, Release, RuleSettings
from ...totalspineseg.weights import load_weights


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


def required_weights(inputs: Any) -> ModelPackage:
    """Weights of an interface, checked against the digest that the cache key holds.

    Raises
    ------
    ModelError
        If the files are not those whose digest was given.
    """
    package = load_weights(Path(inputs.model_dir), profile=PROFILES[inputs.release])
    if isdefined(inputs.model_digest) and package.digest != inputs.model_digest:
        raise ModelError(
            "The weights have changed since this workflow was built.",
            file=package.folder,
            remedy="Build the workflow again, so that its results name the right weights.",
        )
    return package
