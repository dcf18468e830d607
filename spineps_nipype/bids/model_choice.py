"""Choice of the model that fits a scan best; models are known only by their configuration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from ..errors import CompatibilityError
from .compatibility import Config, mismatches, modality_of
from .names import ScanName


class ImageConfig(Config, Protocol):
    """What a model says about the grid that it works on."""

    @property
    def orientation(self) -> Sequence[str]:
        """Axis codes."""

    def target_spacing(self, zoom: Sequence[float]) -> Sequence[float]:
        """Spacing that an image of spacing `zoom` is brought to [mm]."""


class Candidate(Protocol):
    """A model package, as far as it is looked at here."""

    @property
    def id(self) -> str:
        """Name of the package."""

    @property
    def config(self) -> ImageConfig:
        """Its configuration."""


C = TypeVar("C", bound=Candidate)

AXES = {**dict.fromkeys("RL", 0), **dict.fromkeys("AP", 1), **dict.fromkeys("IS", 2)}


def resampling(config: ImageConfig, codes: Sequence[str], zooms: Sequence[float]) -> float:
    """How far an image is resampled for a model: sum over axes of the log of the factor."""
    by_axis = {AXES[code]: float(zoom) for code, zoom in zip(codes, zooms, strict=True)}
    turned = [by_axis[AXES[code]] for code in config.orientation]
    target = config.target_spacing(turned)
    return sum(abs(math.log(t / z)) for t, z in zip(target, turned, strict=True))


def choose_model(
    candidates: Iterable[C],
    name: ScanName,
    *,
    plane: str,
    codes: Sequence[str],
    zooms: Sequence[float],
    kind: str = "semantic",
) -> C:
    """Choose the model that fits modality and plane and changes the resolution least.

    Parameters
    ----------
    candidates
        Models to choose from; the earlier one wins a tie.
    name, plane, codes, zooms
        Name, plane, axis codes and voxel size [mm] of the scan.
    kind
        Phase that the model is for; used in the message.

    Raises
    ------
    CompatibilityError
        If no model fits. The message gives the reason for each.
    """
    reasons: list[str] = []
    ranked: list[tuple[bool, bool, float, int, C]] = []
    for position, model in enumerate(candidates):
        why = mismatches(name, model.config, plane=plane)
        if why:
            reasons.append(f"{model.id}: {'; '.join(why)}")
            continue
        foreign = modality_of(name.suffix) not in model.config.modality
        # An isotropic scan fits a model of any plane, best one that is isotropic itself.
        other_plane = model.config.acquisition != plane
        ranked.append(
            (foreign, other_plane, resampling(model.config, codes, zooms), position, model)
        )
    if not ranked:
        raise CompatibilityError(
            f"No installed {kind} model fits this scan ({' | '.join(reasons) or 'none there'}).",
            remedy=f"Install a fitting model, name one with --model-{kind}, or add "
            "--ignore-compatibility-issues with a named model.",
        )
    return min(ranked, key=lambda entry: entry[:4])[4]
