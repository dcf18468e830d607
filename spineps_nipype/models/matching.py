"""Which of several packages fits an image best: modality, plane, resolution.

Source: SPINEPS 2.1.3, choice of models in a dataset run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from spineps_nipype.core.planes import PLANE_ACROSS

from .config import ModelConfig
from .package import ModelPackage


def best_models(
    packages: Iterable[ModelPackage],
    *,
    modality: str | None,
    plane: str | None,
    spacing: Sequence[float] | None = None,
    axis_codes: Sequence[str] = ("P", "I", "R"),
) -> list[ModelPackage]:
    """Packages that fit an image, the best one first.

    Modality and plane must fit. Of those that do, models made for just this plane come first,
    then those whose resolution is nearest to that of the image, then those listed earlier.

    Parameters
    ----------
    packages
        Packages of one phase, those to be preferred first.
    modality
        Modality of the image, None if it is not known.
    plane
        Plane of the image, None if it is not known.
    spacing, axis_codes
        Voxel spacing of the image in mm and where its axes run to.
    """
    ranked = []
    for place, package in enumerate(packages):
        config = package.config
        if modality is not None and modality not in config.modality:
            continue
        if plane is not None and plane not in (config.acquisition, "iso"):
            continue
        other_plane = plane is not None and plane != config.acquisition
        ranked.append((other_plane, stretch(config, spacing, axis_codes), place, package))
    return [package for *_, package in sorted(ranked, key=lambda entry: entry[:3])]


def stretch(
    config: ModelConfig, spacing: Sequence[float] | None, axis_codes: Sequence[str]
) -> float:
    """How much an image is stretched for a model: sum of the octaves of its three axes."""
    if spacing is None:
        return 0.0
    axis = {PLANE_ACROSS[code]: float(z) for code, z in zip(axis_codes, spacing, strict=True)}
    zoom = [axis[PLANE_ACROSS[code]] for code in config.orientation]
    target = config.target_spacing(zoom)
    return round(sum(abs(math.log2(t / z)) for t, z in zip(target, zoom, strict=True)), 3)
