"""Instance phase: from the semantic mask to numbered vertebrae.

Source: SPINEPS 2.1.3, phase "instance".
"""

from __future__ import annotations

import logging
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import bounding_box, fill_holes, remove_small_components
from ..core.geometry import PIR, margin_voxels, rescale
from ..core.volume import Volume
from ..errors import EmptyResultError
from ..models.protocols import InstanceModel, Progress
from .instance_cutouts import (
    Key,
    Prediction,
    collect_predictions,
    draw_predictions,
    map_labels,
    place_seed,
    reorient_array,
    window_at,
)
from .instance_debug import Recorder
from .instance_merge import couple_predictions, merge_couples
from .instance_seeds import SEED_EROSION, Point, find_seeds
from .settings import InstanceSettings, Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

CROP_MARGIN_MM: Final = 3.75
"""Margin around the semantic mask in which instances are looked for."""


def segment_instances(
    semantic: Volume,
    network: InstanceModel,
    settings: InstanceSettings,
    *,
    numerics: Numerics = "corrected",
    debug: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Volume:
    """Number the vertebrae of a semantic mask.

    Parameters
    ----------
    semantic
        Semantic mask of the semantic phase.
    network
        Loaded instance model.
    settings
        Options of this phase.
    numerics
        SPINEPS erodes bodies by two voxels whatever the model package says; ``seed`` also splits
        merged bodies and couples predictions differently.
    debug
        Receives intermediate masks by name, as images on their own grids.
    progress
        Called with the numbers of finished and of all cut-outs.

    Returns
    -------
    Volume
        Instances 1..n in no anatomical order, oriented (P, I, R) at the spacing of the model.

    Raises
    ------
    EmptyResultError
        If no vertebral body is labelled or no instance results.
    NoSeedError
        If no body is large enough to be a seed.
    """
    steps: dict[str, Any] = {} if debug is None else debug
    steps["sem_raw"] = semantic
    turned = semantic.reorient(PIR)
    steps["inst_uncropped_Subreg_nii_a_PIR"] = turned
    zoom = [float(z) for z in turned.zoom]
    grid = rescale(turned, network.config.target_spacing(zoom))
    steps["inst_uncropped_Subreg_nii_b_zms"] = grid
    zoom = [float(z) for z in grid.zoom]
    labels = grid.get_array()
    if not labels.any():
        raise EmptyResultError(
            "The semantic mask is empty.", remedy="Make the semantic mask again."
        )
    box = bounding_box(labels, margin_voxels(CROP_MARGIN_MM, zoom))
    crop = grid.apply_crop(box)
    steps["inst_cropped_Subreg_nii_b"] = crop
    record = Recorder(debug, crop.affine)
    instances = _instances_of(labels[box], zoom, network, settings, numerics, record, progress)
    out = np.zeros(labels.shape, dtype=instances.dtype)
    out[box] = instances
    result = grid.set_array(out, seg=True)
    steps["inst_uncropped_vert_arr_a"] = result
    steps["vert_arr_return_final"] = result
    return result


def _instances_of(
    labels: NDArray[Any],
    zoom: list[float],
    network: InstanceModel,
    settings: InstanceSettings,
    numerics: Numerics,
    record: Recorder,
    progress: Progress | None,
) -> NDArray[Any]:
    """Instances of a cropped semantic map (P, I, R)."""
    config = network.config
    own = not upstream(numerics).own_keys_ignored
    seeds = find_seeds(
        labels,
        zoom[1],
        config.corpus_cleaning_voxels(zoom),
        settings,
        erosion=config.seed_erosion if own else SEED_EROSION,
        numerics=numerics,
    )
    predictions = predict_seeds(labels, seeds, network, settings, record, progress)
    merged = merge_couples(couple_predictions(predictions, numerics), predictions, labels.shape)
    record.keep("inst_crop_vert_arr_a_raw", merged)
    out: NDArray[Any] = finish_instances(
        merged, network.config.vertebra_cleaning_voxels(zoom), settings
    )
    count = int(out.max())
    if count == 0:
        raise EmptyResultError(
            "No vertebra instance is left after cleaning.",
            remedy="Try --no-proc-inst-clean-small-cc-artifacts.",
        )
    if count < len(seeds):
        logger.warning("%d vertebral bodies were found, but %d instances", len(seeds), count)
    record.keep("inst_cropped_vert_arr_c_proc", out)
    return out


def predict_seeds(
    labels: NDArray[Any],
    seeds: list[Point],
    network: InstanceModel,
    settings: InstanceSettings,
    record: Recorder | None = None,
    progress: Progress | None = None,
) -> dict[Key, Prediction]:
    """Predictions of all cut-outs, made in batches so that few of them are in memory at once."""
    volume = map_labels(labels, network.config.mapping)
    windows = [
        window_at(place_seed(volume, seed), network.config.cutout_size, volume.shape)
        for seed in seeds
    ]
    orientation = network.config.orientation
    found: dict[Key, Prediction] = {}
    step = max(settings.proc_inst_batch_size, 1)
    for start in range(0, len(windows), step):
        part = windows[start : start + step]
        cuts = [reorient_array(window.cut(volume), PIR, orientation) for window in part]
        results = network.predict(cuts, batch_size=step, amp=settings.proc_inst_amp)
        for offset, (window, result) in enumerate(zip(part, results, strict=True)):
            number = start + offset
            own = reorient_array(result, orientation, PIR)
            if record is not None:
                record.keep(f"inst_cutout_vert_nii_{number}_cut", window.cut(volume), window.start)
                record.keep(f"inst_cutout_vert_nii_{number}_pred", own, window.start)
            kept = collect_predictions(number, window, own, settings.proc_inst_largest_k_cc)
            if record is not None:
                name = f"inst_cutout_vert_nii_{number}_proc"
                record.keep(
                    name, draw_predictions(kept, window.box), [side.start for side in window.box]
                )
            found.update(kept)
        if progress is not None:
            progress(min(start + step, len(windows)), len(windows))
    return found


def finish_instances(
    merged: NDArray[Any], min_voxels: int, settings: InstanceSettings
) -> NDArray[Any]:
    """Delete small components, fill holes, and number the instances 1..n without gaps."""
    out = merged
    labels = [int(v) for v in np.unique(merged) if v]
    if settings.proc_inst_clean_small_cc_artifacts:
        out = remove_small_components(out, labels, min_voxels)
        labels = [int(v) for v in np.unique(out) if v]
    if settings.proc_fill_3d_holes:
        out = fill_holes(out, labels)
    table = np.zeros(int(merged.max(initial=0)) + 1, dtype=merged.dtype)
    table[labels] = np.arange(1, len(labels) + 1)
    return np.asarray(table[out])
