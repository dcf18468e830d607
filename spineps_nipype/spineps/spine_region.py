"""Where the spine lies, found by a small network on a coarse grid."""

from __future__ import annotations

import logging
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt
from TPTBox import NII

from ..core.geometry import rescale, to_input_grid
from ..models.protocols import SemanticModel

logger = logging.getLogger(__name__)

COARSENING: Final = 1.5
"""Spacing of the search over the finest one that the network takes."""
MARGIN_MM: Final = 15.0
SMALLEST_MM3: Final = 5_000.0
"""A smaller find is none: one lumbar vertebral body has about 40 cm3."""


def find_spine(image: NII, scout: SemanticModel, grid: NII) -> NII | None:
    """Mask of the spine and 15 mm around it.

    Parameters
    ----------
    image
        Pre-processed image.
    scout
        Small semantic network.
    grid
        Image whose grid the mask has.

    Returns
    -------
    NII or None
        None where the network finds less than 5 cm3 of spine.
    """
    turned = image.reorient(scout.config.orientation)
    spacing = [low * COARSENING for low in scout.config.spacing_min]
    coarse = rescale(turned, [max(s, float(z)) for s, z in zip(spacing, turned.zoom, strict=True)])
    found = scout.predict(coarse, tta=False).labels
    array = found.get_array() > 0
    zoom = [float(z) for z in found.zoom]
    if array.sum() * np.prod(zoom) < SMALLEST_MM3:
        logger.info("no spine was found in the coarse search: all tiles are computed")
        return None
    near = distance_transform_edt(~array, sampling=zoom) <= MARGIN_MM
    return to_input_grid(found.set_array(near.astype(np.uint8), seg=True), grid)
