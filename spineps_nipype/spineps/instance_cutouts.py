"""Cut-outs around seeds, and the predictions made from them.

Source: SPINEPS 2.1.3, instance phase, cut-outs. Arrays are (P, I, R).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from numpy.typing import NDArray

from ..core.components import Box, bounding_box, components_by_size
from .instance_seeds import Point

SEED_STEP: Final = 5
"""Voxels by which a seed on background moves down until it meets a vertebra."""

Key = tuple[int, int]
"""Number of the seed, and position of the vertebra: 0 above it, 1 at it, 2 below it."""


@dataclass(frozen=True)
class Window:
    """Position of a cut-out in the volume, and how it is padded to its size.

    Parameters
    ----------
    box
        Part of the volume.
    inner
        The same part in the coordinates of the cut-out.
    size
        Size of the cut-out in voxels.
    """

    box: Box
    inner: Box
    size: tuple[int, int, int]

    @property
    def start(self) -> tuple[int, int, int]:
        """First voxel of the cut-out in coordinates of the volume; may lie outside it."""
        p, i, r = (b.start - n.start for b, n in zip(self.box, self.inner, strict=True))
        return p, i, r

    def cut(self, volume: NDArray[Any]) -> NDArray[Any]:
        """The cut-out; outside the volume it is 0."""
        out = np.zeros(self.size, dtype=volume.dtype)
        out[self.inner] = volume[self.box]
        return out


@dataclass(frozen=True)
class Prediction:
    """Mask of a vertebra predicted from one cut-out, in a tight box of the volume."""

    box: Box
    mask: NDArray[np.bool_]
    size: int


def map_labels(semantic: NDArray[Any], mapping: Mapping[int, int]) -> NDArray[np.uint8]:
    """Labels that the instance network knows; labels that are not mapped become 0."""
    table = np.zeros(int(max(semantic.max(initial=0), *mapping)) + 1, dtype=np.uint8)
    for source, target in mapping.items():
        table[source] = target
    return np.asarray(table[semantic])


def place_seed(volume: NDArray[Any], seed: Point) -> tuple[int, int, int]:
    """Voxel of a seed, moved down in steps of 5 voxels until it lies on a vertebra."""
    p, start, r = (int(v) for v in seed)
    for i in range(start, volume.shape[1], SEED_STEP):
        if volume[p, i, r]:
            return p, i, r
    return p, start, r


def window_at(centre: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> Window:
    """Window of 2 * (size // 2) voxels around a centre."""
    box, inner, full = [], [], []
    for c, s, n in zip(centre, size, shape, strict=True):
        half = s // 2
        low, high = max(c - half, 0), min(c + half, n)
        box.append(slice(low, high))
        inner.append(slice(low - (c - half), high - (c - half)))
        full.append(2 * half)
    return Window(
        (box[0], box[1], box[2]), (inner[0], inner[1], inner[2]), (full[0], full[1], full[2])
    )


def reorient_array(
    array: NDArray[Any], source: Sequence[str], target: Sequence[str]
) -> NDArray[Any]:
    """Flip and permute the axes of an array from one orientation to another."""
    if tuple(source) == tuple(target):
        return array
    change = ornt_transform(axcodes2ornt(tuple(source)), axcodes2ornt(tuple(target)))
    return np.ascontiguousarray(apply_orientation(array, change))


def collect_predictions(
    seed_number: int, window: Window, labels: NDArray[np.uint8], largest_k: int
) -> dict[Key, Prediction]:
    """Predictions of one cut-out, at most three.

    Parameters
    ----------
    labels
        Result of the network on the cut-out: 1 vertebra above, 2 in the centre, 3 below.
    largest_k
        Number of components of each prediction to keep, largest first; 0 for all.
    """
    inside = labels[window.inner]
    found: dict[Key, Prediction] = {}
    for position in range(3):
        mask = inside == position + 1
        if largest_k > 0:
            components, _ = components_by_size(mask, 3)
            mask = (components > 0) & (components <= largest_k)
        if not mask.any():
            continue
        tight = bounding_box(mask)
        box = tuple(
            slice(w.start + t.start, w.start + t.stop)
            for w, t in zip(window.box, tight, strict=True)
        )
        part = mask[tight].copy()
        found[seed_number, position] = Prediction((box[0], box[1], box[2]), part, int(part.sum()))
    return found


def draw_predictions(predictions: Mapping[Key, Prediction], box: Box) -> NDArray[np.uint8]:
    """Predictions of a cut-out as labels in a box of the volume: 1 above, 2 centre, 3 below."""
    out = np.zeros([side.stop - side.start for side in box], dtype=np.uint8)
    for (_, position), found in predictions.items():
        inner = tuple(
            slice(f.start - b.start, f.stop - b.start) for f, b in zip(found.box, box, strict=True)
        )
        out[inner][found.mask] = position + 1
    return out
