"""Numbers of discs and endplates, and the final masks. Source: SPINEPS 2.1.3."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from TPTBox import NII

from ..core.anatomy import (
    C2,
    CORPUS_BORDER,
    DENS,
    DISC,
    DISC_OFFSET,
    ENDPLATE,
    ENDPLATE_INFERIOR,
    ENDPLATE_OFFSET,
    ENDPLATE_SUPERIOR,
    METAL,
    SACRUM,
    T13,
)
from ..core.components import Box, bounding_box, component_centroids, label_components
from .cut_discs import drop_cut_discs
from .endplates import split_endplates
from .frames import HEIGHT_AXIS, mean_positions, pir_view
from .numbers import in_order, is_vertebra, number_above
from .settings import Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

SPLIT_PLATES: Final = (ENDPLATE_SUPERIOR, ENDPLATE_INFERIOR)
"""Labels of networks that tell the endplates apart themselves (CT)."""


def finalize_masks(
    spine: NII,
    vert: NII,
    crop: Box,
    *,
    sacrum_ids: Collection[int] = (SACRUM,),
    metal: Collection[int] = (METAL,),
    numerics: Numerics = "corrected",
) -> tuple[NII, NII]:
    """Paint sacrum, metal and dens, number discs and endplates, tell the endplates apart.

    Parameters
    ----------
    spine, vert
        Semantic and vertebra mask on the same grid, any orientation.
    crop
        Box of the spine.
    sacrum_ids, metal
        Semantic labels that become 26 and 80 in the vertebra mask.

    Returns
    -------
    spine : NII
        Endplates (62) have become superior (52) and inferior (53) ones.
    vert : NII
        Discs carry 100 and endplates 200 plus the number of the vertebra above them. Discs of
        which less than a quarter is in view have none.
    """
    spine_array = spine.get_array().copy()
    vert_array = vert.get_array().astype(np.uint16)
    finalize_arrays(
        spine_array[crop],
        vert_array[crop],
        spine.orientation,
        sacrum_ids=sacrum_ids,
        metal=metal,
        numerics=numerics,
    )
    if not upstream(numerics).cut_discs_kept:
        drop_cut_discs(pir_view(vert_array, vert.orientation))
    return (
        spine.set_array(spine_array, seg=True, verbose=False),
        vert.set_array(vert_array, seg=True, verbose=False),
    )


def finalize_arrays(
    spine: NDArray[Any],
    vert: NDArray[Any],
    orientation: tuple[str, ...],
    *,
    sacrum_ids: Collection[int] = (SACRUM,),
    metal: Collection[int] = (METAL,),
    numerics: Numerics = "corrected",
) -> None:
    """Finish two masks of the same box in place; see `finalize_masks`."""
    if upstream(numerics).metal_unpainted:
        metal = ()
    for labels, number in ((sacrum_ids, SACRUM), (metal, METAL), ((DENS,), C2)):
        vert[np.isin(spine, list(labels))] = number
    spine_pir, vert_pir = pir_view(spine, orientation), pir_view(vert, orientation)
    known = () if upstream(numerics).split_plates_ignored else SPLIT_PLATES
    split_before = bool(np.isin(spine, known).any())
    number_discs_and_endplates(vert_pir, spine_pir, numerics)
    if not split_before:
        plates = np.nonzero(spine_pir == ENDPLATE)
        spine_pir[plates] = split_endplates(vert_pir, plates, numerics)


def number_discs_and_endplates(
    vert: NDArray[Any], spine: NDArray[Any], numerics: Numerics = "corrected"
) -> None:
    """Number the components of discs and endplates by the vertebra above them, in place.

    Parameters
    ----------
    vert, spine
        PIR masks; sacrum, metal and dens are painted already.
    numerics
        Under ``spineps-2.1.3`` the sacrum counts as a vertebra at height 0, so that whatever
        lies above the top vertebra becomes 126 or 226; and what lies above vertebra 1 is lost.
        ``seed`` does not number endplates that are told apart already.
    """
    ignored = upstream(numerics).split_plates_ignored
    targets = (DISC, ENDPLATE, *(() if ignored else SPLIT_PLATES))
    table = np.zeros(max(int(spine.max(initial=0)), *targets) + 1, dtype=np.uint8)
    table[list(targets)] = targets
    wanted = table[spine]
    if not wanted.any():
        return
    heights = _heights(vert, spine, numerics)
    if not heights:
        logger.warning("there is no vertebra to number discs and endplates by")
        return
    box = bounding_box(wanted)
    components, count = label_components(wanted[box], 3)
    centres = component_centroids(components)[:, HEIGHT_AXIS] + box[HEIGHT_AXIS].start
    kind = np.zeros(count + 1, dtype=np.uint8)
    kind[components.ravel()] = wanted[box].ravel()
    split_before = bool(((kind == ENDPLATE_SUPERIOR) | (kind == ENDPLATE_INFERIOR)).any())
    sacrum = mean_positions(vert, vert == SACRUM, HEIGHT_AXIS) if split_before else {}
    number = np.zeros(count + 1, dtype=vert.dtype)
    old = upstream(numerics).sacrum_at_height_zero
    for i in range(1, count + 1):
        y = float(centres[i])
        if kind[i] == DISC:
            number[i] = _disc_number(y, heights, numerics)
        elif not split_before:
            number[i] = _endplate_number(y, heights, numerics)
        elif kind[i] == ENDPLATE_SUPERIOR:
            below = heights if old else {**heights, **sacrum}
            number[i] = _below(y, below)
        else:
            number[i] = _above(y, heights)
    part = vert[box]
    inside = components > 0
    part[inside] = number[components[inside]]


def _heights(vert: NDArray[Any], spine: NDArray[Any], numerics: Numerics) -> dict[int, float]:
    """Height of each vertebral body, by number; of the whole vertebra if it has no body."""
    bodies = mean_positions(vert, (spine == CORPUS_BORDER) & (vert > 0), HEIGHT_AXIS)
    present = np.flatnonzero(np.bincount(vert.ravel()))
    if not upstream(numerics).sacrum_at_height_zero:
        whole = mean_positions(vert, vert > 0, HEIGHT_AXIS)
        numbers = [n for n in in_order(whole) if is_vertebra(n)]
        return {n: bodies.get(n, whole[n]) for n in numbers}
    numbers = [int(n) for n in present if 0 < n <= SACRUM or n == T13]
    return {n: 0.0 if n == SACRUM else bodies.get(n, 0.0) for n in numbers}


def _above(y: float, heights: dict[int, float]) -> int:
    """The lowest vertebra above a height; the top one if there is none."""
    above = [n for n, h in heights.items() if h < y]
    if not above:
        return min(heights, key=heights.__getitem__)
    return max(above, key=heights.__getitem__)


def _below(y: float, heights: dict[int, float]) -> int:
    """The highest vertebra below a height; the bottom one if there is none."""
    below = [n for n, h in heights.items() if h > y]
    if not below:
        return max(heights, key=heights.__getitem__)
    return min(below, key=heights.__getitem__)


def _disc_number(y: float, heights: dict[int, float], numerics: Numerics) -> int:
    if y >= min(heights.values()):
        return DISC_OFFSET + _above(y, heights)
    if not upstream(numerics).sacrum_at_height_zero:
        return DISC_OFFSET + _number_over_top(heights)
    label = min(heights) - 1
    return DISC_OFFSET + label if label else 0


def _endplate_number(y: float, heights: dict[int, float], numerics: Numerics) -> int:
    if y < min(heights.values()) and not upstream(numerics).sacrum_at_height_zero:
        return ENDPLATE_OFFSET + _number_over_top(heights)
    return ENDPLATE_OFFSET + _above(y, heights)


def _number_over_top(heights: dict[int, float]) -> int:
    """Number of the vertebra that would stand above the top one (C1: itself)."""
    top = min(heights, key=heights.__getitem__)
    above = number_above(top)
    return top if above is None else above
