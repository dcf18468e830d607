"""Segmentation of one scan. Source: SPINEPS 2.1.3 (`segment_image`) and before."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ..core.images import load_mask, load_scan
from ..errors import CompatibilityError, EmptyResultError, ErrCode, NoSeedError, SpinepsError
from ..results.plan import ScanPlan, plan_scan
from ..spineps.helper_networks import helper_networks
from ..spineps.recipe import asked_for, provenance, result_files
from ..spineps.settings import (
    AutoCrop,
    CentroidSettings,
    CropSettings,
    InstanceSettings,
    LabelingSettings,
    Numerics,
    PipelineSettings,
    PostSettings,
    PreprocessSettings,
    SaveSettings,
    SemanticSettings,
)
from ..spineps.upstream import upstream
from .compatibility import check_input_model_compatibility
from .models import SegmentationModel
from .paths import input_image_path, output_paths_from_input
from .pipeline import RunningScan
from .points import predict_centroids_from_both
from .storing import Store

if TYPE_CHECKING:
    import numpy as np
    from TPTBox import BIDS_FILE, NII, POI

    from ..models.package import ModelPackage

logger = logging.getLogger("spineps_nipype.dropin")

ANSWERED: Final = (CompatibilityError, EmptyResultError, NoSeedError)
"""Errors that are returned as a code; others, such as those of a damaged file, are raised."""
Paths = dict[str, Path]
AUTO_CROP: Final[dict[bool | str, AutoCrop]] = {True: "yes", False: "no", "auto": "auto"}


def process_img_nii(
    img_ref: BIDS_FILE,
    model_semantic: SegmentationModel,
    model_instance: SegmentationModel,
    model_labeling: SegmentationModel | None = None,
    derivative_name: str = "derivatives_seg",
    save_modelres_mask: bool = False,
    save_softmax_logits: bool = False,
    save_debug_data: bool = False,
    save_raw: bool = True,
    override_semantic: bool = False,
    override_instance: bool = False,
    override_postpair: bool = False,
    override_ctd: bool = False,
    proc_pad_size: int = 4,
    proc_normalize_input: bool = True,
    crop: tuple[slice, slice, slice] | None = None,
    auto_crop_to_spine: bool | Literal["auto"] = "auto",
    auto_crop_when_max_res_leq: float = 1.2,
    auto_crop_req_crop_min_dim: int = 200,
    proc_sem_crop_input: bool = True,
    proc_sem_n4_bias_correction: bool = True,
    proc_sem_remove_inferior_beyond_canal: bool = False,
    proc_sem_clean_beyond_largest_bounding_box: bool = True,
    proc_sem_clean_small_cc_artifacts: bool = True,
    proc_inst_corpus_clean: bool = True,
    proc_inst_clean_small_cc_artifacts: bool = True,
    proc_inst_largest_k_cc: int = 0,
    proc_inst_detect_and_solve_merged_corpi: bool = True,
    vertebra_instance_labeling_offset: int = 2,
    proc_lab_force_no_tl_anomaly: bool = False,
    proc_fill_3d_holes: bool = True,
    proc_assign_missing_cc: bool = True,
    proc_assign_missing_cc_fast: bool = False,
    proc_clean_inst_by_sem: bool = True,
    proc_vertebra_inconsistency: bool = True,
    lambda_semantic: Callable[[NII], NII] | None = None,
    snapshot_copy_folder: Path | None = None,
    ignore_bids_filter: bool = False,
    ignore_compatibility_issues: bool = False,
    log_inference_time: bool = True,
    return_output_instead_of_save: bool = False,
    timing: bool = False,
    verbose: bool = False,
    *,
    proc_sem_step_size: float | None = None,
    proc_inst_batch_size: int = 4,
    proc_inst_amp: bool = False,
    _nii: NII | None = None,
    _dataset_id_ct_crop: int = 100,
    numerics: Numerics = "corrected",
) -> tuple[Paths, ErrCode] | tuple[NII, NII, POI, ErrCode]:
    """Segment one scan; stored results are kept unless they are overridden.

    Parameters
    ----------
    img_ref
        The scan.
    model_semantic, model_instance, model_labeling
        Models; without a labelling model the vertebrae are counted from the top.
    derivative_name
        Output folder below the root of the dataset.
    save_modelres_mask, save_softmax_logits, save_debug_data, save_raw
        Which additional files to write.
    override_semantic, override_instance, override_postpair, override_ctd
        Results that are computed again, with all that depend on them.
    crop
        Box of voxels to segment; masks are on the grid of the whole image nevertheless.
    auto_crop_to_spine, auto_crop_when_max_res_leq, auto_crop_req_crop_min_dim
        Whether to crop with VIBESeg: always, never, or if the coarsest spacing of the model is at
        most the second value [mm] and the image has more voxels than the third value cubed.
    lambda_semantic
        Function that is applied to a new semantic mask before it is stored.
    snapshot_copy_folder
        Folder for a copy of the picture.
    ignore_bids_filter
        Name the results after the whole file name.
    ignore_compatibility_issues
        Run even if the scan does not fit the models.
    return_output_instead_of_save
        Write nothing and return the results.
    numerics
        ``corrected`` anatomy, or the numbers of SPINEPS: ``spineps-2.1.3``, ``seed``.
    **others
        See `spineps_nipype.settings`; names with ``proc_`` are the same.

    Returns
    -------
    paths, code
        Output paths by name, and OK, ALL_DONE (all results existed), COMPATIBILITY, EMPTY or
        UNKNOWN.
    semantic, vertebra, points, code
        Returned instead with `return_output_instead_of_save`, if there was no error.

    Raises
    ------
    SpinepsError
        If the file or a model cannot be used; the message says what to do.
    """
    path, root = input_image_path(img_ref), Path(img_ref.dataset)
    paths = output_paths_from_input(
        img_ref,
        derivative_name,
        snapshot_copy_folder,
        input_format=img_ref.format,
        non_strict_mode=ignore_bids_filter,
        _dataset_id_ct_crop=_dataset_id_ct_crop,
    )
    del timing, log_inference_time, verbose  # the log has times and levels of its own
    # Written out, so that an argument that is renamed or left out cannot go unnoticed.
    settings = PipelineSettings(
        crop=CropSettings(
            crop_box=None if crop is None else ",".join(map(_side, crop)),
            auto_crop_to_spine=AUTO_CROP[auto_crop_to_spine],
            auto_crop_when_max_res_leq=auto_crop_when_max_res_leq,
            auto_crop_req_crop_min_dim=auto_crop_req_crop_min_dim,
        ),
        preprocess=PreprocessSettings(
            proc_pad_size=proc_pad_size,
            proc_normalize_input=proc_normalize_input,
            proc_sem_crop_input=proc_sem_crop_input,
            proc_sem_n4_bias_correction=proc_sem_n4_bias_correction,
        ),
        semantic=SemanticSettings(
            proc_sem_step_size=proc_sem_step_size,
            tta=model_semantic.tta,
            proc_sem_remove_inferior_beyond_canal=proc_sem_remove_inferior_beyond_canal,
            proc_sem_clean_beyond_largest_bounding_box=proc_sem_clean_beyond_largest_bounding_box,
            proc_sem_clean_small_cc_artifacts=proc_sem_clean_small_cc_artifacts,
            proc_fill_3d_holes=proc_fill_3d_holes,
        ),
        instance=InstanceSettings(
            proc_inst_corpus_clean=proc_inst_corpus_clean,
            proc_inst_clean_small_cc_artifacts=proc_inst_clean_small_cc_artifacts,
            proc_inst_largest_k_cc=proc_inst_largest_k_cc,
            proc_inst_detect_and_solve_merged_corpi=proc_inst_detect_and_solve_merged_corpi,
            proc_inst_batch_size=proc_inst_batch_size,
            proc_inst_amp=proc_inst_amp,
            proc_fill_3d_holes=proc_fill_3d_holes,
        ),
        post=PostSettings(
            proc_assign_missing_cc=proc_assign_missing_cc,
            proc_assign_missing_cc_fast=proc_assign_missing_cc_fast,
            proc_clean_inst_by_sem=proc_clean_inst_by_sem,
            proc_vertebra_inconsistency=proc_vertebra_inconsistency,
            vertebra_instance_labeling_offset=vertebra_instance_labeling_offset,
        ),
        labeling=LabelingSettings(proc_lab_force_no_tl_anomaly=proc_lab_force_no_tl_anomaly),
        centroid=CentroidSettings(poi_points="bodies"),
        engine=model_semantic.engine,
        save=SaveSettings(
            save_raw=save_raw,
            save_softmax_logits=save_softmax_logits,
            save_modelres_mask=save_modelres_mask,
            save_debug_data=save_debug_data,
        ),
        numerics=numerics,
    )
    models = {
        "semantic": model_semantic,
        "instance": model_instance,
        "labeling": model_labeling,
    }
    packages: dict[str, ModelPackage | None] = {
        kind: None if model is None else model.package for kind, model in models.items()
    }
    again = {
        "override_semantic": override_semantic,
        "override_instance": override_instance,
        "override_postpair": override_postpair,
        "override_ctd": override_ctd,
    }
    device = model_semantic.device
    way = provenance(settings, packages, device=device)
    files = result_files(paths, path)
    plan = plan_scan(
        way,
        files,
        overrides=[name for name, wanted in again.items() if wanted],
        asked=asked_for(settings.save),
        reuse="any",
    )
    if plan.all_done and not return_output_instead_of_save:
        logger.info("%s: all results are there", path.name)
        return paths, ErrCode.ALL_DONE
    start = time.perf_counter()
    try:
        image = (
            _nii
            if _nii is not None
            else load_scan(path, integer_voxels=upstream(numerics).integer_voxels)
        )
        _check_fit(img_ref, image, models, ignore_compatibility_issues)
        scan = RunningScan(image, path, models, settings, plan.stored.files, lambda_semantic)
        store = None
        if not return_output_instead_of_save:
            config = model_semantic.inference_config
            helpers = helper_networks(settings, config, image.shape, image.zoom, image.orientation)
            way = replace(way, models={**packages, **helpers})
            store = Store(root, root / derivative_name, files, way, settings.save, device)
        semantic, vertebra, points = _phases(scan, store, plan)
    except ANSWERED as fault:
        logger.error("%s: %s", path.name, fault)
        return paths, fault.code
    logger.info("%s: done in %.1f s", path.name, time.perf_counter() - start)
    if return_output_instead_of_save:
        return semantic, vertebra, points, ErrCode.OK
    return paths, ErrCode.OK


segment_image = process_img_nii
"""Name since 2.1.3; the arguments that it adds are given by keyword."""


def _side(side: slice) -> str:
    if (side.start or 0) < 0 or (side.stop or 0) < 0 or side.step not in (None, 1):
        raise SpinepsError(
            f"The crop {side} counts from the end or in steps.",
            remedy="Give start and stop of each axis, counted from 0.",
        )
    return f"{'' if side.start is None else side.start}:{'' if side.stop is None else side.stop}"


def _check_fit(img_ref: BIDS_FILE, image: NII, models: dict[str, Any], overlook: bool) -> None:
    judged = [m for kind in ("semantic", "labeling") if (m := models[kind]) is not None]
    fits = [check_input_model_compatibility(img_ref, m, img_nii=image) for m in judged]
    if not all(fits) and not overlook:
        raise CompatibilityError(
            "The scan does not fit the models (see the log).",
            remedy="Choose other models, or ignore_compatibility_issues=True.",
        )


def _phases(scan: RunningScan, store: Store | None, plan: ScanPlan) -> tuple[NII, NII, POI]:
    """Run the phases that the plan asks for; results are written at once if there is a store."""
    from TPTBox import POI

    stored = scan.stored
    if "spine" in stored and "vert" in stored:
        semantic, vertebra = load_mask(stored["spine"]), load_mask(stored["vert"])
    else:
        semantic, vertebra = _final_masks(scan, store)
    if "poi" in stored:
        points = POI.load(stored["poi"])
    else:
        points = _centroids(scan, semantic, vertebra)
        if store is not None:
            store.points(points)
    if store is not None:
        if plan.runs("snapshot"):
            store.snapshot(scan, semantic, vertebra, points)
        if plan.runs("metrics"):
            store.measures(scan, semantic, vertebra)
        store.copies(plan.copies)
    return semantic, vertebra, points


def _final_masks(scan: RunningScan, store: Store | None) -> tuple[NII, NII]:
    """Semantic and vertebra mask, with what is stored of the phases before."""
    spine_raw = scan.spine_raw()
    if store is not None and "spine_raw" not in scan.stored:
        store.semantic(scan, spine_raw)
    vert_raw = scan.vert_raw(spine_raw)
    if store is not None and "vert_raw" not in scan.stored:
        store.instances(scan, vert_raw)
    semantic, vertebra = scan.masks(spine_raw, vert_raw)
    if store is not None:
        store.masks(scan, semantic, vertebra)
    return semantic, vertebra


def _centroids(scan: RunningScan, semantic: NII, vertebra: NII) -> POI:
    """Points of the final masks; their file names the models and the options of the phases."""
    flat = scan.settings.flat()
    named = {name: value for name, value in flat.items() if name.startswith("proc_")}
    models = [scan.models[kind] for kind in ("semantic", "instance", "labeling")]
    return predict_centroids_from_both(vertebra, semantic, models, named, scan.settings.numerics)


def save_nparray(arr: np.ndarray, out_path: Path) -> None:
    """Write an array as compressed npz."""
    import numpy as np

    np.savez_compressed(out_path, arr)
