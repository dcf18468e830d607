"""Resampling of label maps: by the nearest voxel, and with smooth borders. Source: ours.

Nearest-neighbour sampling leaves steps where two grids do not match. There every label among the
eight voxels around a position gets the sum of their trilinear weights, and the heaviest one wins.
Most of an image is far from the labels: only the box around them is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .components import Box, bounding_box

CORNERS: Final = tuple(np.ndindex(2, 2, 2))
TIE: Final = 1e-6
"""Difference of weights below which labels count as equally heavy."""
CHUNK_VOXELS: Final = 2**19
"""Voxels that are processed at a time, which bounds the memory."""


def nearest_labels(
    source: NDArray[Any], matrix: NDArray[np.float64], shape: Sequence[int]
) -> NDArray[Any]:
    """Labels of the nearest voxels, 0 outside of the source.

    The same voxels as by `scipy.ndimage.affine_transform` with order 0 and the mode
    ``grid-constant``, positions half-way between two voxels included.

    Parameters
    ----------
    source
        Label map.
    matrix
        Voxel positions of the target to those of the source, (4, 4).
    shape
        Voxels of the target.
    """
    out = np.zeros(tuple(shape), dtype=source.dtype)
    if not source.any():
        return out
    box = _box_in_target(bounding_box(source), matrix, shape)
    steps = np.ogrid[box]
    inside, voxels = np.True_, []
    for size, row in zip(source.shape, matrix, strict=False):
        # Sums in this order round as those of SciPy; adding 0 would change nothing.
        place = row[3]
        for factor, step in zip(row[:3], steps, strict=True):
            place = place + factor * step if factor else place
        voxel = np.floor(place + 0.5).astype(np.intp)
        inside = inside & (voxel >= 0) & (voxel < size)
        voxels.append(np.clip(voxel, 0, size - 1))
    out[box] = np.where(inside, source[tuple(voxels)], 0)
    return out


def _box_in_target(box: Box, matrix: NDArray[np.float64], shape: Sequence[int]) -> Box:
    """Box of the target with every voxel that may be nearest to one in a box of the source."""
    ends = np.array(list(product(*((side.start - 1, side.stop) for side in box))), float)
    to_target = np.linalg.inv(matrix)
    places = ends @ to_target[:3, :3].T + to_target[:3, 3]
    low = np.clip(np.floor(places.min(axis=0)).astype(int), 0, shape)
    high = np.clip(np.ceil(places.max(axis=0)).astype(int) + 1, 0, shape)
    first, second, third = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return first, second, third


def heaviest_labels(
    nearest: NDArray[Any], source: NDArray[Any], matrix: NDArray[np.float64]
) -> NDArray[Any]:
    """Labels of the greatest trilinear weight, given those of the nearest voxels.

    Parameters
    ----------
    nearest
        Target grid, sampled from `source` by the nearest voxel; 0 outside of it.
    source
        Label map; 0 is background and is weighted like any label.
    matrix
        Voxel positions of the target to those of the source, (4, 4).

    Returns
    -------
    array
        As `nearest`, changed only where labels meet; among equally heavy labels the nearest wins.
    """
    out = nearest.copy()
    if not source.any():
        return out
    # Away from a border all eight voxels agree, so only positions near one are computed.
    box, change = bounding_box(source, 1), np.zeros(source.shape, bool)
    labels = source[box]
    change[box] = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
    at = nearest_labels(change, matrix, nearest.shape)
    voxels = np.stack(np.nonzero(at))
    for start in range(0, voxels.shape[1], CHUNK_VOXELS):
        some = voxels[:, start : start + CHUNK_VOXELS]
        place = matrix[:3, :3] @ some + matrix[:3, 3:]
        out[tuple(some)] = _heaviest(nearest[tuple(some)], source, place)
    return out


def _heaviest(
    nearest: NDArray[Any], source: NDArray[Any], place: NDArray[np.float64]
) -> NDArray[Any]:
    """Heaviest label at every place (3, n), in voxels of the source."""
    size = np.array(source.shape)[:, None]
    place = np.clip(place, 0, size - 1)
    low = np.minimum(place.astype(np.intp), np.maximum(size - 2, 0))
    part = place - low
    corners, weights = [], []
    for corner in CORNERS:
        step = np.array(corner)[:, None]
        corners.append(source[tuple(np.minimum(low + step, size - 1))])
        weights.append(np.where(step, part, 1 - part).prod(axis=0))
    chosen: NDArray[Any] = corners[0].copy()
    (mixed,) = np.nonzero(np.any([corner != chosen for corner in corners[1:]], axis=0))
    if mixed.size:
        chosen[mixed] = _heaviest_of(
            nearest[mixed], [c[mixed] for c in corners], [w[mixed] for w in weights]
        )
    return chosen


def _heaviest_of(
    nearest: NDArray[Any], corners: list[NDArray[Any]], weights: list[NDArray[np.float64]]
) -> NDArray[Any]:
    """Heaviest label of the eight voxels around each place, (n,); the nearest if it is a tie."""
    chosen = nearest
    best = _weight(chosen, corners, weights) + TIE
    for label in corners:
        weight = _weight(label, corners, weights)
        better = weight > best
        chosen = np.where(better, label, chosen)
        best = np.where(better, weight + TIE, best)
    return chosen


def _weight(
    label: NDArray[Any], corners: list[NDArray[Any]], weights: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Weight of a label at every place."""
    return sum(
        (
            np.where(corner == label, weight, 0)
            for corner, weight in zip(corners, weights, strict=True)
        ),
        start=np.zeros(len(label)),
    )
