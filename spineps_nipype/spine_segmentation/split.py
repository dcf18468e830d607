"""Splitting the class vertebra into single vertebrae, by planes through the discs.

Each voxel of bone gets a level, which is the number of disc planes above it; connected parts of a
level are vertebrae, or what the planes cut off from them.

Arrays have the axes sagittal slice, posterior to anterior, inferior to superior.
Source: spine-segmentation 0.3.2, instance splitting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from ..core.components import component_centroids, component_sizes, dilate, label_components
from ..errors import EmptyResultError, InputError
from .discs import drop_disc_fragments, find_discs, split_forked_discs
from .long_pieces import size_weighted_median, split_long_pieces
from .names import DISC, MIN_STRUCTURE_VOXELS, VERTEBRA
from .planes import below_plane, plane_normals
from .settings import Numerics
from .upstream import upstream

BESIDE_DISTANCE: Final = 0.4
"""Distance of two pieces, as a share of the usual one, below which they are one vertebra."""
SHARED_HEIGHT, GAP_DEPTH = 0.5, 0.5
"""Two pieces stand apart at the same height if they share more than the first of the height of the
lower one, and the gap between them is more than the second of the depth of the thinner one."""
MIN_VERTEBRA_SHARE: Final = 0.5
"""Share of the usual size of a vertebra from which on a separate piece is one of its own."""
NEIGHBOURS: Final = 3
"""Levels on either side that give the usual size: cervical vertebrae are small."""


@dataclass(frozen=True)
class Split:
    """Instances from top to bottom.

    Parameters
    ----------
    vertebrae, discs
        Number 1, 2, … of each voxel, 0 elsewhere; int16.
    """

    vertebrae: NDArray[np.int16]
    discs: NDArray[np.int16]

    @property
    def instances(self) -> NDArray[np.int16]:
        """Vertebra v as 2v - 1 and disc d as 2d, as the original numbers them."""
        vertebrae, discs = self.vertebrae, self.discs
        return np.where(vertebrae > 0, 2 * vertebrae - 1, 2 * discs).astype(np.int16)


def split_instances(semantic: NDArray[Any], *, numerics: Numerics = "corrected") -> Split:
    """Split the vertebrae by planes through the discs.

    Parameters
    ----------
    semantic
        0 background, 1 vertebra, 2 disc.
    numerics
        Corrected: fragments of discs are ignored, and a plane cuts only voxels to which its disc
        is the nearest, so that a tilted plane does not cut distant bodies. Every vertebra is one
        piece: parts that a plane cuts off are joined to the vertebra that they touch, loose
        fragments are deleted. All parts of the spine stay, even if they do not touch. Under
        ``original`` every plane cuts everything, and only the largest 26-connected component of
        bone and discs stays.

    Raises
    ------
    InputError
        If the mask holds other labels.
    EmptyResultError
        If there is no vertebra, or under ``original`` no disc.
    """
    foreign = sorted(set(np.unique(semantic).tolist()) - {0, VERTEBRA, DISC})
    if foreign:
        raise InputError(
            f"The mask holds the labels {foreign} beside 0, 1 (vertebra) and 2 (disc).",
            remedy="Give the result of the two-class network.",
        )
    if not (semantic == VERTEBRA).any():
        raise EmptyResultError(
            "No vertebra was found.", remedy="Check orientation and contrast of the image."
        )
    rules = upstream(numerics)
    if rules.every_plane_cuts_all:
        return _split_largest(semantic, numerics)
    bone = semantic == VERTEBRA
    discs, centres = find_discs(semantic)
    if not rules.forked_discs_whole:
        discs, centres = split_forked_discs(discs, centres, bone)
    if not rules.disc_fragments_numbered:
        discs, centres = drop_disc_fragments(discs, centres)
    levels = _levels_by_nearest_disc(bone, centres, _normals(discs, centres, numerics))
    vertebrae = _number_pieces(levels)
    if not rules.side_by_side_numbered:
        vertebrae = _join_side_by_side(vertebrae)
    if not rules.long_pieces_whole:
        vertebrae = split_long_pieces(vertebrae)
    return Split(vertebrae, discs)


def _split_largest(semantic: NDArray[Any], numerics: Numerics) -> Split:
    """The rules of the original: planes cut the whole of the largest component."""
    components, count = label_components(semantic != 0, 3)
    sizes = component_sizes(components, count)
    sizes[0] = 0
    kept = np.where(components == sizes.argmax(), semantic, 0)
    discs, centres = find_discs(kept)
    if not len(centres):
        raise EmptyResultError(
            "No disc was found, so vertebrae cannot be told apart.",
            remedy="The corrected rules accept such an image.",
        )
    levels = _levels_by_all_planes(kept == VERTEBRA, centres, _normals(discs, centres, numerics))
    return Split(levels, discs)


def _normals(
    discs: NDArray[np.int16], centres: NDArray[np.float64], numerics: Numerics
) -> NDArray[np.float64]:
    """Upward normals of the disc planes; a single disc tells its own direction."""
    if len(centres) == 1:
        return _flat_side(np.argwhere(discs == 1))
    return plane_normals(centres, numerics)


def _flat_side(points: NDArray[Any]) -> NDArray[np.float64]:
    """Upward direction, within the sagittal plane, in which a disc is thinnest."""
    spread = np.cov(points[:, 1:].T.astype(float))
    thin = np.linalg.eigh(spread)[1][:, 0]
    if thin[1] < 0:
        thin = -thin
    return np.array([[0.0, thin[0], thin[1]]])


def _levels_by_all_planes(
    bone: NDArray[np.bool_], centres: NDArray[np.float64], normals: NDArray[np.float64]
) -> NDArray[np.int16]:
    """Level of every voxel of bone: 1 + the number of disc planes above it."""
    points = np.argwhere(bone)
    number = np.ones(len(points), dtype=np.int16)
    for centre, normal in zip(centres, normals, strict=True):
        number += below_plane(points, centre, normal)
    out = np.zeros(bone.shape, dtype=np.int16)
    out[tuple(points.T)] = number
    return out


def _levels_by_nearest_disc(
    bone: NDArray[np.bool_], centres: NDArray[np.float64], normals: NDArray[np.float64]
) -> NDArray[np.int16]:
    """Level of every voxel of bone by a single plane: that of the nearest disc in its slice."""
    points = np.argwhere(bone)
    out = np.zeros(bone.shape, dtype=np.int16)
    if len(centres) == 0:
        out[bone] = 1
        return out
    nearest = cKDTree(centres[:, 1:]).query(points[:, 1:])[1]
    lower = np.empty(len(points), dtype=bool)
    for disc, (centre, normal) in enumerate(zip(centres, normals, strict=True)):
        own = nearest == disc
        lower[own] = below_plane(points[own], centre, normal)
    out[tuple(points.T)] = 1 + nearest + lower
    return out


def _number_pieces(levels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Number the vertebrae from the top and delete fragments.

    Of each level, the largest connected piece is a vertebra. Another large piece above or below it
    is a vertebra, too, because a disc was missed between them; if both stand apart at the same
    height, it is not.
    """
    components, count = label_components(levels, 3)
    boxes = ndimage.find_objects(components)
    sizes = component_sizes(components, count)
    heights = component_centroids(components)[:, 2]
    level_of = np.zeros(count + 1, dtype=int)
    level_of[components.ravel()] = levels.ravel()
    level_of[0] = 0
    members = [np.flatnonzero(level_of == s) for s in np.unique(level_of[1:])]
    largest = np.array([sizes[parts].max() for parts in members])
    number = np.zeros(count + 1, dtype=np.int16)
    following = 1
    for place, parts in enumerate(members):
        usual = size_weighted_median(largest[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS + 1])
        kept: list[int] = []
        for p in sorted(parts.tolist(), key=lambda p: -sizes[p]):
            # The largest piece always counts: the vertebra may be cut off by the border.
            large = not kept or sizes[p] >= MIN_VERTEBRA_SHARE * usual
            if large and not any(_stand_apart(boxes[p - 1], boxes[k - 1]) for k in kept):
                kept.append(p)
        for part in sorted(kept, key=lambda p: -heights[p]):
            number[part] = following
            following += 1
    return _join_cut_off_parts(number[components], levels != 0)


