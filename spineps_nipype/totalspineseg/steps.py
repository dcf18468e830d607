"""The two steps from a prepared image to the results, in memory.

Source: TotalSpineSeg 20251028, step-1 chain and step-2 chain.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.volume import Volume, make_volume
from ..errors import EmptyResultError
from ..models.protocols import Progress, SemanticModel
from .alternate import extract_alternate
from .canal import fill_canal
from .components import largest_component
from .crop import crop_to_seg
from .inference import RawStep1, segment_step1, segment_step2
from .labeler import NumberedSpine, number_spine
from .labels import CANAL, CORD
from .landmarks import selected_landmarks
from .levels import extract_levels
from .name_table import name_rows
from .native import to_grid
from .profiles import PROFILES
from .settings import LABELER_STEP1, LABELER_STEP2, LabelerSettings, RuleSettings
from .soft import extract_soft

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step1:
    """Results of step 1 on the 1 mm grid.

    Parameters
    ----------
    raw, output
        Classes of the network, and numbered label map.
    cord, canal
        Soft maps.
    levels
        Map of the levels; None if there is no canal or no disc.
    """

    raw: Volume
    output: Volume
    cord: Volume
    canal: Volume
    levels: Volume | None


@dataclass(frozen=True)
class Step2:
    """Results of step 2.

    Parameters
    ----------
    channel, raw
        Second channel and classes on the cropped grid.
    output
        Label map.
    names
        Table of the names, see `name_rows`; empty where they have no probability.
    """

    channel: Volume
    raw: Volume
    output: Volume
    names: list[dict[str, Any]]


def run_step1(
    image: Volume,
    network: SemanticModel,
    settings: RuleSettings,
    *,
    region: Volume | None = None,
    localizer: Volume | None = None,
    run_has_localizers: bool | None = None,
    progress: Progress | None = None,
) -> Step1:
    """Network and rules of step 1.

    Parameters
    ----------
    image
        Prepared image: RAS+, 1 mm.
    network
        Network of step 1.
    region
        Where the spine is, on the grid of the image; see `segment_step1`.
    localizer
        Labelled result of another scan in the same world space.
    run_has_localizers
        Whether any scan of the run has a localizer; matters under ``original`` only.

    Raises
    ------
    EmptyResultError
        If there is no canal, or no disc can be named.
    """
    raw = segment_step1(image, network, region=region, progress=progress)
    return finish_step1(raw, settings, localizer=localizer, run_has_localizers=run_has_localizers)


def finish_step1(
    raw: RawStep1,
    settings: RuleSettings,
    *,
    localizer: Volume | None = None,
    run_has_localizers: bool | None = None,
    corrected: Volume | None = None,
) -> Step1:
    """Rules of step 1, after its network.

    Parameters
    ----------
    corrected
        Numbered label map of a reader on the grid of the network, in place of that of the rules.
    """
    if corrected is None:
        seg = _numbered(raw.labels, LABELER_STEP1, settings, localizer, run_has_localizers).labels
    else:
        seg = corrected.get_array().astype(np.uint8)
    reach = settings.soft_dilation
    affine = raw.labels.affine
    return Step1(
        raw.labels,
        _nii(seg, affine, True),
        _nii(extract_soft(raw.cord, seg, (CORD,), dilation=reach), affine, False),
        _nii(extract_soft(raw.canal, seg, (CORD, CANAL), dilation=reach), affine, False),
        levels_of(_nii(seg, affine, True), settings),
    )


def levels_of(output: Volume, settings: RuleSettings) -> Volume | None:
    """Map of the levels; None, with a warning, if there is no canal or no disc."""
    try:
        points = extract_levels(
            output.get_array(), profile=PROFILES[settings.release], numerics=settings.numerics
        )
    except EmptyResultError as fault:
        logger.warning("no levels: %s", fault.what)
        return None
    return _nii(points, output.affine, True)


def step2_input(step1_output: Volume, settings: RuleSettings) -> Volume:
    """Second channel of step 2: every second disc, on the grid around the result of step 1."""
    seg = step1_output.get_array()
    marked = step1_output.set_array(extract_alternate(seg))
    return crop_to_seg(marked, seg, margin=settings.crop_margin)


def run_step2(
    image: Volume,
    step1_output: Volume,
    network: SemanticModel,
    settings: RuleSettings,
    *,
    region: Volume | None = None,
    localizer: Volume | None = None,
    run_has_localizers: bool | None = None,
    progress: Progress | None = None,
) -> Step2:
    """Network and rules of step 2; parameters and errors as for `run_step1`."""
    channel = step2_input(step1_output, settings)
    raw = segment_step2(image, channel, network, region=region, progress=progress)
    output, names = finish_step2(
        raw, image, settings, localizer=localizer, run_has_localizers=run_has_localizers
    )
    return Step2(channel, raw, output, names)


def finish_step2(
    raw: Volume,
    image: Volume,
    settings: RuleSettings,
    *,
    localizer: Volume | None = None,
    run_has_localizers: bool | None = None,
) -> tuple[Volume, list[dict[str, Any]]]:
    """Rules of step 2, after its network.

    Returns
    -------
    Volume
        The numbered label map on the grid of the image.
    list of dict
        Table of the names, see `name_rows`.
    """
    found = _numbered(raw, LABELER_STEP2, settings, localizer, run_has_localizers)
    output = to_grid(_nii(found.labels, raw.affine, True), image.shape, image.affine)
    return output, name_rows(found.vertebrae, found.posterior)


def _numbered(
    raw: Volume,
    labeler: LabelerSettings,
    settings: RuleSettings,
    localizer: Volume | None,
    run_has_localizers: bool | None,
) -> NumberedSpine:
    """Largest component, labeller, filled canal."""
    numerics = settings.numerics
    labeler = replace(
        labeler,
        default_superior_disc=settings.default_superior_disc,
        selected_disc_landmarks=selected_landmarks(
            localizer is not None, run_has_localizers, numerics=numerics
        ),
    )
    near = None
    if localizer is not None:
        near = to_grid(localizer, raw.shape, raw.affine).get_array()
    whole = largest_component(raw.get_array(), dilation=settings.component_dilation)
    numbered = number_spine(
        whole, labeler, localizer=near, profile=PROFILES[settings.release], numerics=numerics
    )
    return replace(numbered, labels=fill_canal(numbered.labels, numerics=numerics))


def _nii(array: NDArray[Any], affine: NDArray[Any], seg: bool) -> Volume:
    return make_volume(array, affine, seg=seg)
