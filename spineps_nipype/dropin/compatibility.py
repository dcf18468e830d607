"""Compatibility of scans, models and modalities. Source: SPINEPS 2.1.3."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..bids.compatibility import misfits
from ..bids.header import read_header
from ..core.planes import image_plane
from ..errors import CompatibilityError
from ..models.matching import best_models
from ..models.spineps_packages import list_packages
from .enums import Acquisition, Modality
from .models import SegmentationModel
from .paths import input_image_path

if TYPE_CHECKING:
    from TPTBox import BIDS_FILE, NII

logger = logging.getLogger("spineps_nipype.dropin")

ModalityPair = tuple[list[Modality] | Modality, Acquisition]
"""One modality or several, and the plane."""
IGNORED_TEXT = " (IGNORED)."


def check_model_modality_acquisition(
    model: SegmentationModel, mod_pair: ModalityPair, verbose: bool = True
) -> bool:
    """Whether a model accepts all modalities of a pair, and is made for its plane."""
    wanted, plane = mod_pair
    several = wanted if isinstance(wanted, list) else [wanted]
    fits = all(m in model.modalities() for m in several) and plane == model.acquisition()
    if not fits and verbose:
        logger.warning(
            "%s is for %s, %s; asked for is %s",
            model.modelid(),
            model.modalities(),
            model.acquisition(),
            mod_pair,
        )
    return fits


def check_input_model_compatibility(
    img_ref: BIDS_FILE,
    model: SegmentationModel,
    ignore_modality: bool = False,
    ignore_acquisition: bool = False,
    ignore_labelkey: bool = False,
    verbose: bool = True,
    img_nii: NII | None = None,
) -> bool:
    """Whether a scan fits a model, according to its file name and voxel size.

    Parameters
    ----------
    img_ref
        The scan.
    ignore_modality, ignore_acquisition, ignore_labelkey
        Accept another modality (and a ``seg`` entity), another ``acq`` entity, a ``label`` entity.
        A wrong plane of the voxels, or "debug" in the name, is never accepted.
    img_nii
        The image if it is loaded already, so that its header is not read again.
    """
    path = input_image_path(img_ref)
    if img_nii is None:
        header = read_header(path)
        plane = image_plane(header.zooms, header.axis_codes)
    else:
        plane = image_plane(img_nii.zoom, img_nii.orientation)
    overlooked = {
        *(("modality", "seg") if ignore_modality else ()),
        *(("acquisition",) if ignore_acquisition else ()),
        *(("label",) if ignore_labelkey else ()),
        "lesions",  # a question of the query, not of the model
    }
    found = misfits(path, plane, model.inference_config)
    texts = [f"{path.name} does not fit the model {model.modelid()}."]
    for kind, text in found:
        texts.append(f"{text}.")
        if kind in overlooked:
            add_ignore_text(texts)
    if verbose and found:
        logger.warning("%s", " ".join(texts))
    return all(kind in overlooked for kind, _ in found)


def add_ignore_text(logger_texts: list[str]) -> None:
    """Mark the last message as ignored, in place of its full stop."""
    logger_texts[-1] = logger_texts[-1][:-1] + IGNORED_TEXT


def find_best_matching_model(
    modality_pair: ModalityPair, expected_resolution: Sequence[float] | None
) -> SegmentationModel:
    """The installed semantic model that fits best.

    SPINEPS has a function of this name, but it only raises an error.

    Parameters
    ----------
    modality_pair
        Modalities that the model must accept, and plane.
    expected_resolution
        Voxel spacing of the scans [mm] along P, I, R; None if it does not matter.

    Raises
    ------
    CompatibilityError
        If no model fits; the message lists the installed ones.
    """
    wanted, plane = modality_pair
    names = {m.name for m in (wanted if isinstance(wanted, list) else [wanted])}
    there = list_packages("semantic")
    fitting = best_models(
        [p for p in there if names <= set(p.config.modality)],
        modality=None,
        plane=plane.name,
        spacing=expected_resolution,
    )
    if not fitting:
        known = ", ".join(f"{p.id} ({'/'.join(p.config.modality)})" for p in there)
        raise CompatibilityError(
            f"No semantic model is for {'/'.join(sorted(names))} in plane {plane.name}.",
            remedy=f"Installed: {known}. Install one that fits, or name one.",
        )
    return SegmentationModel(fitting[0])
