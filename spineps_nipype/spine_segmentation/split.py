"""From the classes vertebra and disc to single vertebrae and discs.

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
from .discs import find_discs, parted_forks, whole_discs
from .long_pieces import long_parted, usual_size
from .names import DISC, SMALLEST_STRUCTURE, VERTEBRA
from .planes import below_plane, plane_normals
from .settings import Numerics
from .upstream import upstream

BESIDE: Final = 0.4
"""Part of the usual distance of two vertebrae below which they are one."""
SAME_HEIGHT, SAME_DEPTH = 0.5, 0.5
"""Two pieces of bone stand apart when they share more than such a part of the height of the lower,
and more than such a part of the depth of the thinner lies between them."""
REAL_VERTEBRA: Final = 0.5
"""Share of the usual vertebra from which on a separate part is a vertebra of its own."""
NEAR: Final = 3
"""Vertebrae on either side that give the usual size: those of the neck are small."""


@dataclass(frozen=True)
class Split:
    """Instances from top to bottom.

    Parameters
    ----------
    vertebrae, discs
        Number 1, 2, ... of each voxel, 0 elsewhere; int16.
    """

    vertebrae: NDArray[np.int16]
    discs: NDArray[np.int16]

    @property
    def instances(self) -> NDArray[np.int16]:
        """Vertebra v as 2v - 1 and disc d as 2d, as the original numbers them."""
        vertebrae, discs = self.vertebrae, self.discs
        return np.where(vertebrae > 0, 2 * vertebrae - 1, 2 * discs).astype(np.int16)


def split_instances(semantic: NDArray[Any], *, numerics: Numerics = "corrected") -> Split:
    """Part the vertebrae by planes through the discs.

    Parameters
    ----------
    semantic
        0 background, 1 vertebra, 2 disc.
    numerics
        Corrected: pieces of discs part nothing, and a plane parts only what its own disc is the
        nearest to, so that one plane askew cuts no distant body; every vertebra is one piece; what
        a plane cuts off a neighbour returns to it, loose fragments are deleted, and parts of the
        spine that do not touch stay. Under ``original`` every plane cuts everything,
        and only the largest 26-connected component of everything stays.

    Raises
    ------
    InputError
        If there are other labels.
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
    if upstream(numerics).every_plane_cuts_all:
        return _split_largest(semantic, numerics)
    bone = semantic == VERTEBRA
    discs, centres = whole_discs(*parted_forks(*find_discs(semantic), bone))
    slots = _slots_near(bone, centres, _normals(discs, centres, numerics))
    return Split(long_parted(_beside_joined(_tidy(slots))), discs)


def _split_largest(semantic: NDArray[Any], numerics: Numerics) -> Split:
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
    slots = _slots(kept == VERTEBRA, centres, _normals(discs, centres, numerics))
    return Split(slots, discs)


def _normals(
    discs: NDArray[np.int16], centres: NDArray[np.float64], numerics: Numerics
) -> NDArray[np.float64]:
    if len(centres) == 1:
        return _flat_side(np.argwhere(discs == 1))
    return plane_normals(centres, numerics)


def _flat_side(points: NDArray[Any]) -> NDArray[np.float64]:
    """Direction in the sagittal plane in which a single disc is thinnest, upward."""
    spread = np.cov(points[:, 1:].T.astype(float))
    thin = np.linalg.eigh(spread)[1][:, 0]
    if thin[1] < 0:
        thin = -thin
    return np.array([[0.0, thin[0], thin[1]]])


def _slots(
    bone: NDArray[np.bool_], centres: NDArray[np.float64], normals: NDArray[np.float64]
) -> NDArray[np.int16]:
    """For every vertebra voxel, 1 + the number of disc planes above it."""
    points = np.argwhere(bone)
    number = np.ones(len(points), dtype=np.int16)
    for centre, normal in zip(centres, normals, strict=True):
        number += below_plane(points, centre, normal)
    out = np.zeros(bone.shape, dtype=np.int16)
    out[tuple(points.T)] = number
    return out


def _slots_near(
    bone: NDArray[np.bool_], centres: NDArray[np.float64], normals: NDArray[np.float64]
) -> NDArray[np.int16]:
    """As `_slots`, each voxel by the plane of the disc that is nearest in its slice."""
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


def _tidy(slots: NDArray[np.int16]) -> NDArray[np.int16]:
    """One number for each connected vertebra, fragments deleted, counted from the top.

    Two large parts between the same pair of discs, one above the other, are two vertebrae whose
    disc was not found; where they stand apart at one height, the smaller is none.
    """
    components, count = label_components(slots, 3)
    boxes = ndimage.find_objects(components)
    sizes = component_sizes(components, count)
    heights = component_centroids(components)[:, 2]
    slot_of = np.zeros(count + 1, dtype=int)
    slot_of[components.ravel()] = slots.ravel()
    slot_of[0] = 0
    members = [np.flatnonzero(slot_of == s) for s in np.unique(slot_of[1:])]
    largest = np.array([sizes[parts].max() for parts in members])
    number = np.zeros(count + 1, dtype=np.int16)
    following = 1
    for place, parts in enumerate(members):
        usual = usual_size(largest[max(place - NEAR, 0) : place + NEAR + 1])
        kept: list[int] = []
        for p in sorted(parts.tolist(), key=lambda p: -sizes[p]):
            large = not kept or sizes[p] >= REAL_VERTEBRA * usual
            if large and not any(_apart(boxes[p - 1], boxes[k - 1]) for k in kept):
                kept.append(p)
        for part in sorted(kept, key=lambda p: -heights[p]):
            number[part] = following
            following += 1
    return _slivers_joined(number[components], slots != 0)


def _apart(box: tuple[slice, ...], other: tuple[slice, ...]) -> bool:
    """Whether two boxes lie at the same height, with room for more than half of one between."""
    (_, deep, high), (_, other_deep, other_high) = box, other
    shared = min(high.stop, other_high.stop) - max(high.start, other_high.start)
    gap = max(deep.start, other_deep.start) - min(deep.stop, other_deep.stop)
    lower = min(high.stop - high.start, other_high.stop - other_high.start)
    thinner = min(deep.stop - deep.start, other_deep.stop - other_deep.start)
    return bool(shared > SAME_HEIGHT * lower and gap > SAME_DEPTH * thinner)


def _beside_joined(vertebrae: NDArray[np.int16]) -> NDArray[np.int16]:
    """One number for what lies side by side, none for specks."""
    count = int(vertebrae.max())
    if count < 3:
        return vertebrae
    sizes, middles = component_sizes(vertebrae, count), component_centroids(vertebrae)[:, 1:]
    real = [n for n in range(1, count + 1) if sizes[n] >= SMALLEST_STRUCTURE]
    gaps = np.linalg.norm(np.diff(middles[real], axis=0), axis=1)
    number = np.zeros(count + 1, dtype=np.int16)
    following = 0
    for place, n in enumerate(real):
        around = gaps[max(place - 3, 0) : place + 2]
        beside = place > 0 and gaps[place - 1] < BESIDE * np.median(around)
        following += not beside
        number[n] = following
    return number[vertebrae]


def _slivers_joined(vertebrae: NDArray[np.int16], bone: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Give parts that a plane has cut off to the vertebra they touch most; delete the others."""
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
