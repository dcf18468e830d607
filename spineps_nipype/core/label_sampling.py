"""Resampling of label maps with smooth borders. Source: ours.

Nearest-neighbour sampling leaves steps where two grids do not match. Here every label among the
eight voxels around a position gets the sum of their trilinear weights, and the heaviest one wins.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CORNERS: Final = tuple(np.ndindex(2, 2, 2))
TIE: Final = 1e-6
"""Difference of weights below which labels count as equally heavy."""
CHUNK_VOXELS: Final = 2**19
"""Voxels that are processed at a time, which bounds the memory."""


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
    # Away from a border all eight voxels agree, so only positions near one are computed.
    change = ndimage.maximum_filter(source, 3) != ndimage.minimum_filter(source, 3)
    at = ndimage.affine_transform(
        change.view(np.uint8),
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=nearest.shape,
        order=0,
        mode="grid-constant",
        cval=0,
    )
    voxels = np.stack(np.nonzero(at))
    out = nearest.copy()
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
