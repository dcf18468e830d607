"""Clean-up of semantic and vertebra mask together, on the grid of the image.

Source: SPINEPS 2.1.3, combined post-processing up to the numbering from the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import CORPUS, CORPUS_BORDER
from ..core.components import Box, bounding_box
from ..core.geometry import margin_voxels, to_input_grid
from ..core.volume import Volume
from ..errors import EmptyResultError
from .frames import pir_view
from .instance_order import join_slivers, join_split_top, move_posterior_fragments, number_from_top
from .missing_parts import assign_missing_parts, unify_articular_processes
from .settings import Numerics, PostSettings
from .upstream import upstream

CROP_MARGIN_MM: Final = 1.5
"""Margin around the semantic mask in which both masks are reconciled."""


@dataclass(frozen=True)
class Reconciled:
    """Masks on the grid of the image that are consistent with each other.

    Parameters
    ----------
    spine
        Semantic mask.
    vert
        Vertebra mask, numbered from cranial to caudal.
    crop
        Box of the spine, outside of which `spine` is 0.
    """

    spine: Volume
    vert: Volume
    crop: Box


def reconcile(
    spine_raw: Volume,
    vert_raw: Volume,
    image: Volume,
    settings: PostSettings,
    *,
    has_c1: bool,
    is_ct: bool,
    numerics: Numerics = "corrected",
) -> Reconciled:
    """Bring both raw masks to the grid of the image and make them consistent.

    Parameters
    ----------
    spine_raw, vert_raw
        Semantic and vertebra mask on any grid.
    image
        Image that defines the grid; its values are not used.
    settings
        Options of this phase.
    has_c1, is_ct
        Whether the semantic model knows C1, and whether it is a CT model: if both hold, the top
        vertebra gets number 1.

    Raises
    ------
    EmptyResultError
        If either mask is empty on the grid of the image.
    """
    whole = spine_raw.get_array()
    whole[whole == CORPUS] = CORPUS_BORDER
    spine_raw = spine_raw.set_array(whole, seg=True)
    spine = to_image_grid(spine_raw, image, numerics).get_array()
    vert = to_image_grid(vert_raw, image, numerics).get_array().astype(np.uint16)
    if not spine.any():
        raise EmptyResultError(
            "The semantic mask is empty on the grid of the image.",
            remedy="Check that the image shows a spine and fits the semantic model.",
        )
    crop = bounding_box(spine, margin_voxels(CROP_MARGIN_MM, image.zoom))
    if settings.proc_clean_inst_by_sem or not upstream(numerics).outer_instances_kept:
        inside = vert[crop].copy()
        vert[...] = 0
        vert[crop] = inside
    first = 1 if is_ct and has_c1 else settings.vertebra_instance_labeling_offset
    reconcile_arrays(
        spine[crop],
        vert[crop],
        image.orientation,
        image.zoom,
        settings,
        first=first,
        numerics=numerics,
    )
    return Reconciled(
        spine=image.set_array(spine, seg=True),
        vert=image.set_array(vert, seg=True),
        crop=crop,
    )


def to_image_grid(mask: Volume, image: Volume, numerics: Numerics = "corrected") -> Volume:
    """Bring a raw mask from the grid of its network to that of the image."""
    rules = upstream(numerics)
    return to_input_grid(
        mask,
        image,
        smooth=not rules.stepped_borders,
        border_smeared=rules.border_smeared,
        rounded_grid=rules.rounded_grid,
    )


def reconcile_arrays(
    spine: NDArray[Any],
    vert: NDArray[Any],
    orientation: tuple[str, ...],
    zoom: tuple[float, ...],
    settings: PostSettings,
    *,
    first: int,
    numerics: Numerics = "corrected",
) -> None:
    """Make two masks of the same box consistent, in place.

    Parameters
    ----------
    orientation, zoom
        Axis codes and spacing [mm] of the box.
    first
        Number of the top vertebra.

    Raises
    ------
    EmptyResultError
        If no instance is left on the semantic mask.
    """
    if settings.proc_clean_inst_by_sem:
        vert[spine == 0] = 0
    if not vert.any():
        raise EmptyResultError(
            "No vertebra instance lies on the semantic mask.",
            remedy="Check that semantic and vertebra mask come from the same image.",
        )
    if settings.proc_vertebra_inconsistency:
        unify_articular_processes(vert, spine)
    assign_missing_parts(
        vert,
        spine,
        assign=settings.proc_assign_missing_cc,
        fast=settings.proc_assign_missing_cc_fast,
        numerics=numerics,
    )
    if not vert.any():
        raise EmptyResultError(
            "No vertebra instance covers any vertebra tissue.",
            remedy="Check that semantic and vertebra mask come from the same image.",
        )
    spine_pir, vert_pir = pir_view(spine, orientation), pir_view(vert, orientation)
    # SPINEPS looks for the top along axis 1 of the file, whatever its direction.
    in_file_axes = upstream(numerics).top_in_file_axes
    turned = (vert, spine) if in_file_axes else (vert_pir, spine_pir)
    join_split_top(*turned, zoom, numerics)
    if not upstream(numerics).slivers_kept:
        join_slivers(vert_pir, spine_pir, zoom)
    move_posterior_fragments(vert_pir, spine_pir, numerics)
    number_from_top(vert_pir, first, numerics)
