"""What spine-segmentation makes, from what, with which settings and networks."""

from __future__ import annotations

from typing import Any, Final

from ..models.engine_choice import choose_engine
from ..results.recipe import SCAN, Correctable, Phase, Recipe
from ..settings import AUTO_ENGINE, EngineSettings, deciding_values
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
    "engine",
)
ONNXRUNTIME: Final = "onnxruntime"
"""What computes the networks where OpenVINO does not."""
NAMES_TABLE: Final = "vertebrae"
"""Result: names of the vertebrae, and how probable they are."""
TABLES: Final = ("names", NAMES_TABLE)
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
        algorithm=8,
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
        algorithm=8,
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


def recorded_settings(
    settings: SpineSegmentationSettings,
    *,
    engine: EngineSettings = AUTO_ENGINE,
    device: str = "cpu",
) -> dict[str, Any]:
    """Settings as records keep them: all that change a result.

    Parameters
    ----------
    engine, device
        What is asked to compute the networks, and where.

    Raises
    ------
    ResourceError
        If the engine is not installed, or the device cannot do it.
    """
    chosen = deciding_values(choose_engine(engine, device))
    if chosen["engine"] != "openvino":
        chosen = {"engine": ONNXRUNTIME, "precision": "float32"}
    return {**deciding_values(settings), "engine": chosen}
