"""Repair and numbering of vertebra instances along the spine. Source: SPINEPS 2.1.3.

All arrays are PIR unless said otherwise; masks are changed in place.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import ARCUS, CORPUS, CORPUS_BORDER, DISC, ENDPLATE, SACRUM, SPINOUS
from ..core.components import bounding_box, component_centroids, label_components
from ..core.geometry import area_voxels
from ..errors import SpinepsError
from .frames import HEIGHT_AXIS, mean_positions, pad_box
from .numbers import LAST_PRESACRAL, SPARE_NUMBERS
from .settings import Numerics
from .upstream import upstream

logger = logging.getLogger(__name__)

CONTACT_MM2: Final = 20 * 0.928125 ** (2 / 3)
"""Contact of a split top vertebra: 20 voxel faces of the reference voxel."""
SPLIT_FRACTION: Final = 0.5
SLIVER: Final = 0.15
MIN_BODIES: Final = 4
"""Median of fewer bodies says little."""
POSTERIOR_PARTS: Final = frozenset({ARCUS, SPINOUS})
FRAGMENTS: Final = 2
"""Components of an instance, after the largest, that may belong to another vertebra."""


def join_split_top(
    vert: NDArray[Any],
    spine: NDArray[Any],
    zoom: Sequence[float],
    numerics: Numerics = "corrected",
) -> bool:
    """Join a small instance at the top with the next one when no disc lies between them.

    Parameters
    ----------
    vert, spine
        Masks whose axis 1 runs from cranial to caudal.
    zoom
        Voxel spacing in mm.
    numerics
        ``seed`` measures the surface of both together instead of the contact between them.

    Returns
    -------
    Whether two instances were joined.
    """
    discs = (spine == DISC) | (spine == ENDPLATE)
    if not (spine == DISC).any():
        return False
    heights = mean_positions(
        vert, (vert > 0) & ((spine == CORPUS_BORDER) | (spine == ARCUS)), HEIGHT_AXIS
    )
    if len(heights) < 2:
        return False
    first, second = sorted(heights, key=heights.__getitem__)[:2]
    components, _ = label_components(discs, 3)
    if component_centroids(components)[1:, HEIGHT_AXIS].min() < heights[second]:
        return False
    sizes = np.bincount(vert.ravel())
    if not sizes[first] < SPLIT_FRACTION * sizes[second]:
        return False
    if upstream(numerics).top_joined_without_contact:
        pair = np.isin(vert, (first, second)) + np.uint8(1)
    else:
        both = ((vert == first) * np.uint8(1)) + ((vert == second) * np.uint8(2))
        pair = both[bounding_box(both)]
    touching = cc3d.contacts(np.ascontiguousarray(pair), connectivity=26)
    if touching.get((1, 2), 0) <= area_voxels(CONTACT_MM2, zoom):
        return False
    logger.info("joined a split vertebra at the top of the image")
    vert[vert == first] = second
    return True


def join_slivers(vert: NDArray[Any], spine: NDArray[Any], zoom: Sequence[float]) -> list[int]:
    """Join instances with next to no body to what they lie against. Not of SPINEPS.

    A body below `SLIVER` of the median is no vertebra, unless the border of the image cuts it:
    it belongs to the body beside it, or to the sacrum.

    Parameters
    ----------
    vert, spine
        Masks whose axis 1 runs from cranial to caudal.
    zoom
        Voxel spacing in mm.

    Returns
    -------
    Numbers that have gone.
    """
    bodies = np.where(np.isin(spine, (CORPUS_BORDER, CORPUS)), vert, 0)
    sizes = np.bincount(bodies.ravel())
    sizes[:1] = 0
    if np.count_nonzero(sizes) < MIN_BODIES:
        return []
    small = np.flatnonzero((sizes > 0) & (sizes < SLIVER * np.median(sizes[sizes > 0])))
    ends = np.unique(bodies[:, (0, -1)])
    sacrum = len(sizes)
    bodies[spine == SACRUM] = sacrum
    gone = []
    for number in (int(n) for n in small if n not in ends):
        sliver = bodies == number
        near = pad_box(bounding_box(sliver), 1, bodies.shape)
        contacts = cc3d.contacts(np.ascontiguousarray(bodies[near]), connectivity=26)
        touched = {sum(pair) - number: n for pair, n in contacts.items() if number in pair}
        other = max(touched, key=touched.__getitem__, default=0)
        if other and touched[other] > area_voxels(CONTACT_MM2, zoom):
            if other == sacrum:
                spine[vert == number] = SACRUM
            vert[vert == number] = 0 if other == sacrum else other
            gone.append(number)
    if gone:
        logger.info("joined %d slivers of bone with what they lie against", len(gone))
    return gone


def move_posterior_fragments(
    vert: NDArray[Any], spine: NDArray[Any], numerics: Numerics = "corrected"
) -> int:
    """Give detached pieces of arch or spinous process to the only other vertebra near them.

    The second and third largest component of an instance move if they hold nothing but arcus
    and spinous process and their box, one voxel wider, shows exactly one other vertebra.

    Returns
    -------
    Number of moved pieces.
    """
    components, count = label_components(vert, 3)
    if count == 0:
        return 0
    stats = cc3d.statistics(components.astype(np.uint32, copy=False))
    sizes, boxes = stats["voxel_counts"], stats["bounding_boxes"]
    pieces: dict[int, list[int]] = {}
    for component in range(1, count + 1):
        box = boxes[component]
        inside = components[box] == component
        number = int(vert[box].ravel()[np.argmax(inside.ravel())])
        pieces.setdefault(number, []).append(component)
    moves: list[tuple[int, int]] = []
    for number, found in sorted(pieces.items()):
        if number > LAST_PRESACRAL and upstream(numerics).fragments_to_l6_only:
            continue
        found.sort(key=lambda c: -int(sizes[c]))
        for component in found[1 : 1 + FRAGMENTS]:
            inside = components[boxes[component]] == component
            parts = set(np.unique(spine[boxes[component]][inside]).tolist())
            if not parts <= POSTERIOR_PARTS:
                continue
            near = pad_box(boxes[component], 1, vert.shape)
            others = np.unique(vert[near][components[near] != component])
            others = others[others != 0]
            if others.size == 1 and int(others[0]) != number:
                moves.append((component, int(others[0])))
    for component, target in moves:
        box = boxes[component]
        vert[box][components[box] == component] = target
    return len(moves)


def number_from_top(
    vert: NDArray[Any], first: int, numerics: Numerics = "corrected"
) -> dict[int, int]:
    """Number instances from cranial to caudal by the height of their centroids.

    Parameters
    ----------
    first
        Number of the top vertebra.
    numerics
        After 25 follow spare numbers, since 26 is the sacrum; under ``spineps-2.1.3`` counting
        goes on.

    Returns
    -------
    dict
        Old number to new number.

    Raises
    ------
    SpinepsError
        If there are more instances than numbers.
    """
    heights = mean_positions(vert, vert > 0, HEIGHT_AXIS)
    ordered = sorted(heights, key=heights.__getitem__)
    if upstream(numerics).counted_through_sacrum:
        numbers = list(range(first, first + len(ordered)))
    else:
        numbers = [*range(first, LAST_PRESACRAL + 1), *SPARE_NUMBERS]
    if len(ordered) > len(numbers):
        raise SpinepsError(
            f"{len(ordered)} vertebra instances were found: the segmentation has failed.",
            remedy="Check that image, modality and model belong together.",
        )
    mapping = dict(zip(ordered, numbers, strict=False))
    table = np.zeros(int(vert.max(initial=0)) + 1, dtype=vert.dtype)
    for old, new in mapping.items():
        table[old] = new
    vert[...] = table[vert]
    return mapping
