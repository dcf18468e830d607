"""A scan as the nets of spine-segmentation learn from it: sagittal slices with their targets.

Slices have the axes of the original: slice (to the right), posterior to anterior, inferior to
superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter

from spineps_nipype.spine_segmentation.settings import SliceSettings

PIXEL: Final = SliceSettings().pixel_size
"""mm, as in the pipeline."""
IGNORED: Final = 255
"""Voxels whose class is unknown, or that have no class in the original (T13)."""

Array = np.ndarray


@dataclass(frozen=True)
class SlicedScan:
    """An image with its two targets, all (slice, width, height).

    Parameters
    ----------
    image
        float32, any range.
    semantic
        0 background, 1 body, 2 disc, 255 unknown.
    classes
        0 background, 1 to 25 for C2 to S1, 255 unknown.
    """

    image: Array
    semantic: Array
    classes: Array


def sagittal(array: Array) -> Array:
    """From (P, I, R) to slice, posterior to anterior, inferior to superior, see `view_as_pir`."""
    return array[::-1, ::-1].transpose(2, 0, 1)


def on_pixels(
    image: Array, semantic: Array, classes: Array, spacing: Sequence[float]
) -> SlicedScan:
    """A scan and its targets, all (P, I, R), as slices with pixels of `PIXEL` mm.

    Parameters
    ----------
    spacing
        Voxel size, mm.
    """
    steps = [PIXEL / spacing[0], PIXEL / spacing[1]]
    arrays = []
    for array, order in ((image.astype(np.float32), 1), (semantic, 0), (classes, 0)):
        slices = sagittal(array)
        if order:  # as smooth as the average of the pixels that become one
            slices = gaussian_filter(slices, (0, *(0.4 * s if s > 1 else 0 for s in steps)))
        size = [round(n / s) for n, s in zip(slices.shape[1:], steps, strict=True)]
        offset = [0.0, *((s - 1) / 2 for s in steps)]
        matrix = np.diag([1.0, *steps])
        shape = (len(slices), *size)
        arrays.append(affine_transform(slices, matrix, offset, shape, order=order, mode="nearest"))
    return SlicedScan(*arrays)
