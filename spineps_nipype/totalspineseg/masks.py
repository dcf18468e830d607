"""Masks and boxes of labels, and growth of masks; fast whatever the size of the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.components import BoolArray, Box


def label_mask(seg: NDArray[Any], labels: Iterable[int]) -> BoolArray:
    """Mask of the voxels that have one of the labels, in C order; for unsigned label maps."""
    table = np.zeros(np.iinfo(seg.dtype).max + 1 if seg.itemsize < 4 else 0, dtype=bool)
    if not len(table):
        return np.ascontiguousarray(np.isin(seg, list(labels)))
    table[[label for label in labels if 0 <= label < len(table)]] = True
    return np.ascontiguousarray(table[seg])


def label_boxes(seg: NDArray[Any]) -> dict[int, Box]:
    """Box of each label that occurs."""
    found: Sequence[Box | None] = ndimage.find_objects(seg)
    return {label: box for label, box in enumerate(found, start=1) if box is not None}


def joint_box(boxes: Iterable[Box], margin: int, shape: Sequence[int]) -> Box | None:
    """Box around several boxes, widened by a margin in voxels and clipped; None without any."""
    all_boxes = list(boxes)
    if not all_boxes:
        return None
    sides = []
    for axis, size in enumerate(shape):
        start = min(box[axis].start for box in all_boxes) - margin
        stop = max(box[axis].stop for box in all_boxes) + margin
        sides.append(slice(max(start, 0), min(stop, size)))
    return sides[0], sides[1], sides[2]


def box_of_labels(
    seg: NDArray[Any], boxes: Mapping[int, Box], labels: Iterable[int]
) -> Box | None:
    """Box around some labels of a map, of which `boxes` has those that occur; None without any."""
    return joint_box([boxes[label] for label in labels if label in boxes], 0, seg.shape)


def grow_through_faces(mask: BoolArray, voxels: int) -> BoolArray:
    """Grow a mask through faces by a number of voxels."""
    out = mask.copy()
    for _ in range(voxels):
        before = out.copy()
        for axis in range(mask.ndim):
            upper: list[slice] = [slice(None)] * mask.ndim
            lower = list(upper)
            upper[axis], lower[axis] = slice(1, None), slice(None, -1)
            out[tuple(upper)] |= before[tuple(lower)]
            out[tuple(lower)] |= before[tuple(upper)]
    return out
