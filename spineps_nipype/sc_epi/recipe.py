"""What EPISeg makes, from what, with which settings and networks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ..results.recipe import SCAN, Correctable, Phase, Recipe
from ..settings import deciding_values
from .settings import EpiSegSettings

OVERRIDES: Final = {"override_sc_epi": "make the masks of EPISeg again"}
SYSTEM: Final = "sc-epi"
SETTINGS: Final = ("clean_up", "qc", "on_4d", "tta", "numerics", "qc_seg", "report")


def recipe(suffixes: Sequence[str]) -> Recipe:
    """One phase: the mask, or masks, of a model, and the pictures of the first one.

    Parameters
    ----------
    suffixes
        What the outputs of the model add to the name of an image; a reader may correct the mask
        of a model that has one.
    """
    results = tuple(map(result_name, suffixes))
    correctable = results if len(results) == 1 else ()
    return Recipe(
        SYSTEM,
        (
            Phase(
                name="cord",
                makes=results,
                reads=(SCAN,),
                settings=SETTINGS,
                models=("cord",),
                algorithm=2,
                nodes=("cord", "pictures"),
                replaced_by="".join(correctable),
                correctable=dict.fromkeys(correctable, Correctable()),
            ),
        ),
        overrides=OVERRIDES,
        corrections=dict.fromkeys(correctable, "corrected mask"),
        words={SCAN: "image"},
    )


def result_name(suffix: str) -> str:
    """Result that an output of the model is; the word may name an input of a node."""
    return "mask" + re.sub(r"\W", "_", suffix)


def recorded_settings(settings: EpiSegSettings, qc_seg: str, report: bool) -> dict[str, Any]:
    """Settings as records keep them.

    Parameters
    ----------
    settings
        Options of mask and pictures.
    qc_seg
        Digest of the mask around which pictures are cut.
    report
        Whether there is a page for quality control.
    """
    return {**deciding_values(settings), "qc_seg": qc_seg, "report": report}
