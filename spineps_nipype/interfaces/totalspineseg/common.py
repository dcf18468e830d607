"""What the shells of TotalSpineSeg share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nipype.interfaces.base import isdefined

from ...errors import ModelError
from ...models.package import ModelPackage
from ...totalspineseg.profiles import PROFILES
from ...totalspineseg.settings import RuleSettings
from ...totalspineseg.weights import load_weights
from ..settings_traits import option_trait


def numerics_trait() -> Any:
    """Trait that chooses between corrected rules and those of the original."""
    return option_trait(RuleSettings, "numerics")


def release_trait() -> Any:
    """Trait that names the weight release."""
    return option_trait(RuleSettings, "release")


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
