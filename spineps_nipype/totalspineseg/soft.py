"""Soft maps of cord and canal: probabilities in and near their labels.

Source: TotalSpineSeg 20251028, soft segmentations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import bounding_box
from .components import largest_of_mask
from .masks import grow_through_faces, label_mask


def extract_soft(
    probability: NDArray[Any],
    seg: NDArray[Any],
    labels: Sequence[int],
    *,
    dilation: int = 1,
    largest: bool = False,
) -> NDArray[np.float32]:
    """Probability of a structure in and near its labels, 0 elsewhere.

    Parameters
    ----------
    probability
        Probability on the grid of `seg`, in its axis order.
    seg
        Post-processed label map.
    labels
        Labels of the structure.
    dilation
        Voxels by which the labels grow through faces.
    largest
        Use only the largest 26-connected component of the labels.
    """
    mask = label_mask(seg, labels)
    if largest:
        mask = largest_of_mask(mask)
    out = np.zeros(seg.shape, dtype=np.float32)
    if mask.any():
        box = bounding_box(mask, dilation)
        near = grow_through_faces(mask[box], dilation)
        out[box][near] = probability[box][near]
    return out
