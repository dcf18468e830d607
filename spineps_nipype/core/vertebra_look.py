"""Image patches of vertebrae, aligned with each body, from which a network can tell their levels.

Ribs, arches and processes tell the level even where they cannot be segmented well enough. A patch
lies in the coordinate frame of its body, like the features of `vertebra_form`, and consists of
sagittal planes from left to right. Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .vertebra_form import body_centroids, spine_frames

PLANES, DEPTH, HEIGHT = 11, 60, 40
"""Size of a patch: sagittal planes, pixels to posterior, pixels to inferior."""
PLANE_MM, PIXEL_MM = 4.0, 1.5
"""Distance between planes, and size of pixels."""
ANTERIOR_MM: Final = 24.0
"""Distance from the centroid of a body to the front of its patch; the processes lie behind."""
DARK, BRIGHT = 1.0, 90.0
"""Percentiles over all patches of a scan that are mapped to 0 and 1."""
CLIPPED: Final = 2.0
"""Largest value of a patch."""


def vertebra_looks(
    image: NDArray[Any],
    bodies: NDArray[Any],
    numbers: Sequence[int],
    spacing: Sequence[float],
    margin: int = 0,
) -> NDArray[np.float32]:
    """Image patches around vertebrae.

    Parameters
    ----------
    image
        Grey values in any range (P, I, R).
    bodies
        Numbers of the bodies on the same grid, 0 elsewhere.
    numbers
        Vertebrae with a body, from top to bottom.
    spacing
        Voxel size in P, I, R (mm).
    margin
        Pixels added on every side within the planes.

    Returns
    -------
    array, shape (len(numbers), PLANES, DEPTH + 2 margin, HEIGHT + 2 margin)
        Between 0 and `CLIPPED`; 0 outside the image.
    """
    centroids = body_centroids(bodies, numbers, spacing) * 10
    frames = spine_frames(centroids)
    deep = (np.arange(-margin, DEPTH + margin) * PIXEL_MM) - ANTERIOR_MM
    down = (np.arange(-margin, HEIGHT + margin) - (HEIGHT - 1) / 2) * PIXEL_MM
    across = (np.arange(PLANES) - (PLANES - 1) / 2) * PLANE_MM
    r, p, i = np.meshgrid(across, deep, down, indexing="ij")
    offset = np.stack([p, i, r], -1)
    places = np.einsum("...k,nkj->n...j", offset, frames) + centroids[:, None, None, None]
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
