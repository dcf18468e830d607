"""Segmentation of a dataset, one scan after the other. Source: SPINEPS 2.1.3 (`process_dataset`).

``spineps-wf`` processes several scans at a time, and continues after a crash.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bids.names import SNAPSHOT_FOLDER, parse_name
from ..bids.query import not_in_phase
from ..bids.raw_data import list_images
from ..errors import ErrCode, SpinepsError
from ..spineps.settings import Numerics
from .compatibility import (
    ModalityPair,
    check_model_modality_acquisition,
    find_best_matching_model,
)
from .enums import Acquisition, Modality
from .models import SegmentationModel
from .paths import input_image_path
from .run import process_img_nii

if TYPE_CHECKING:
    from TPTBox import BIDS_FILE

logger = logging.getLogger("spineps_nipype.dropin")

UNSORTED = "unsorted"
"""Subject to which TPTBox assigns files without ``sub-``."""


def process_dataset(
    dataset_path: Path,
    model_instance: SegmentationModel,
    model_semantic: Sequence[SegmentationModel] | SegmentationModel | None = None,
    model_labeling: SegmentationModel | None = None,
    rawdata_name: str = "rawdata",
    derivative_name: str = "derivatives_seg",
    modalities: list[ModalityPair] | ModalityPair | None = None,
    save_debug_data: bool = False,
    save_modelres_mask: bool = False,
    save_softmax_logits: bool = False,
    save_log_data: bool = True,
    override_semantic: bool = False,
    override_instance: bool = False,
    override_postpair: bool = False,
    override_ctd: bool = False,
    snapshot_copy_folder: Path | bool | None = None,
    pad_size: int = 4,
    proc_sem_crop_input: bool = True,
    proc_sem_n4_bias_correction: bool = True,
    proc_sem_remove_inferior_beyond_canal: bool = False,
    proc_sem_clean_beyond_largest_bounding_box: bool = True,
    proc_sem_clean_small_cc_artifacts: bool = True,
    proc_inst_corpus_clean: bool = True,
    proc_inst_clean_small_cc_artifacts: bool = True,
    proc_inst_largest_k_cc: int = 0,
    proc_inst_detect_and_solve_merged_corpi: bool = True,
    proc_lab_force_no_tl_anomaly: bool = False,
    proc_fill_3d_holes: bool = True,
    proc_assign_missing_cc: bool = True,
    proc_clean_inst_by_sem: bool = True,
    proc_vertebra_inconsistency: bool = True,
    ignore_model_compatibility: bool = False,
    ignore_inference_compatibility: bool = False,
    ignore_bids_filter: bool = False,
    log_inference_time: bool = True,
    verbose: bool = False,
    *,
    proc_sem_step_size: float | None = None,
    proc_inst_batch_size: int = 4,
    proc_inst_amp: bool = False,
    tta: bool | None = None,
    numerics: Numerics = "corrected",
) -> dict[str, Any]:
    """Segment all scans of a dataset; one that fails does not stop the others.

    Parameters
    ----------
    dataset_path
        Root of the dataset.
    model_semantic
        One model for all pairs, one for each pair, or None to choose an installed one that fits.
    rawdata_name, derivative_name
        Folders below the root for scans and for results.
    modalities
        Pairs of modality (or several) and plane; None for sagittal T2w.
    save_log_data
        Write ``logs/<time>_segmentation_pipeline_log.log`` below the root.
    snapshot_copy_folder
        Folder for copies of the pictures; True for ``snaps_seg`` below the root.
    ignore_model_compatibility, ignore_inference_compatibility
        Run even if models do not fit the pairs, or scans do not fit the models.
    ignore_bids_filter
        Segment every NIfTI file that is not a mask.
    tta
        Turn mirroring on or off; None for the setting of the models.
    **others
        See `process_img_nii`.

    Returns
    -------
    dict
        Numbers of scans ``seen``, ``processed``, ``already_done`` and ``failed``, and
        ``failures``, a list of pairs of `ErrCode` and path.

    Raises
    ------
    ValueError
        If there are no pairs, not as many models as pairs, or models that do not fit the pairs.
    """
    root = Path(dataset_path)
    if snapshot_copy_folder is True:
        snapshot_copy_folder = root / SNAPSHOT_FOLDER
    segment = partial(
        process_img_nii,
        model_instance=model_instance,
        model_labeling=model_labeling,
        derivative_name=derivative_name,
        save_modelres_mask=save_modelres_mask,
        save_softmax_logits=save_softmax_logits,
        save_debug_data=save_debug_data,
        override_semantic=override_semantic,
        override_instance=override_instance,
        override_postpair=override_postpair,
        override_ctd=override_ctd,
        proc_pad_size=pad_size,
        proc_sem_crop_input=proc_sem_crop_input,
        proc_sem_n4_bias_correction=proc_sem_n4_bias_correction,
        proc_sem_remove_inferior_beyond_canal=proc_sem_remove_inferior_beyond_canal,
        proc_sem_clean_beyond_largest_bounding_box=proc_sem_clean_beyond_largest_bounding_box,
        proc_sem_clean_small_cc_artifacts=proc_sem_clean_small_cc_artifacts,
        proc_inst_corpus_clean=proc_inst_corpus_clean,
        proc_inst_clean_small_cc_artifacts=proc_inst_clean_small_cc_artifacts,
        proc_inst_largest_k_cc=proc_inst_largest_k_cc,
        proc_inst_detect_and_solve_merged_corpi=proc_inst_detect_and_solve_merged_corpi,
        proc_lab_force_no_tl_anomaly=proc_lab_force_no_tl_anomaly,
        proc_fill_3d_holes=proc_fill_3d_holes,
        proc_assign_missing_cc=proc_assign_missing_cc,
        proc_clean_inst_by_sem=proc_clean_inst_by_sem,
        proc_vertebra_inconsistency=proc_vertebra_inconsistency,
        snapshot_copy_folder=snapshot_copy_folder or None,
        ignore_bids_filter=ignore_bids_filter,
        ignore_compatibility_issues=ignore_inference_compatibility,
        log_inference_time=log_inference_time,
        verbose=verbose,
        proc_sem_step_size=proc_sem_step_size,
        proc_inst_batch_size=proc_inst_batch_size,
        proc_inst_amp=proc_inst_amp,
        numerics=numerics,
    )
    pairs = _pairs(modalities)
    models = _models(model_semantic, pairs)
    for model in models:
        if tta is not None:
            model.set_test_time_augmentation(tta)
    _check(models, model_labeling, pairs, ignore_model_compatibility)

    failures: list[tuple[ErrCode, str]] = []
    counts = dict.fromkeys(ErrCode, 0)
    with _log_file(root if save_log_data else None):
        logger.info("%s with %s: %s", root, [m.modelid() for m in models], pairs)
        parents = (rawdata_name, derivative_name)
        for scan, model in _scans(root, parents, pairs, models, everything=ignore_bids_filter):
            code = _one(scan, partial(segment, scan, model))
            counts[code] += 1
            if code not in (ErrCode.OK, ErrCode.ALL_DONE):
                failures.append((code, str(input_image_path(scan))))
        seen = sum(counts.values())
        if not seen:
            logger.warning(
                "%s: no scan of %s in %s; ignore_bids_filter=True takes every NIfTI file",
                *(root, pairs, rawdata_name),
            )
        logger.info("%d scans, %d failed", seen, len(failures))
    return {
        "seen": seen,
        "processed": counts[ErrCode.OK],
        "already_done": counts[ErrCode.ALL_DONE],
        "failed": len(failures),
        "failures": failures,
    }


def _pairs(modalities: list[ModalityPair] | ModalityPair | None) -> list[ModalityPair]:
    if modalities is None:
        return [(Modality.T2w, Acquisition.sag)]
    pairs = modalities if isinstance(modalities, list) else [modalities]
    if not pairs:
        raise ValueError("modalities is empty: give pairs of modality and plane")
    return pairs


def _models(
    given: Sequence[SegmentationModel] | SegmentationModel | None, pairs: list[ModalityPair]
) -> list[SegmentationModel]:
    if given is None:
        return [find_best_matching_model(pair, None) for pair in pairs]
    models = [given] * len(pairs) if isinstance(given, SegmentationModel) else list(given)
    if len(models) != len(pairs):
        raise ValueError(f"{len(models)} semantic models are given for {len(pairs)} pairs")
    return models


def _check(
    models: Sequence[SegmentationModel],
    labeling: SegmentationModel | None,
    pairs: Sequence[ModalityPair],
    overlook: bool,
) -> None:
    fits = [
        check_model_modality_acquisition(model, pair)
        for semantic, pair in zip(models, pairs, strict=True)
        for model in (semantic, labeling)
        if model is not None
    ]
    if not all(fits) and not overlook:
        raise ValueError(
            "a model does not fit the modality and plane that are asked for (see the log); "
            "ignore_model_compatibility=True runs it anyway"
        )


def _scans(
    root: Path,
    parents: Sequence[str],
    pairs: Sequence[ModalityPair],
    models: Sequence[SegmentationModel],
    *,
    everything: bool,
) -> Iterator[tuple[BIDS_FILE, SegmentationModel]]:
    """Scans with their models, subject by subject."""
    from TPTBox import BIDS_Global_info

    there = [name for name in parents if (root / name).is_dir()]
    raw = _raw_images(root / parents[0])
    dataset = BIDS_Global_info(datasets=[root], parents=there, verbose=False)
    for name, subject in dataset.enumerate_subjects(sort=True):
        if name == UNSORTED and not everything:
            continue
        for (wanted, plane), model in zip(pairs, models, strict=True):
            planes = Acquisition.format_keys(plane)
            query = subject.new_query(flatten=True)
            query.filter_filetype(["nii.gz", "nii"])
            query.filter_non_existence("seg", required=True)
            if not everything:
                query.filter_format(Modality.format_keys(wanted))
                for entity in ("lesions", "label"):
                    query.filter_non_existence(entity, required=True)
                query.filter("acq", planes.__contains__, required=False)
            for scan in query.loop_list(sort=True):
                path = input_image_path(scan)
                if path.is_relative_to(root / parents[0]) and path not in raw:
                    continue
                if everything or not not_in_phase(path, root, parse_name(path)):
                    yield scan, model


def _raw_images(folder: Path) -> frozenset[Path]:
    """Images that are raw data, in folders of any name; what else lies there is logged."""
    if not folder.is_dir():
        return frozenset()
    listing = list_images(folder, any_name=True)
    for image in listing.left_out:
        logger.info("%s is not taken: %s", image.shown, image.why)
    return frozenset(listing.images)


def _one(scan: BIDS_FILE, segment: Callable[[], tuple[Any, ...]]) -> ErrCode:
    """Segment a scan; whatever goes wrong is its code."""
    try:
        code = segment()[-1]
    except SpinepsError as fault:
        logger.error("%s: %s", input_image_path(scan).name, fault)
        return fault.code
    except Exception:
        logger.exception("%s failed", input_image_path(scan).name)
        return ErrCode.UNKNOWN
    assert isinstance(code, ErrCode)
    return code


@contextmanager
def _log_file(root: Path | None) -> Iterator[None]:
    if root is None:
        yield
        return
    folder = root / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    name = time.strftime("%Y-%m-%d_%H-%M-%S") + "_segmentation_pipeline_log.log"
    handler = logging.FileHandler(folder / name, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    package = logging.getLogger("spineps_nipype")
    level = package.level
    package.addHandler(handler)
    package.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        handler.close()
