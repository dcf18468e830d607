"""Label maps on another grid with smooth borders. Source: ours.

Nearest sampling makes steps where two grids do not fit. Here every label is weighed trilinearly
between the eight voxels around a position, and the heaviest one stands there.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CORNERS: Final = tuple(np.ndindex(2, 2, 2))
TIE: Final = 1e-6
"""Difference of weights below which labels are equally heavy."""
AT_ONCE: Final = 2**19
"""Voxels that are weighed together, which bounds the memory."""


def heaviest_labels(
    nearest: NDArray[Any], source: NDArray[Any], matrix: NDArray[np.float64]
) -> NDArray[Any]:
    """Labels by trilinear weight, from those by nearest sampling.

    Parameters
    ----------
    nearest
        Target grid, sampled from `source` by the nearest voxel; 0 outside of it.
    source
        Label map, 0 for background, which is weighed like a label.
    matrix
        Voxel positions of the target to those of the source, (4, 4).

    Returns
    -------
    array
        As `nearest`, changed only where labels meet; of equally heavy labels the nearest stays.
    """
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
    for start in range(0, voxels.shape[1], AT_ONCE):
        some = voxels[:, start : start + AT_ONCE]
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
