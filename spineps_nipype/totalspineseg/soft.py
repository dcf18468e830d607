"""Soft maps of cord and canal: probabilities in and near their labels.

Source: TotalSpineSeg 20251028, soft segmentations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import bounding_box
from .canal import span_lines
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


def near_canal(
    probability: NDArray[Any], raw: NDArray[Any], labels: Sequence[int], *, dilation: int = 1
) -> NDArray[np.float32]:
    """Probability wherever `extract_soft` can ask for it, 0 elsewhere: small when compressed.

    Rules delete canal and cord, and fill the canal between its voxels, axial slice by axial slice.
    So what they leave lies in the outline of the raw classes, whatever their settings are.

    Parameters
    ----------
    probability
        Probability on the grid of `raw`.
    raw
        Raw classes of the network, axes right, anterior, superior.
    labels
        Raw classes of canal and cord.
    dilation
        Voxels that soft maps reach beyond the labels.
    """
    mask = label_mask(raw, labels)
    out = np.zeros(raw.shape, dtype=np.float32)
    if mask.any():
        box = bounding_box(mask, dilation)
        part = mask[box]
        near = grow_through_faces(part | (span_lines(part, 0) & span_lines(part, 1)), dilation)
        out[box][near] = probability[box][near]
    return out
