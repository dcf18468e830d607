"""What TotalSpineSeg makes, from what, with which settings and networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from ..models.engine_choice import choose_engine
from ..models.package import ModelPackage
from ..models.spineps_packages import scout_networks
from ..models.tile_choice import SCOUT, ChosenTiles, Tiles, tiles_for
from ..results.recipe import SCAN, Correctable, Phase, Recipe
from ..settings import AUTO_ENGINE, EngineSettings, deciding_values
from .labels import DISC_L5_L6, NAMES
from .settings import RuleSettings, TotalSpineSegSettings
from .upstream import upstream

SYSTEM: Final = "totalspineseg"
LOCALIZER: Final = "localizer"
"""Setting: digest of the labelled result of another scan."""
ENGINE: Final = "engine"
"""Setting: what computes the networks, and in which precision."""
TILES: Final = "tiles"
"""Setting: which tiles are computed."""
RUN_HAS_LOCALIZERS: Final = "run_has_localizers"
"""Setting that decides under the numerics of the original only."""
NAMES_TABLE: Final = "labels_table"
"""Result: names of the vertebrae of step 2, and how probable they are."""
IMAGES: Final = Phase(
    name="images",
    makes=("input",),
    reads=(SCAN,),
    settings=("numerics",),
    algorithm=2,
    sometimes=("localizers",),
    nodes=("conform", "prepare"),
)
NETWORK1: Final = Phase(
    name="network1",
    makes=("step1_raw", "step1_raw_cord", "step1_raw_canal"),
    reads=(SCAN, "input"),
    settings=("release", "soft_dilation", ENGINE, TILES),
    models=("step1", SCOUT),
    algorithm=3,
    nodes=("network1",),
    override="override_totalspineseg_networks",
)
STEP1: Final = Phase(
    name="step1",
    makes=("step1_output", "step1_cord", "step1_canal", "step1_levels"),
    reads=(SCAN, "input", "step1_raw", "step1_raw_cord", "step1_raw_canal"),
    settings=(
        "release",
        "component_dilation",
        "soft_dilation",
        "default_superior_disc",
        "numerics",
        "iso",
        LOCALIZER,
        RUN_HAS_LOCALIZERS,
    ),
    algorithm=3,
    nodes=("rules1",),
    override="override_totalspineseg_labels",
    takes=("step1_output",),
)
NETWORK2: Final = Phase(
    name="network2",
    makes=("step2_raw",),
    reads=(SCAN, "input", "step2_input"),
    settings=("release", ENGINE, TILES),
    models=("step2", SCOUT),
    algorithm=3,
    nodes=("network2",),
    override="override_totalspineseg_networks",
    unless_same=True,
)
STEP2: Final = Phase(
    name="step2",
    makes=("step2_output",),
    reads=(SCAN, "input", "step2_raw"),
    settings=STEP1.settings,
    algorithm=5,
    sometimes=(NAMES_TABLE,),
    nodes=("rules2",),
    override="override_totalspineseg_labels",
    replaced_by="step2_output",
)
PICTURES: Final[Mapping[str, tuple[str | None, str]]] = {
    "input": (None, "none"),
    "loc": ("localizers", "none"),
    "loc_tags": ("localizers", "step2"),
    "step1_raw": ("step1_raw", "none"),
    "step1_output": ("step1_output", "none"),
    "step1_output_tags": ("step1_output", "step1"),
    "step1_levels_tags": ("step1_levels", "levels"),
    "step2_input": ("step2_input", "none"),
    "step2_raw": ("step2_raw", "none"),
    "step2_output": ("step2_output", "none"),
    "step2_output_tags": ("step2_output", "step2"),
}
"""Pictures by name: the result that each shows, and the names beside it."""
LABELS: Final = frozenset((*NAMES, DISC_L5_L6))
"""Labels that a corrected label map may have."""
PREVIEW: Final = "preview"
"""Folder of the pictures."""
OVERRIDES: Final[Mapping[str, str]] = {
    "override_totalspineseg": "make all results of TotalSpineSeg again",
    "override_totalspineseg_networks": "make the raw classes of both networks of TotalSpineSeg, "
    "and what follows, again",
    "override_totalspineseg_labels": "make the numbered label maps of TotalSpineSeg again",
}
CORRECTIONS: Final[Mapping[str, str]] = {
    "step1_output": "corrected label map of step 1",
    "step2_output": "corrected label map of step 2",
}
WORDS: Final[Mapping[str, str]] = {
    SCAN: "image",
    "input": "prepared image",
    "step1_raw": "raw mask of step 1",
    "step1_raw_cord": "probability of the cord",
    "step1_raw_canal": "probability of the canal",
    "step1_output": "label map of step 1",
    "step1_levels": "levels",
    "step2_input": "second channel of step 2",
    "step2_raw": "raw mask of step 2",
    "step2_output": "label map of step 2",
    NAMES_TABLE: "table of the names",
}


def recipe(settings: TotalSpineSegSettings) -> Recipe:
    """Phases of a run: without step 2 where nobody wants its result."""
    step1, step2 = (
        replace(phase, correctable={f"{phase.name}_output": _correctable(settings)})
        for phase in (STEP1, STEP2)
    )
    phases = [IMAGES, NETWORK1, step1]
    if settings.runs_step2:
        # The second channel has the grid of the network, to which label maps of a scan do not
        # come back without loss.
        makes, options = (*STEP1.makes, "step2_input"), (*STEP1.settings, "crop_margin")
        step1 = replace(step1, makes=makes, settings=options)
        phases = [IMAGES, NETWORK1, step1, NETWORK2, step2]
    if PREVIEW in settings.kept():
        phases.append(_previews(settings))
    made = {result for phase in phases for result in phase.makes}
    return Recipe(
        SYSTEM,
        tuple(phases),
        finished=frozenset(made & kept_results(settings)) or None,
        overrides=OVERRIDES,
        corrections={kind: words for kind, words in CORRECTIONS.items() if kind in made},
        words=WORDS,
    )


def _correctable(settings: TotalSpineSegSettings) -> Correctable:
    """Label maps lie on the grid of the scan, with ``--iso`` on that of the prepared image."""
    return Correctable(LABELS, "input" if settings.iso else SCAN)


def _previews(settings: TotalSpineSegSettings) -> Phase:
    """All pictures; the last one has the record, the others are stored once they are drawn."""
    *others, last = map(picture_result, pictures(settings))
    shown = {r for r, _ in pictures(settings).values() if r is not None and r in WORDS}
    return Phase(
        name="previews",
        makes=(last,),
        reads=(SCAN, "input", *sorted(shown)),
        extras=dict.fromkeys(others, ""),
        undescribed=frozenset(others),
    )


def pictures(settings: TotalSpineSegSettings) -> dict[str, tuple[str | None, str]]:
    """Pictures of what a run makes, by name."""
    return {
        name: picture
        for name, picture in PICTURES.items()
        if settings.runs_step2 or not name.startswith("step2")
    }


def picture_result(name: str) -> str:
    """Result that a picture is."""
    return f"{PREVIEW}_{name}"


def kept_results(
    settings: TotalSpineSegSettings, corrected: Collection[str] = ()
) -> frozenset[str]:
    """Results in the folders that a run keeps; the table lies beside its label map.

    Parameters
    ----------
    corrected
        Label maps that a reader gave: their names have no probability.
    """
    kept = settings.kept()
    drawn = map(picture_result, pictures(settings)) if PREVIEW in kept else ()
    told = tells_names(settings) and "step2_output" in kept and "step2_output" not in corrected
    tables = (NAMES_TABLE,) if told else ()
    return frozenset((*kept - {PREVIEW}, *drawn, *tables))


def tells_names(settings: TotalSpineSegSettings) -> bool:
    """Whether names have probabilities: not where discs are counted from single landmarks."""
    return settings.runs_step2 and not upstream(settings.numerics).counted_from_landmarks


def recorded_settings(
    settings: TotalSpineSegSettings,
    localizer: str,
    run_has_localizers: bool,
    *,
    engine: EngineSettings = AUTO_ENGINE,
    tiles: Tiles = "auto",
    device: str = "cpu",
) -> dict[str, Any]:
    """Settings as records keep them.

    Parameters
    ----------
    settings
        Options of the run.
    localizer
        Digest of the localizer of the scan.
    run_has_localizers
        Whether any scan of the run has one; it decides under the original's numerics only.
    engine, device
        What is asked to compute the networks, and where.
    tiles
        Which tiles of them are asked for.

    Raises
    ------
    ResourceError
        If the engine is not installed, or the device cannot do it.
    """
    rules = {name: getattr(settings, name) for name in RuleSettings.__dataclass_fields__}
    of_run = run_has_localizers and upstream(settings.numerics).landmarks_by_run
    return {
        **rules,
        "iso": settings.iso,
        ENGINE: deciding_values(choose_engine(engine, device)),
        TILES: _tiles(settings, tiles),
        LOCALIZER: localizer,
        RUN_HAS_LOCALIZERS: of_run,
    }


def helper_networks(settings: TotalSpineSegSettings, tiles: Tiles) -> dict[str, ModelPackage]:
    """The network that finds the spine, by its kind, unless all tiles are computed."""
    return scout_networks(_tiles(settings, tiles))


def _tiles(settings: TotalSpineSegSettings, asked: Tiles) -> ChosenTiles:
    return tiles_for(asked, everywhere=upstream(settings.numerics).tiles_everywhere)
