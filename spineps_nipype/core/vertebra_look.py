"""Looks of vertebrae: small upright pieces of the image around every body.

Ribs, arches and processes tell a level where masks of them are not good enough. A piece lies in
the frame of its body, as the measures of `vertebra_form` do, and has planes from left to right.
Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .vertebra_form import body_middles, spine_frames

PLANES, DEPTH, HEIGHT = 11, 60, 40
"""Size of a piece: sagittal planes, pixels to posterior, pixels to inferior."""
PLANE_MM, PIXEL_MM = 4.0, 1.5
"""Distance of planes, and size of pixels."""
ANTERIOR_MM: Final = 24.0
"""From the middle of a body to the front of its piece; processes lie behind it."""
DARK, BRIGHT = 1.0, 90.0
"""Percentiles of all pieces of a scan that become 0 and 1."""
CLIPPED: Final = 2.0
"""Brightest value."""


def vertebra_looks(
    image: NDArray[Any],
    bodies: NDArray[Any],
    numbers: Sequence[int],
    spacing: Sequence[float],
    margin: int = 0,
) -> NDArray[np.float32]:
    """Pieces of an image around vertebrae.

    Parameters
    ----------
    image
        Any range (P, I, R).
    bodies
        Numbers of the bodies on the same grid, 0 elsewhere.
    numbers
        Vertebrae with a body, from top to bottom.
    spacing
        Voxel size in P, I, R (mm).
    margin
        Pixels added on every side.

    Returns
    -------
    array, shape (len(numbers), PLANES, DEPTH + 2 margin, HEIGHT + 2 margin)
        Between 0 and `CLIPPED`; 0 outside the image.
    """
    middles = body_middles(bodies, numbers, spacing) * 10
    frames = spine_frames(middles)
    deep = (np.arange(-margin, DEPTH + margin) * PIXEL_MM) - ANTERIOR_MM
    down = (np.arange(-margin, HEIGHT + margin) - (HEIGHT - 1) / 2) * PIXEL_MM
    across = (np.arange(PLANES) - (PLANES - 1) / 2) * PLANE_MM
    r, p, i = np.meshgrid(across, deep, down, indexing="ij")
    offset = np.stack([p, i, r], -1)
    places = np.einsum("...k,nkj->n...j", offset, frames) + middles[:, None, None, None]
    voxels = np.moveaxis(np.round(places / np.asarray(spacing), 6), -1, 0)
    looks = ndimage.map_coordinates(
        image.astype(np.float32, copy=False), voxels, order=1, mode="constant", cval=np.nan
    )
    inside = np.isfinite(looks)
    if not inside.any():
        return np.zeros_like(looks)
    low, high = np.percentile(looks[inside], (DARK, BRIGHT))
    scaled = np.clip((looks - low) / max(high - low, 1e-6), 0, CLIPPED)
    return np.where(inside, scaled, 0).astype(np.float32)
