"""Canal and cord in one piece, behind the discs, without gaps between them.

Source: TotalSpineSeg 20251028, filling of the canal; which pieces lie behind the discs is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..core.components import (
    BoolArray,
    component_centroids,
    component_sizes,
    label_components,
)
from .components import largest_of_mask
from .labels import CANAL, CORD
from .masks import box_of_labels, label_boxes, label_mask
from .settings import Numerics
from .upstream import upstream

MIN_DISC_SHARE: Final = 0.02
"""Share of all disc voxels that a piece of the canal must be the nearest one of. Chosen: the discs
of the neck, between which and the others a canal may be in two, have a twentieth."""
LARGEST_GAP_MM: Final = 30.0
"""Largest gap between two pieces of one canal, about one vertebra. Chosen."""


def drop_false_canal(
    seg: NDArray[Any], canal_labels: Sequence[int], disc_labels: Sequence[int]
) -> NDArray[Any]:
    """Delete pieces of canal and cord that are none, such as skin or bowel in a wide view.

    The canal is the piece that most of the discs are nearest to, and what goes on from there
    beside other discs.

    Parameters
    ----------
    seg
        Raw classes, voxels of 1 mm.

    Returns
    -------
    array
        A new label map; without canal or without discs the same one.
    """
    boxes = label_boxes(seg)
    canal_box = box_of_labels(seg, boxes, canal_labels)
    disc_box = box_of_labels(seg, boxes, disc_labels)
    if canal_box is None or disc_box is None:
        return seg
    pieces, count = label_components(label_mask(seg[canal_box], canal_labels), 3)
    discs, disc_count = label_components(label_mask(seg[disc_box], disc_labels), 3)
    places = np.argwhere(pieces)
    numbers = pieces[tuple(places.T)]
    shift = [disc.start - canal.start for disc, canal in zip(disc_box, canal_box, strict=True)]
    nearest = cKDTree(places).query(component_centroids(discs)[1:] + shift)[1]
    sizes = component_sizes(discs, disc_count)[1:]
    beside = np.bincount(numbers[nearest], weights=sizes, minlength=count + 1)
    doubtful = [n for n in np.argsort(-beside) if beside[n] >= MIN_DISC_SHARE * sizes.sum()]
    canal = [doubtful.pop(0)]
    while doubtful:
        tree = cKDTree(places[np.isin(numbers, canal)])
        near = [n for n in doubtful if _gap(tree, places[numbers == n]) <= LARGEST_GAP_MM]
        if not near:
            break
        canal += near
        doubtful = [n for n in doubtful if n not in near]
    out = seg.copy()
    out[canal_box][(pieces > 0) & ~np.isin(pieces, canal)] = 0
    return out


def _gap(tree: cKDTree, places: NDArray[np.intp]) -> float:
    """Distance of the nearest of some places."""
    return float(tree.query(places)[0].min())


def fill_canal(
    seg: NDArray[Any],
    *,
    canal: int = CANAL,
    cord: int = CORD,
    largest_canal: bool = True,
    largest_cord: bool = True,
    numerics: Numerics = "corrected",
) -> NDArray[Any]:
    """Clean and fill the canal.

    Parameters
    ----------
    seg
        Label map, array axes right, anterior, superior.
    canal, cord
        Their labels; the canal excludes the cord.
    largest_canal, largest_cord
        Keep the largest 26-connected component only: other cord becomes canal, other canal is
        deleted.
    numerics
        Gaps inside the outline of canal and cord become canal if they are empty; under
        ``original`` also where there is another structure.

    Returns
    -------
    array
        A new label map.
    """
    out = seg.copy()
    boxes = label_boxes(seg)
    box = box_of_labels(seg, boxes, (canal, cord))
    if box is None:
        return out
    part = out[box]
    if largest_cord and cord in boxes:
        core = part == cord
        part[core & ~largest_of_mask(core)] = canal
    both = label_mask(part, (canal, cord))
    if largest_canal and (part == canal).any():
        kept = largest_of_mask(both)
        part[both & ~kept] = 0
        both = kept
    gap = span_lines(both, 0) & span_lines(both, 1) & (part != cord)
    if not upstream(numerics).canal_over_others:
        gap &= part == 0
    part[gap] = canal
    return out


def span_lines(mask: BoolArray, axis: int) -> BoolArray:
    """Voxels from the first to the last voxel of the mask on each line along an axis."""
    before = np.logical_or.accumulate(mask, axis=axis)
    after = np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis=axis), axis)
    return np.asarray(before & after)
