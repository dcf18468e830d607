"""Cropping of an image to the result of step 1.

Source: TotalSpineSeg 20251028, crop of the image to the segmentation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import bounding_box
from ..core.volume import Volume, make_volume
from ..errors import InputError
from .grid import cropped_affine, grid_transform

SAME_GRID = 1e-3
"""Rounding of affines, as a fraction of a voxel."""


def crop_to_seg(image: Volume, seg: NDArray[Any], *, margin: int = 10) -> Volume:
    """Crop an image to the box of the labels, widened by a margin in voxels and clipped.

    Parameters
    ----------
    image
        Image on the grid of `seg`.
    seg
        Label map; if it is empty, the image is not cropped.
    """
    if not seg.any():
        return image
    box = bounding_box(seg != 0, margin)
    affine = cropped_affine(image.affine, [side.start for side in box])
    return make_volume(image.get_array()[box], affine, seg=image.seg)


def crop_to_grid(image: Volume, part: Volume) -> Volume:
    """The part of an image on the grid of another one that was cropped from it.

    Raises
    ------
    InputError
        If the grid of `part` is none of the image's.
    """
    step = grid_transform(image.affine, part.affine)
    start = np.rint(step[:3, 3]).astype(int)
    box = tuple(slice(a, a + n) for a, n in zip(start, part.shape, strict=True))
    inside = all(s.start >= 0 and s.stop <= n for s, n in zip(box, image.shape, strict=True))
    if not inside or not np.allclose(step[:3, :3], np.eye(3), atol=SAME_GRID):
        raise InputError(
            "The second channel of step 2 does not lie on the grid of the prepared image.",
            remedy="Make it again (--override-totalspineseg).",
        )
    return make_volume(image.get_array()[box], part.affine, seg=image.seg)
