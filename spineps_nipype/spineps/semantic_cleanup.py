"""Clean-up of the semantic mask on the model grid.

Source: SPINEPS 2.1.3, semantic phase after the network. All thresholds are physical.
"""

from __future__ import annotations

from typing import Any, Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import CANAL, CORD, CORPUS_BORDER, DISC, SACRUM
from ..core.components import components_by_size, fill_holes, remove_small_components
from ..core.geometry import PIR, distance_voxels, margin_voxels, volume_voxels
from ..core.volume import Volume
from .semantic_strays import keep_column, restore_top_of_sacrum
from .settings import Numerics, SemanticSettings
from .upstream import upstream

SMALL_COMPONENT_MM3: Final = 27.84375
"""Volume below which a component is deleted: 30 voxels of 0.75 x 0.75 x 1.65 mm (SPINEPS)."""
CLEANED_LABELS: Final = (41, 42, 43, 44, 45, 46, 47, 48, 49, 61, 100)
"""Labels whose small components are deleted: parts of vertebrae, canal and discs."""
FILLED_LABELS: Final = (CORPUS_BORDER, CANAL, DISC, CORD)
BOX_MARGIN_MM: Final = 3.0
"""Distance of two boxes of components up to which they count as connected."""
CANAL_MARGIN_MM: Final = 64.0
"""Distance from the ends of the canal up to which structures are kept."""

Extent = tuple[int, int]
"""Start and stop of a box along one axis, in voxels."""
BoxExtents = tuple[Extent, Extent, Extent]


def clean_semantic(
    mask: Volume, settings: SemanticSettings, numerics: Numerics = "corrected"
) -> Volume:
    """Clean the mask up, as far as the settings ask for it.

    Parameters
    ----------
    mask
        SPINEPS labels on the model grid.
    settings
        Which steps are wanted.
    numerics
        Corrected rules also delete false islands and give the top of the sacrum back to it.

    Returns
    -------
    Volume
        On the grid and in the orientation of `mask`.
    """
    # Steps are repeated as in SPINEPS: each may make room for another one.
    rules = upstream(numerics)
    cut_beyond = settings.proc_sem_remove_inferior_beyond_canal
    if cut_beyond:
        mask = cut_beyond_canal(mask)
    if settings.proc_sem_clean_small_cc_artifacts:
        mask = clean_small_components(mask)
    if cut_beyond:
        mask = cut_beyond_canal(mask)
    if settings.proc_sem_clean_beyond_largest_bounding_box:
        mask = clean_far_components(mask, numerics)
        if cut_beyond:
            mask = clean_far_components(cut_beyond_canal(mask), numerics)
        if not rules.no_column:
            mask = keep_column(mask)
    if not rules.top_of_sacrum_counted:
        mask = restore_top_of_sacrum(mask)
    if settings.proc_fill_3d_holes:
        mask = mask.set_array(fill_holes(mask.get_array(), FILLED_LABELS), seg=True)
    return mask


def cut_beyond_canal(mask: Volume) -> Volume:
    """Delete everything but the sacrum that lies more than 64 mm above or below the canal."""
    turned = mask.reorient(PIR)
    array = turned.get_array()
    rows = np.flatnonzero(((array == CANAL) | (array == CORD)).any(axis=(0, 2)))
    if rows.size == 0:
        return mask
    margin = int(CANAL_MARGIN_MM / float(turned.zoom[1]))
    outside = np.ones(array.shape[1], dtype=bool)
    outside[max(int(rows[0]) - margin, 0) : int(rows[-1]) + margin + 1] = False
    part = array[:, outside]
    part[part != SACRUM] = 0
    array[:, outside] = part
    return turned.set_array(array, seg=True).reorient(mask.orientation)


def clean_small_components(mask: Volume) -> Volume:
    """Delete components of less than 27.8 mm3, except those of sacrum, cord and endplates."""
    array = mask.get_array()
    if array.all():
        return mask
    smallest = volume_voxels(SMALL_COMPONENT_MM3, mask.zoom)
    return mask.set_array(remove_small_components(array, CLEANED_LABELS, smallest), seg=True)


def clean_far_components(mask: Volume, numerics: Numerics = "corrected") -> Volume:
    """Keep the largest component, and those connected with it by a chain of near boxes.

    Parameters
    ----------
    numerics
        ``seed`` keeps whatever lies in the box of the largest component, and nothing else.
    """
    turned = mask.reorient(PIR)
    array = turned.get_array()
    components, count = components_by_size(array > 0, 3)
    if count < 2:
        return mask
    margin = margin_voxels(BOX_MARGIN_MM, turned.zoom)
    reach = distance_voxels(BOX_MARGIN_MM, turned.zoom)
    boxes = _component_boxes(components, count, margin)
    if upstream(numerics).far_cut_to_largest_box:
        outside = np.ones(array.shape, dtype=bool)
        outside[tuple(slice(*side) for side in boxes[1])] = False
        array[outside] = 0
        return turned.set_array(array, seg=True).reorient(mask.orientation)
    keep = np.zeros(count + 1, dtype=bool)
    for number in _reachable_boxes(boxes, reach):
        keep[number] = True
    array[~keep[components]] = 0
    return turned.set_array(array, seg=True).reorient(mask.orientation)


def _component_boxes(components: NDArray[Any], count: int, margin: int) -> dict[int, BoxExtents]:
    """Box of every component, widened by a margin in voxels and clipped to the array."""
    found = cc3d.statistics(components.astype(np.uint32))["bounding_boxes"]
    boxes: dict[int, BoxExtents] = {}
    for number in range(1, count + 1):
        extents = [
            (max(side.start - margin, 0), min(side.stop + margin, size))
            for side, size in zip(found[number], components.shape, strict=True)
        ]
        boxes[number] = (extents[0], extents[1], extents[2])
    return boxes


def _reachable_boxes(boxes: dict[int, BoxExtents], reach: int) -> list[int]:
    """Components whose boxes meet that of component 1 or of another accepted one."""
    accepted = [1]
    waiting = [number for number in boxes if number != 1]
    changed = True
    while changed:
        changed = False
        for number in list(waiting):
            if any(_boxes_meet(boxes[number], boxes[other], reach) for other in accepted):
                accepted.append(number)
                waiting.remove(number)
                changed = True
    return accepted


def _boxes_meet(box: BoxExtents, accepted: BoxExtents, reach: int) -> bool:
    """Whether two boxes overlap or touch; the accepted one is widened along the body axis."""
    for axis, ((low, high), (start, stop)) in enumerate(zip(box, accepted, strict=True)):
        if axis == 1:
            start, stop = max(start - reach, 0), stop + reach
        if low > stop or start > high:
            return False
    return True