def _stand_apart(box: tuple[slice, ...], other: tuple[slice, ...]) -> bool:
    """Whether two boxes lie at the same height with a wide gap between them."""
    (_, deep, high), (_, other_deep, other_high) = box, other
    shared = min(high.stop, other_high.stop) - max(high.start, other_high.start)
    gap = max(deep.start, other_deep.start) - min(deep.stop, other_deep.stop)
    lower = min(high.stop - high.start, other_high.stop - other_high.start)
    thinner = min(deep.stop - deep.start, other_deep.stop - other_deep.start)
    return bool(shared > SHARED_HEIGHT * lower and gap > GAP_DEPTH * thinner)


def _join_side_by_side(vertebrae: NDArray[np.int16]) -> NDArray[np.int16]:
    """Give one number to pieces side by side, and none to specks."""
    count = int(vertebrae.max())
    if count < 3:
        return vertebrae
    sizes, middles = component_sizes(vertebrae, count), component_centroids(vertebrae)[:, 1:]
    real = [n for n in range(1, count + 1) if sizes[n] >= MIN_STRUCTURE_VOXELS]
    gaps = np.linalg.norm(np.diff(middles[real], axis=0), axis=1)
    number = np.zeros(count + 1, dtype=np.int16)
    following = 0
    for place, n in enumerate(real):
        around = gaps[max(place - 3, 0) : place + 2]
        beside = place > 0 and gaps[place - 1] < BESIDE_DISTANCE * np.median(around)
        following += not beside
        number[n] = following
    return number[vertebrae]


def _join_cut_off_parts(
    vertebrae: NDArray[np.int16], bone: NDArray[np.bool_]
) -> NDArray[np.int16]:
    """Give bone without a number to the vertebra that it touches most; delete it without one."""
    rest, count = label_components(bone & (vertebrae == 0), 3)
    out = vertebrae.copy()
    for index, place in enumerate(ndimage.find_objects(rest)[:count], start=1):
        box = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in place)
        part = rest[box] == index
        rim = vertebrae[box][dilate(part, 1, 3)]
        contact = np.bincount(rim[rim > 0])
        if contact.size:
            out[box][part] = contact.argmax()
    return out
