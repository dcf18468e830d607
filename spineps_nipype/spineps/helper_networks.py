"""Networks that help the three of a scan: VIBESeg, which crops, and the one that chooses tiles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..errors import ModelError
from ..models.config import ModelConfig
from ..models.finding import find_package
from ..models.package import ModelPackage
from ..models.spineps_packages import scout_networks
from ..models.systems import VIBESEG as VIBESEG_SYSTEM
from .recipe import VIBESEG
from .settings import PipelineSettings
from .spine_crop import crop_wanted, size_in_box
from .tile_choice import chosen_tiles


def helper_networks(
    settings: PipelineSettings,
    config: ModelConfig,
    shape: Sequence[int],
    zooms: Sequence[float],
    axis_codes: Sequence[str],
) -> dict[str, ModelPackage | None]:
    """Further networks that a scan needs, by kind; None for VIBESeg where it is not installed.

    Parameters
    ----------
    settings
        Options of all phases.
    config
        Configuration of the semantic model.
    shape, zooms, axis_codes
        Grid of the scan: voxels, spacing [mm] and orientation of its three axes.
    """
    found: dict[str, ModelPackage | None] = {**_scout(settings)}
    crop, size = settings.crop, tuple(shape)[:3]
    if crop.crop_box is not None:
        size = size_in_box(size, crop.crop_box, settings.numerics)
    if crop_wanted(size, zooms, axis_codes, crop, config):
        found[VIBESEG] = _vibeseg_or_none()
    return found


def possible_networks(settings: PipelineSettings) -> dict[str, ModelPackage]:
    """Further networks that some scan may need, as far as they are installed."""
    found = _scout(settings)
    vibeseg = None if settings.crop.auto_crop_to_spine == "no" else _vibeseg_or_none()
    return found if vibeseg is None else {**found, VIBESEG: vibeseg}


@cache
def installed_vibeseg() -> ModelPackage:
    """VIBESeg; its digest, over some hundred megabytes, is made once a process.

    Raises
    ------
    ModelError
        If it is not installed.
    """
    return find_package(VIBESEG_SYSTEM, "semantic")


def _vibeseg_or_none() -> ModelPackage | None:
    try:
        return installed_vibeseg()
    except ModelError:  # the node of a scan that needs it says so, and how to install it
        return None


def _scout(settings: PipelineSettings) -> dict[str, ModelPackage]:
    return scout_networks(chosen_tiles(settings.semantic.tiles, settings.numerics))
