"""Where the spine lies, found by a small network on a coarse grid."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from TPTBox import NII

from ..core.components import component_sizes, label_components
from ..core.geometry import rescale, to_input_grid
from ..models.protocols import SemanticModel

logger = logging.getLogger(__name__)

COARSENING: Final = 1.5
"""Spacing of the search over the finest one that the network takes."""
STEP: Final = 0.8
"""Distance of its tiles as a fraction of the tile: a rough mask will do."""
MARGIN_MM: Final = 15.0
SMALLEST_MM3: Final = 5_000.0
"""A smaller find is none: one lumbar vertebral body has about 40 cm3."""
FRAGMENT_MM3: Final = 500.0
"""A part of the spine may be as small as this beside what was found of it."""
BESIDE: Final = 0.5
"""Share of the height of a find at which others lie beside it instead of above or below."""


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
    found = scout.predict(coarse, tta=False, step_size=STEP).labels
    zoom = [float(z) for z in found.zoom]
    array = _column(found.get_array() > 0, zoom)
    if not array.any():
        logger.info("no spine was found in the coarse search: all tiles are computed")
        return None
    near = distance_transform_edt(~array, sampling=zoom) <= MARGIN_MM
    return to_input_grid(found.set_array(near.astype(np.uint8), seg=True), grid)


def _column(found: NDArray[np.bool_], zoom: Sequence[float]) -> NDArray[np.bool_]:
    """The largest find, those above and below it, and those near them.

    Axis 1 runs along the spine. What lies beside a larger find, and far from it, is no spine.
    """
    components, count = label_components(found, 3)
    sizes = component_sizes(components, count)
    column = np.zeros_like(found)
    for number in sorted(range(1, count + 1), key=lambda n: -int(sizes[n])):
        if sizes[number] * np.prod(zoom) < (FRAGMENT_MM3 if column.any() else SMALLEST_MM3):
            break
        part = components == number
        rows = part.any(axis=(0, 2))
        if column[:, rows].any((0, 2)).mean() > BESIDE:
            away = distance_transform_edt(~column, sampling=zoom)
            if away[part].min() > MARGIN_MM:
                continue
        column |= part
    return column
