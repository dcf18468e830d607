"""From the output of the network for a class to its mask: threshold, objects, holes.

Source: Spinal Cord Toolbox 7.0, post-processing of segmentations. Arrays are 3-D.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.components import structure
from ..errors import InputError
from .settings import CleanUpSettings, Numerics
from .upstream import upstream

BACKGROUND_LIMIT: Final = 0.001
"""Value below which a voxel counts as background when objects are looked for."""
HALF: Final = 0.5


def threshold(
    labels: NDArray[Any],
    probability: NDArray[np.float32] | None,
    thr: float | None,
    *,
    numerics: Numerics = "corrected",
) -> NDArray[Any]:
    """Mask of a class, or its probability.

    Parameters
    ----------
    labels
        1 where the network prefers the class, else 0.
    probability
        Probability of the class; needed for a corrected threshold.
    thr
        None for the preferred class, 0 for the probability itself, otherwise the value that the
        probability must exceed.
    numerics
        ``original`` compares the mask instead of the probability: thresholds from 0 up to 1 change
        nothing, from 1 on nothing is left, and below 0 everything is.

    Raises
    ------
    InputError
        If a corrected threshold is not between 0 and 1.
    """
    if upstream(numerics).mask_thresholded:
        return (labels > thr).astype(np.uint8) if thr else labels.astype(np.uint8)
    if thr is None:
        return labels.astype(np.uint8)
    if not 0 <= thr < 1:
        raise InputError(
            f"The threshold {thr:g} is not between 0 and 1.",
            remedy="Give 0 for probabilities, or a probability such as 0.5.",
        )
    if probability is None:
        raise InputError("A threshold needs the probabilities of the network.")
    return probability if thr == 0 else (probability > thr).astype(np.uint8)


def keep_largest(data: NDArray[Any]) -> NDArray[Any]:
    """Keep the largest object, connected through faces; the first of equal ones."""
    out = np.where(data < BACKGROUND_LIMIT, 0, data).astype(data.dtype)
    objects, count = ndimage.label(out)
    if count < 2:
        return out
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    return np.where(objects == sizes.argmax(), out, 0).astype(data.dtype)


def fill_cavities(mask: NDArray[Any], *, numerics: Numerics = "corrected") -> NDArray[Any]:
    """Fill background that is enclosed; a gap at a corner counts as open.

    Parameters
    ----------
    mask
        0 and 1.
    numerics
        The result is uint8; under ``original`` int64.

    Raises
    ------
    InputError
        If the mask holds other values.
    """
    _check_binary(mask)
    filled = ndimage.binary_fill_holes(mask, structure(3))
    return np.asarray(filled).astype(
        np.int64 if upstream(numerics).int64_after_filling else np.uint8
    )


def fill_in_slices(mask: NDArray[Any], axis: int = 2) -> NDArray[np.uint8]:
    """Fill holes in each slice across an axis; a gap at a corner of pixels counts as closed.

    Raises
    ------
    InputError
        If the mask holds values other than 0 and 1.
    """
    _check_binary(mask)
    cross = np.zeros((3, 3, 3), dtype=bool)
    plane = [slice(None)] * 3
    plane[axis] = slice(1, 2)
    cross[tuple(plane)] = structure(1)[tuple(plane)]
    # The structure never reaches the next slice, so that each slice is filled by itself.
    return np.asarray(ndimage.binary_fill_holes(mask, cross)).astype(np.uint8)


def remove_small(data: NDArray[Any], min_voxels: float) -> NDArray[Any]:
    """Delete objects, connected through faces and edges, that have fewer voxels."""
    objects, count = ndimage.label(data != 0, structure(2))
    sizes = np.bincount(objects.ravel(), minlength=count + 1)
    small = sizes < min_voxels
    small[0] = False
    return np.where(small[objects], 0, data).astype(data.dtype)


def clean_up(
    labels: NDArray[Any],
    probability: NDArray[np.float32] | None,
    settings: CleanUpSettings,
    *,
    min_voxels: float = 0,
    slice_axis: int = 2,
    numerics: Numerics = "corrected",
) -> NDArray[Any]:
    """Threshold a class, keep its largest object, fill holes and delete small objects.

    Parameters
    ----------
    labels, probability
        See `threshold`.
    settings
        Which steps to take.
    min_voxels
        Size of small objects of this class, see `smallest_voxels`.
    slice_axis
        Axis across the axial slices.

    Raises
    ------
    InputError
        As for the single steps.
    """
    data = threshold(labels, probability, settings.thr, numerics=numerics)
    if settings.largest:
        data = keep_largest(data)
    if settings.fill_holes:
        data = fill_cavities(data, numerics=numerics)
    if settings.fill_holes_slices:
        data = fill_in_slices(data, slice_axis)
    if settings.remove_small:
        data = remove_small(data, min_voxels)
    return data


def _check_binary(mask: NDArray[Any]) -> None:
    """Refuse masks with values other than 0 and 1."""
    if not np.isin(mask, (0, 1)).all():
        raise InputError(
            "Holes can be filled in masks of 0 and 1 only, not in probabilities.",
            remedy="Give a threshold above 0, or do not fill holes.",
        )
