"""What spine-segmentation makes, from what, with which settings and networks."""

from __future__ import annotations

from typing import Any, Final

from ..results.recipe import SCAN, Phase, Recipe
from ..settings import deciding_values
from .settings import SpineSegmentationSettings

OVERRIDES: Final = {"override_spine_segmentation": "make the results of spine-segmentation again"}
SYSTEM: Final = "spine-segmentation"
SETTINGS: Final = (
    "slices",
    "naming",
    "only_2class",
    "output_same_shape_as_input",
    "numerics",
)
"""Option that changes how fast a result is made, not which."""
TABLES: Final = ("names", "vertebrae")
"""Tables of ids and names, and of the certainty of each vertebra."""
CORRECTIONS: Final = {
    "semantic": "corrected seg-semantic",
    "instance": "corrected seg-instance",
}


def recipe(settings: SpineSegmentationSettings) -> Recipe:
    """One phase, with or without instances and names."""
    two_classes = settings.only_2class
    semantic = Phase(
        name="slices",
        makes=("semantic",),
        reads=(SCAN,),
        settings=SETTINGS,
        algorithm=3,
        models=("semantic",),
        nodes=("conform", "slices"),
        replaced_by="semantic",
    )
    whole = Phase(
        name="slices",
        makes=("semantic", "instances"),
        reads=(SCAN,),
        settings=SETTINGS,
        algorithm=3,
        models=("semantic", "instance", "form"),
        sometimes=TABLES,
        nodes=("conform", "slices"),
        takes=("semantic", "instance"),
    )
    kinds = ("semantic",) if two_classes else tuple(CORRECTIONS)
    return Recipe(
        SYSTEM,
        (semantic if two_classes else whole,),
        overrides=OVERRIDES,
        corrections={kind: CORRECTIONS[kind] for kind in kinds},
        words={SCAN: "image"},
    )


def recorded_settings(settings: SpineSegmentationSettings) -> dict[str, Any]:
    """Settings as records keep them: all that change a result."""
    return deciding_values(settings)
