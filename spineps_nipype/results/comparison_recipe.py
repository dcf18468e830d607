"""What the comparison of systems makes, from what."""

from __future__ import annotations

from typing import Final

from .recipe import SCAN, Phase, Recipe

SYSTEM: Final = "consensus"
INPUTS: Final = (
    "spineps_vert",
    "spineps_spine",
    "totalspineseg",
    "totalspineseg_step1",
    "spine_segmentation",
)
"""Label maps of other systems; a scan has some of them."""
RECIPE: Final = Recipe(
    SYSTEM,
    (
        Phase(
            name="compare",
            makes=("summary", "structures", "names"),
            reads=(SCAN, *INPUTS),
            nodes=("compare",),
            override="override_consensus",
        ),
    ),
    inputs=(SCAN, *INPUTS),
    overrides={"override_consensus": "compare the systems again"},
    words={
        SCAN: "image",
        "spineps_vert": "vertebra mask of SPINEPS",
        "spineps_spine": "semantic mask of SPINEPS",
        "totalspineseg": "label map of TotalSpineSeg",
        "totalspineseg_step1": "label map of step 1 of TotalSpineSeg",
        "spine_segmentation": "mask of spine-segmentation",
    },
)
