"""What spine-segmentation makes, from what, with which settings and networks."""

from __future__ import annotations

from typing import Any, Final

from ..results.recipe import SCAN, Correctable, Phase, Recipe
from ..settings import deciding_values
from .names import DISC, T13_ID, VERTEBRA
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
CLASSES: Final = frozenset({VERTEBRA, DISC})
IDS: Final = frozenset(range(1, T13_ID + 2))
"""Labels of both masks: classes, and ids up to that of the disc below T13."""
CORRECTIONS: Final = {
    "semantic": "corrected seg-semantic",
    "instance": "corrected seg-instance",
}


def recipe(settings: SpineSegmentationSettings) -> Recipe:
    """One phase, with or without instances and names."""
    two_classes = settings.only_2class
    grid = SCAN if settings.output_same_shape_as_input else ""
    semantic = Phase(
        name="slices",
        makes=("semantic",),
        reads=(SCAN,),
        settings=SETTINGS,
        algorithm=3,
        models=("semantic",),
        nodes=("conform", "slices"),
        replaced_by="semantic",
        correctable={"semantic": Correctable(CLASSES, grid)},
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
        correctable={
            "semantic": Correctable(CLASSES, grid),
            "instances": Correctable(IDS, grid),
        },
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
