"""Region of the spine, found by a small network on a coarse grid. Source: ours.

With the option ``tiles = spine``, the large network computes only tiles that meet this region.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..core.components import component_sizes, label_components
from ..core.geometry import rescale, to_input_grid
from ..core.volume import Volume
from ..models.protocols import SemanticModel

logger = logging.getLogger(__name__)

COARSENING: Final = 1.5
"""Spacing of the search as a multiple of the finest one that the network accepts."""
TILE_STEP: Final = 0.8
"""Distance between its tiles as a fraction of a tile: a rough mask is enough."""
MARGIN_MM: Final = 15.0
"""Margin around the mask that belongs to the region, too."""
MIN_SPINE_MM3: Final = 5_000.0
"""Volume below which nothing counts as spine: a lumbar vertebral body has about 40 cm3."""
MIN_FRAGMENT_MM3: Final = 500.0
"""Volume below which a further piece of the spine is ignored."""
BESIDE_SHARE: Final = 0.5
"""Share of the rows of a piece that it shares with the spine from which on it lies beside it, and
not above or below."""


def find_spine(image: Volume, scout: SemanticModel, grid: Volume) -> Volume | None:
    """Mask of the spine with a margin of 15 mm.

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
    Volume or None
        None if the network finds less than 5 cm3 of spine.
    """
    turned = image.reorient(scout.config.orientation)
    spacing = [low * COARSENING for low in scout.config.spacing_min]
    coarse = rescale(turned, [max(s, float(z)) for s, z in zip(spacing, turned.zoom, strict=True)])
    found = scout.predict(coarse, tta=False, step_size=TILE_STEP).labels
    zoom = [float(z) for z in found.zoom]
    array = _column(found.get_array() > 0, zoom)
    if not array.any():
        logger.info("no spine was found in the coarse search: all tiles are computed")
        return None
    near = distance_transform_edt(~array, sampling=zoom) <= MARGIN_MM
    return to_input_grid(found.set_array(near.astype(np.uint8), seg=True), grid)


def _column(found: NDArray[np.bool_], zoom: Sequence[float]) -> NDArray[np.bool_]:
    """The largest piece, the ones above and below it, and those near them.

    Axis 1 runs along the spine. A piece far beside a larger one is not spine.
    """
    components, count = label_components(found, 3)
    sizes = component_sizes(components, count)
    column = np.zeros_like(found)
    for number in sorted(range(1, count + 1), key=lambda n: -int(sizes[n])):
        if sizes[number] * np.prod(zoom) < (MIN_FRAGMENT_MM3 if column.any() else MIN_SPINE_MM3):
            break
        part = components == number
        rows = part.any(axis=(0, 2))
        if column[:, rows].any((0, 2)).mean() > BESIDE_SHARE:
            away = distance_transform_edt(~column, sampling=zoom)
            if away[part].min() > MARGIN_MM:
                continue
        column |= part
    return column
