"""Discs and vertebrae as numbered components, from top to bottom.

Source: TotalSpineSeg 20251028, labeller (components, order, split vertebrae, extra label).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.components import BoolArray, Box
from .canal import span_lines
from .centreline import Points, anterior_mask, height_on_line, slice_centres, slice_centroids
from .components import bridged_components, sizes_of
from .masks import grow_through_faces, joint_box, label_boxes, label_mask
from .settings import Numerics
from .upstream import upstream


@dataclass
class Parts:
    """Components of discs and vertebrae in one array.

    Parameters
    ----------
    array
        Component numbers, 0 is background.
    discs
        Numbers of the discs.
    vertebrae
        Numbers of the vertebrae.
    raw
        Number to raw label, for vertebrae.
    """

    array: NDArray[Any]
    discs: list[int]
    vertebrae: list[int]
    raw: dict[int, int]

    def own_number(self, number: int) -> int:
        """Number of a component among those of its kind in the order they were found, from 1."""
        return number if number not in self.raw else number - min(self.raw) + 1

    def sizes(self) -> NDArray[np.int64]:
        """Number of voxels of each component; component n is entry n."""
        return sizes_of(self.array, max([0, *self.discs, *self.raw]))

    def renumber(self, table: NDArray[Any]) -> bool:
        """Give each component the number that a table holds for it; whether any number changed."""
        changed = bool((table != np.arange(len(table))).any())
        if changed:
            self.array[...] = table[self.array]
        return changed

    def add_vertebra(self, points: NDArray[np.integer[Any]], raw: int) -> None:
        """Make voxels, shape (voxels, 3), a vertebra of their own with a raw label."""
        number = max(self.raw) + 1
        kind = np.promote_types(self.array.dtype, np.min_scalar_type(number))
        self.array = self.array.astype(kind, copy=False)
        self.array[tuple(points.T)] = number
        self.vertebrae.append(number)
        self.raw[number] = raw

    def boxes(self) -> list[Box | None]:
        """Box of each component; component n is entry n - 1."""
        return list(ndimage.find_objects(self.array))


def find_parts(
    seg: NDArray[Any],
    disc_labels: Sequence[int],
    vertebrae_labels: Sequence[int],
    *,
    dilation: int = 1,
    min_voxels: int = 0,
) -> Parts:
    """Number the components of all discs together, then those of each vertebra label by itself.

    Parameters
    ----------
    seg
        Raw label map.
    dilation
        Voxels by which parts grow before components are found.
    min_voxels
        Smaller components are ignored.
    """
    boxes = label_boxes(seg)
    pieces: list[tuple[Box, NDArray[Any]]] = []
    kinds: list[list[int]] = []
    raw: dict[int, int] = {}
    last = 0
    for labels in (tuple(disc_labels), *((label,) for label in vertebrae_labels)):
        box = joint_box([boxes[v] for v in labels if v in boxes], dilation, seg.shape)
        numbers: list[int] = []
        if box is not None:
            components, count = bridged_components(label_mask(seg[box], labels), dilation)
            big = sizes_of(components, count)[1:] >= max(min_voxels, 1)
            numbers = list(range(last + 1, last + 1 + int(big.sum())))
            table = np.zeros(count + 1, dtype=np.min_scalar_type(last + len(big)))
            table[1:][big] = numbers
            pieces.append((box, table[components]))
        if kinds:
            raw.update(dict.fromkeys(numbers, labels[0]))
        kinds.append(numbers)
        last += len(numbers)
    array = np.zeros(seg.shape, dtype=np.min_scalar_type(last))
    for box, piece in pieces:
        array[box] += piece.astype(array.dtype, copy=False)
    return Parts(array, kinds[0], [n for group in kinds[1:] for n in group], raw)


class Heights:
    """Heights of components along the line through the canal.

    Parameters
    ----------
    canal
        Mask of canal and cord.
    origin
        Voxel of the whole image at which the arrays start. Distances are computed in coordinates
        of the whole image, so that cropping does not change their rounding.

    Attributes
    ----------
    front
        Whether a position (y, z) is in front of the centre of the canal.
    """

    def __init__(
        self, canal: BoolArray, origin: Sequence[int], numerics: Numerics = "corrected"
    ) -> None:
        rules = upstream(numerics)
        line, middle = slice_centres(canal)
        if not rules.centres_of_boxes and canal.any():
            line = slice_centroids(canal)
        self._origin = np.asarray(origin)
        self._line: Points = line + self._origin
        self.front = anterior_mask(middle, canal.shape[1])
        self._front_of_first_only = rules.front_of_first_only

    def sorted(self, parts: Parts, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """(height, number) of components, uppermost first.

        For components that extend in front of the centre of the canal, that part alone counts,
        because arches and processes lie lower than the body of their vertebra. The original does
        so only for the first component of each kind, and puts it at the first point of the line
        if it has no such part although another component has one.
        """
        boxes = parts.boxes()
        centres = {n: self._centres(parts.array, n, boxes[n - 1]) for n in numbers}
        any_front = any(front is not None for _, front in centres.values())
        keys = []
        for number, (centre, front) in centres.items():
            if not self._front_of_first_only:
                place = centre if front is None else front
            elif parts.own_number(number) == 1 and any_front:
                place = np.full(3, np.nan) if front is None else front
            else:
                place = centre
            keys.append((height_on_line(place, self._line), number))
        return sorted(keys, reverse=True)

    def distances(self, parts: Parts, numbers: Sequence[int]) -> NDArray[np.float64]:
        """Distance of each component from the canal; 0 above and below its ends."""
        if not len(numbers):
            return np.zeros(0)
        offsets = centres_of(parts, numbers)[:, None] + self._origin - self._line
        distance = np.linalg.norm(offsets, axis=2)
        height = self._line[distance.argmin(axis=1), 2]
        ends = self._line[:, 2].min(), self._line[:, 2].max()
        return np.where(np.isin(height, ends), 0.0, distance.min(axis=1))

    def _centres(
        self, array: NDArray[Any], number: int, box: Box | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Centre of mass of a component, and of its part in front of the canal."""
        assert box is not None
        mask = array[box] == number
        start = self._origin + [side.start for side in box]
        front = mask & self.front[box[1:]]
        return _centre(mask, start), _centre(front, start) if front.any() else None


