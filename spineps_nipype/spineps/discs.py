"""Numbers of discs and endplates, and the final masks. Source: SPINEPS 2.1.3."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
from ..core.volume import Volume
from .cut_discs import drop_cut_discs
from .endplates import split_endplates
from .frames import HEIGHT_AXIS, mean_positions, pir_view
from .numbers import in_order, is_vertebra, number_above
from .sacral_discs import drop_sacral_discs
from .settings import Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

LEAST_SEEN: Final = 2
"""Bodies in view that tell how far apart bodies are."""
SPLIT_PLATES: Final = (ENDPLATE_SUPERIOR, ENDPLATE_INFERIOR)
"""Labels of networks that tell superior from inferior endplates themselves (CT)."""


def finalize_masks(
    spine: Volume,
    vert: Volume,
    crop: Box,
    *,
    sacrum_ids: Collection[int] = (SACRUM,),
    metal: Collection[int] = (METAL,),
    numerics: Numerics = "corrected",
) -> tuple[Volume, Volume]:
    """Finish both masks.

    Sacrum, metal and dens are painted into the vertebra mask, discs and endplates are numbered,
    and superior endplates are told from inferior ones.

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
    spine : Volume
        Endplates (62) have become superior (52) or inferior (53) ones.
    vert : Volume
        Discs carry 100, and endplates 200, plus the number of the vertebra above them. Discs of
        which less than a quarter is in view, and those inside the sacrum, have no number.
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
    if not upstream(numerics).sacral_discs_numbered:
        drop_sacral_discs(pir_view(vert_array, vert.orientation))
    if not upstream(numerics).cut_discs_kept:
        drop_cut_discs(pir_view(vert_array, vert.orientation))
    return (
        spine.set_array(spine_array, seg=True),
        vert.set_array(vert_array, seg=True),
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
        Vertebra and semantic mask in PIR; sacrum, metal and dens are painted already.
    numerics
        Under ``spineps-2.1.3`` the sacrum counts as a vertebra at height 0, so that whatever
        lies above the top vertebra becomes 126 or 226, and whatever lies above vertebra 1 gets
        no number. ``seed`` does not number endplates that the network has told apart.
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
    # A superior endplate belongs to the vertebra below it, which may be the sacrum.
    below = heights if upstream(numerics).sacrum_at_height_zero else {**heights, **sacrum}
    number = np.zeros(count + 1, dtype=vert.dtype)
    for i in range(1, count + 1):
        y = float(centres[i])
        if kind[i] == DISC:
            number[i] = _disc_number(y, heights, numerics)
        elif not split_before:
            number[i] = _endplate_number(y, heights, numerics)
        elif kind[i] == ENDPLATE_SUPERIOR:
            number[i] = _below(y, below)
        else:
            number[i] = _above(y, heights)
    part = vert[box]
    inside = components > 0
    part[inside] = number[components[inside]]


def _heights(vert: NDArray[Any], spine: NDArray[Any], numerics: Numerics) -> dict[int, float]:
    """Height of the body of each vertebra, or of the whole vertebra if it has no body."""
    bodies = mean_positions(vert, (spine == CORPUS_BORDER) & (vert > 0), HEIGHT_AXIS)
    present = np.flatnonzero(np.bincount(vert.ravel()))
    if not upstream(numerics).sacrum_at_height_zero:
        whole = mean_positions(vert, vert > 0, HEIGHT_AXIS)
        numbers = [n for n in in_order(whole) if is_vertebra(n)]
        heights = {n: bodies.get(n, whole[n]) for n in numbers}
        beside = upstream(numerics).arches_for_bodies
        return heights if beside else heights | dict(_out_of_view(heights, bodies))
    numbers = [int(n) for n in present if 0 < n <= SACRUM or n == T13]
    return {n: 0.0 if n == SACRUM else bodies.get(n, 0.0) for n in numbers}


def _out_of_view(
    heights: dict[int, float], bodies: Mapping[int, float]
) -> Iterator[tuple[int, float]]:
    """Heights of bodies out of view, above and below, of which an arch shows that they are there.

    Problem: the arch of a thoracic vertebra lies beside the body below it, so that the disc
    between both bodies would be taken for the one above it.
    Solution: the usual distance of the bodies in view tells where they lie.

    Parameters
    ----------
    heights
        Of all vertebrae, in their order.
    bodies
        Of those whose body is in view.
    """
    seen = [n for n in heights if n in bodies]
    if len(seen) < LEAST_SEEN:
        return
    step = float(np.median(np.diff([heights[n] for n in seen])))
    if step <= 0:
        return
    order = list(heights)
    first, last = order.index(seen[0]), order.index(seen[-1])
    for place, n in enumerate(order):
        if place < first:
            yield n, min(heights[n], heights[seen[0]] - (first - place) * step)
        elif place > last:
            yield n, max(heights[n], heights[seen[-1]] + (place - last) * step)


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
    """Number of a disc at a height."""
    if y >= min(heights.values()):
        return DISC_OFFSET + _above(y, heights)
    if not upstream(numerics).sacrum_at_height_zero:
        return DISC_OFFSET + _number_over_top(heights)
    label = min(heights) - 1
    return DISC_OFFSET + label if label else 0


def _endplate_number(y: float, heights: dict[int, float], numerics: Numerics) -> int:
    """Number of an endplate at a height."""
    if y < min(heights.values()) and not upstream(numerics).sacrum_at_height_zero:
        return ENDPLATE_OFFSET + _number_over_top(heights)
    return ENDPLATE_OFFSET + _above(y, heights)


def _number_over_top(heights: dict[int, float]) -> int:
    """Number of the vertebra above the top one, which is not in view; C1 stands for itself."""
    top = min(heights, key=heights.__getitem__)
    above = number_above(top)
    return top if above is None else above
