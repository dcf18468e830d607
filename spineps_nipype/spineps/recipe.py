"""What SPINEPS makes, from what, with which settings and networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final

from ..core.anatomy import DISC_OFFSET, ENDPLATE_OFFSET, SPINE_NAMES, VERTEBRA_NAMES
from ..models.engine_choice import choose_engine
from ..models.tile_choice import SCOUT
from ..results.recipe import SCAN, Correctable, Phase, Recipe
from ..results.record import Models, Provenance
from ..settings import deciding_values
from .dice_models import table_digest
from .settings import OverrideSettings, PipelineSettings, SaveSettings
from .tile_choice import chosen_tiles

VIBESEG: Final = "vibeseg"
"""Network that crops large images to the spine."""
DICE_TABLE: Final = "expected_dice_table"
"""Setting: the table of the expected Dice that comes with the library."""
STRUCTURES: Final = frozenset(SPINE_NAMES)
VERTEBRAE: Final = frozenset(
    offset + number for number in VERTEBRA_NAMES for offset in (0, DISC_OFFSET, ENDPLATE_OFFSET)
)
"""Labels of the semantic and of the vertebra mask: a corrected one may have no others."""
PHASES: Final = (
    Phase(
        name="semantic",
        makes=("spine_raw",),
        reads=(SCAN,),
        settings=("crop", "preprocess", "semantic", "engine", "numerics"),
        models=("semantic", VIBESEG, SCOUT),
        algorithm=8,
        sometimes=("evidence",),
        correctable={"spine_raw": Correctable(STRUCTURES, grid="")},
        extras={
            "softmax": "save_softmax_logits",
            "probseg": "save_probseg",
            "uncertainty": "save_uncertainty",
            "modelres": "save_modelres_mask",
        },
        nodes=("semantic",),
        override="override_semantic",
        replaced_by="spine",
    ),
    Phase(
        name="instance",
        makes=("vert_raw",),
        reads=(SCAN, "spine_raw"),
        settings=("instance", "engine", "numerics"),
        models=("instance",),
        algorithm=4,
        correctable={"vert_raw": Correctable(grid="")},
        extras={"debug": "save_debug_data"},
        undescribed=frozenset({"debug"}),
        folders=frozenset({"debug"}),
        nodes=("instance",),
        override="override_instance",
        replaced_by="vert",
    ),
    Phase(
        name="final",
        makes=("spine", "vert"),
        reads=(SCAN, "spine_raw", "vert_raw"),
        settings=("post", "labeling", "engine", "numerics"),
        models=("labeling",),
        algorithm=7,
        sometimes=("labels_table",),
        correctable={"spine": Correctable(STRUCTURES), "vert": Correctable(VERTEBRAE)},
        nodes=("post_process", "label_vertebrae", "finalize_masks"),
        override="override_postpair",
        takes=("names", "session"),
    ),
    Phase(
        name="poi",
        makes=("poi",),
        reads=(SCAN, "spine", "vert"),
        settings=("centroid", "numerics"),
        points=frozenset({"poi"}),
        nodes=("centroids",),
        override="override_ctd",
    ),
    Phase(
        name="snapshot",
        makes=("snapshot",),
        reads=(SCAN, "spine", "vert", "poi"),
        algorithm=2,
        extras={"snapshot_copy": ""},
        undescribed=frozenset({"snapshot_copy"}),
    ),
    Phase(
        name="metrics",
        makes=("metrics", "checks"),
        reads=(SCAN, "spine", "vert"),
        settings=(DICE_TABLE,),
        algorithm=9,
    ),
)
ON_REQUEST: Final = (
    Phase(name="markups", makes=("markups",), reads=(SCAN, "poi")),
    Phase(
        name="surfaces",
        makes=("surfaces",),
        reads=(SCAN, "vert"),
        extras={
            "surfaces_stl": "save_surfaces_stl",
            "surfaces_gifti": "save_surfaces_gifti",
        },
        undescribed=frozenset({"surfaces_stl", "surfaces_gifti"}),
        folders=frozenset({"surfaces_stl", "surfaces_gifti"}),
    ),
)
"""Phases that run only where settings ask for what they make."""
RAW: Final = frozenset({"spine_raw", "vert_raw"})
"""Results that are needed to make others only, and that a run may be told not to keep."""
RECIPE: Final = Recipe(
    system="spineps",
    phases=PHASES,
    finished=frozenset(result for phase in PHASES for result in phase.makes) - RAW,
    copies={"modelres": "spine_raw", "snapshot_copy": "snapshot"},
    overrides={o.name: str(o.metadata["help"]) for o in fields(OverrideSettings)},
    corrections={
        "spine": "corrected seg-spine",
        "vert": "corrected seg-vert",
        "names": "table of vertebra names",
        "session": "decision of its session about names",
    },
    words={
        SCAN: "image",
        "spine_raw": "raw semantic mask",
        "vert_raw": "raw vertebra mask",
        "spine": "semantic mask",
        "vert": "vertebra mask",
        "poi": "centroid file",
    },
)


def recipe(save: SaveSettings) -> Recipe:
    """Phases of a run: those of every run, and those that the settings ask for."""
    wanted = {
        "markups": save.save_markups,
        "surfaces": save.save_surfaces_stl or save.save_surfaces_gifti,
    }
    further = tuple(phase for phase in ON_REQUEST if wanted[phase.name])
    made = frozenset(result for phase in further for result in phase.makes)
    return replace(
        RECIPE, phases=(*PHASES, *further), finished=(RECIPE.finished or frozenset()) | made
    )


ALL_RESULTS: Final = (*RECIPE.results, *(name for phase in ON_REQUEST for name in phase.results))
"""What a run can make at most."""
OUTPUT_KEYS: Final[Mapping[str, str]] = {
    **{result: f"out_{result}" for result in ALL_RESULTS},
    "poi": "out_ctd",
    "snapshot": "out_snap",
    "snapshot_copy": "out_snap2",
    "labels_table": "out_labels",
    "softmax": "out_logits",
    "uncertainty": "out_unc",
}
"""Key that SPINEPS gives the output path of each result."""


def provenance(
    settings: PipelineSettings,
    models: Models,
    corrections: Mapping[str, str] | None = None,
    *,
    device: str = "cpu",
) -> Provenance:
    """How results are made under some settings, on a device that computes the networks.

    Engine and tiles stand there as they are, not as ``auto``.

    Parameters
    ----------
    settings
        Where they leave the engine open, it is chosen for the device.
    models
        Networks by kind: semantic, instance, labeling (None: names are not given), and what
        `helper_networks` adds.
    corrections
        Digests of what a reader corrected, by kind.
    device
        Where networks run.
    """
    chosen = settled(settings, device)
    way = recipe(chosen.save)
    return Provenance(way, recorded_settings(chosen), models, corrections or {})


def settled(settings: PipelineSettings, device: str) -> PipelineSettings:
    """Settings with the engine and the tiles that ``auto`` stands for on a device.

    Raises
    ------
    ResourceError
        If the engine that is asked for is not installed, or the device cannot do it.
    """
    tiles = chosen_tiles(settings.semantic.tiles, settings.numerics)
    return replace(
        settings,
        engine=choose_engine(settings.engine, device),
        semantic=replace(settings.semantic, tiles=tiles),
    )


def recorded_settings(settings: PipelineSettings) -> dict[str, Any]:
    """Settings as records keep them: groups, without options that change the speed only."""
    return {**deciding_values(settings), DICE_TABLE: table_digest()}


def result_files(paths: Mapping[str, Path], scan: str | Path) -> dict[str, Path]:
    """The scan and its results by name, from output paths by the keys of SPINEPS."""
    found = {name: paths[key] for name, key in OUTPUT_KEYS.items() if key in paths}
    return {SCAN: Path(scan), **found}


def asked_for(save: SaveSettings) -> frozenset[str]:
    """Settings that are on and ask for further results."""
    return frozenset(name for name, on in asdict(save).items() if on)


def stored_results(save: SaveSettings) -> frozenset[str]:
    """Results that a run keeps."""
    return frozenset(recipe(save).results) - (frozenset() if save.save_raw else RAW)