def centres_of(parts: Parts, numbers: Sequence[int]) -> NDArray[np.float64]:
    """Centres of mass of components, shape (numbers, 3), in voxels."""
    boxes = label_boxes(parts.array)
    return np.array(
        [
            _centre(parts.array[boxes[n]] == n, np.array([side.start for side in boxes[n]]))
            for n in numbers
        ]
    )


def _centre(mask: BoolArray, start: NDArray[Any]) -> NDArray[np.float64]:
    """Mean voxel of a mask whose first voxel is `start`; exact sums of whole numbers."""
    count = int(mask.sum())
    sums = []
    for axis, first in enumerate(start):
        others = tuple(a for a in range(3) if a != axis)
        profile = mask.sum(axis=others)
        sums.append(int(profile @ np.arange(len(profile))) + count * int(first))
    return np.array(sums) / count


def merge_split_vertebrae(parts: Parts, order: Sequence[tuple[int, int]]) -> bool:
    """Join neighbouring components with the same raw label; whether any were joined.

    Neighbouring vertebrae have different raw labels, so two components with the same one are one
    vertebra.
    """
    table = np.arange(int(parts.array.max(initial=0)) + 1, dtype=parts.array.dtype)
    kept: int | None = None
    for _, number in order:
        if kept is not None and parts.raw[number] == parts.raw[kept]:
            table[number] = kept
            parts.vertebrae.remove(number)
        else:
            kept = number
    return parts.renumber(table)


def add_extra_voxels(parts: Parts, order: Sequence[tuple[int, int]], extra: BoolArray) -> None:
    """Give vertebra voxels of the extra label to the component that they lie in or beside.

    A component takes voxels that lie between two of its own along an axis, and those beside these.
    If two components could take a voxel, the upper one does.
    """
    if not extra.any():
        return
    boxes = label_boxes(parts.array)
    for number in (n for _, n in reversed(order)):
        wide = joint_box([boxes[number]], 1, parts.array.shape)
        assert wide is not None
        part = parts.array[wide]
        own = part == number
        reach = grow_through_faces(span_lines(own, 0) | span_lines(own, 1) | span_lines(own, 2), 1)
        part[reach & extra[wide]] = number
