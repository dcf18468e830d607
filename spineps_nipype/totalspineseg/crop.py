"""Cropping of an image to the result of step 1.

Source: TotalSpineSeg 20251028, crop of the image to the segmentation.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..core.components import bounding_box
from ..core.volume import Volume, make_volume
from .grid import cropped_affine


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
