"""Repair and numbering of vertebra instances along the spine.

Problem: an instance may be a piece of another vertebra, because the border of the image, a
fracture or a mistake of the network divides it. Every piece with a number of its own shifts the
count of all vertebrae below it.

Rules, in this order; each looks at one feature that tells a piece from a vertebra:

1. The top instance is joined to the next one if it is small, no disc lies above the centroid of
   the next, and both touch (`join_split_top`).
2. An instance with hardly any body is joined to the body, or the sacrum, that it touches most,
   unless the border of the image cuts it off (`join_slivers`, ours).
3. A detached piece of arch or spinous process moves to the only other vertebra beside it
   (`move_posterior_fragments`).
4. Instances are numbered by the height of their centroids (`number_from_top`).

Effort: each rule labels or counts the volume once; everything else happens in boxes of the pieces.

Source: SPINEPS 2.1.3, combined post-processing. Arrays are PIR unless said otherwise; masks are
changed in place.
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
"""Contact above which two pieces count as touching, in mm2: 20 faces of the reference voxel of
SPINEPS."""
SPLIT_SHARE: Final = 0.5
"""Share of the next instance's volume below which the top one may be a part of it."""
SLIVER_SHARE: Final = 0.15
"""Share of the median volume of the bodies below which a body is a sliver (ours)."""
MIN_BODIES: Final = 4
"""With fewer bodies, their median volume is not reliable."""
POSTERIOR_PARTS: Final = frozenset({ARCUS, SPINOUS})
"""Semantic labels that a piece may hold to move to another vertebra."""
MAX_FRAGMENTS: Final = 2
"""Number of components of an instance, after the largest, that may move."""


def join_split_top(
    vert: NDArray[Any],
    spine: NDArray[Any],
    zoom: Sequence[float],
    numerics: Numerics = "corrected",
) -> bool:
    """Join a small instance at the top to the next one if no disc lies between them.

    Parameters
    ----------
    vert, spine
        Masks whose axis 1 runs from cranial to caudal.
    zoom
        Voxel spacing in mm.
    numerics
        ``seed`` measures the surface of both together instead of their contact.

    Returns
    -------
    bool
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
    # Heights grow from cranial to caudal: any disc above the second centroid parts the two.
    if component_centroids(components)[1:, HEIGHT_AXIS].min() < heights[second]:
        return False
    sizes = np.bincount(vert.ravel())
    if not sizes[first] < SPLIT_SHARE * sizes[second]:
        return False
    if upstream(numerics).top_joined_without_contact:
        # Labels 1 and 2 are background and both instances: their contact is the outer surface.
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
    """Join instances with hardly any body to the body or sacrum beside them. Not of SPINEPS.

    A body with less than `SLIVER_SHARE` of the median volume is no vertebra unless the border of
    the image cuts it off: it belongs to the body that it touches most, or to the sacrum.

    Parameters
    ----------
    vert, spine
        Masks whose axis 1 runs from cranial to caudal.
    zoom
        Voxel spacing in mm.

    Returns
    -------
    list of int
        Numbers that no longer occur.
    """
    bodies = np.where(np.isin(spine, (CORPUS_BORDER, CORPUS)), vert, 0)
    sizes = np.bincount(bodies.ravel())
    sizes[:1] = 0
    if np.count_nonzero(sizes) < MIN_BODIES:
        return []
    small = np.flatnonzero((sizes > 0) & (sizes < SLIVER_SHARE * np.median(sizes[sizes > 0])))
    at_border = np.unique(bodies[:, (0, -1)])
    sacrum = len(sizes)  # a number that no body has
    bodies[spine == SACRUM] = sacrum
    joined = []
    for number in (int(n) for n in small if n not in at_border):
        sliver = bodies == number
        near = pad_box(bounding_box(sliver), 1, bodies.shape)
        contacts = cc3d.contacts(np.ascontiguousarray(bodies[near]), connectivity=26)
        touched = {sum(pair) - number: n for pair, n in contacts.items() if number in pair}
        other = max(touched, key=touched.__getitem__, default=0)
        if other and touched[other] > area_voxels(CONTACT_MM2, zoom):
            if other == sacrum:
                spine[vert == number] = SACRUM
            vert[vert == number] = 0 if other == sacrum else other
            joined.append(number)
    if joined:
        logger.info("joined %d slivers of bone to the body or sacrum beside them", len(joined))
    return joined


def move_posterior_fragments(
    vert: NDArray[Any], spine: NDArray[Any], numerics: Numerics = "corrected"
) -> int:
    """Give detached pieces of arch or spinous process to the only other vertebra beside them.

    The second and third largest component of an instance move if they hold nothing but arcus
    and spinous process and their box, one voxel wider, shows exactly one other vertebra.

    Returns
    -------
    int
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
        for component in found[1 : 1 + MAX_FRAGMENTS]:
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
    """Number instances from cranial to caudal by the height of their centroids, in place.

    Parameters
    ----------
    first
        Number of the top vertebra.
    numerics
        Spare numbers follow after 25, because 26 is the sacrum; under ``spineps-2.1.3`` counting
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
