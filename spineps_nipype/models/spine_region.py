"""Region of the spine, found by a very small network on a coarse grid. Source: ours.

Large networks compute only tiles that meet this region.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..core.coarse_grid import coarse_mean, from_coarse
from ..core.components import bounding_box, component_sizes, label_components
from ..core.geometry import PIR
from ..core.volume import Volume, make_volume
from .protocols import SemanticModel

logger = logging.getLogger(__name__)

SPACING: Final = (5.0, 5.0, 5.0)
"""Grid of the search, mm in P, I, R."""
CUT_PERCENT: Final = (0.5, 99.5)
"""Percentiles of the coarse image beyond which grey values are cut off: metal, bright fat."""
CORE: Final = 0.5
"""Probability from which on voxels make the column."""
LIKELY: Final = 0.2
"""Probability from which on a voxel near the column belongs to it: what is missed is lost, what is
too much costs time only."""
NEAR_MM: Final = 20.0
"""Distance from the column within which likely voxels belong to it: spinous processes do, bowel
and vessels before the spine look no less likely but lie further away."""
SURE: Final = 0.7
"""Highest probability below which the search has found nothing that it can tell from the rest."""
SURE_SHARE: Final = 0.5
"""Share of the voxels of `CORE` that must belong to the column, else the search has failed."""
REACH_MM: Final = 20.0
"""Distance along the spine over which every row is as wide as its neighbours: holes and thin
processes that the coarse grid misses belong to the region, too."""
MARGIN_MM: Final = 10.0
"""Margin around that, two voxels of the grid."""
BEHIND_MM: Final = 5.0
"""What is added behind: tips of spinous processes are thinner than a voxel of the grid."""
MIN_SPINE_MM3: Final = 5_000.0
"""Volume below which nothing counts as spine: a lumbar vertebral body has about 40 cm3."""
MIN_FRAGMENT_MM3: Final = 500.0
"""Volume below which a further piece of the spine is ignored."""
BESIDE_SHARE: Final = 0.5
"""Share of the rows of a piece that it shares with the spine from which on it lies beside it, and
not above or below."""


def find_spine(grid: Volume, scout: SemanticModel) -> Volume | None:
    """Mask of the spine with a margin.

    Parameters
    ----------
    grid
        Pre-processed image in any orientation.
    scout
        Network that tells spine from everything else on the coarse grid.

    Returns
    -------
    Volume or None
        On the grid of the image; None where the network is not sure, that is, where it finds less
        than 5 cm3, nothing of high probability, or as much beside the spine as in it.
    """
    turned = grid.reorient(PIR)
    zoom = [float(z) for z in turned.zoom]
    image = coarse_image(turned.get_array(), zoom)
    coarse = make_volume(image, np.diag([*SPACING, 1.0]) @ _TO_PIR, seg=False)
    soft = scout.predict(coarse, probabilities=True).probabilities
    assert soft is not None
    column = _column_or_none(1 - soft[0])
    if column is None:
        logger.info("the search for the spine was not sure: all tiles are computed")
        return None
    near = distance_transform_edt(~_row_boxes(column), sampling=SPACING) <= MARGIN_MM
    array = from_coarse(near.astype(np.uint8), turned.shape, zoom, SPACING)
    return turned.set_array(array, seg=True).reorient(grid.orientation)


def coarse_image(array: NDArray[np.float32], zoom: Sequence[float]) -> NDArray[np.float32]:
    """What the network of the search sees of an image (P, I, R).

    Parameters
    ----------
    zoom
        Voxel size, mm.
    """
    coarse = coarse_mean(array, zoom, SPACING)
    low, high = np.percentile(coarse, CUT_PERCENT)
    return np.clip(coarse, low, high)


_TO_PIR: Final = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
"""Affine of voxels of 1 mm in P, I, R."""


def _column_or_none(spine: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Voxels of the spine by their probabilities, None where these are not to be trusted."""
    core = spine >= CORE
    column = _column(core, SPACING)
    if not column.any() or spine[column].max() < SURE:
        return None
    if column.sum() < SURE_SHARE * core.sum():
        return None
    near = distance_transform_edt(~column, sampling=SPACING) <= NEAR_MM
    return np.asarray((spine >= LIKELY) & near)


def _row_boxes(column: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For every row, the box in P and R of the column in the rows near it, and what is behind."""
    reach, behind = round(REACH_MM / SPACING[1]), round(BEHIND_MM / SPACING[0])
    boxes = np.zeros_like(column)
    for row in range(column.shape[1]):
        near = column[:, max(row - reach, 0) : row + reach + 1]
        if near.any():
            deep, _, wide = bounding_box(near)
            boxes[deep.start : deep.stop + behind, row, wide] = True
    return boxes


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
        beside = column[:, rows].any((0, 2)).mean() > BESIDE_SHARE
        if not beside or _touches(part, column, zoom):
            column |= part
    return column


def _touches(part: NDArray[np.bool_], column: NDArray[np.bool_], zoom: Sequence[float]) -> bool:
    """Whether a piece comes as near to the column as the margin is wide."""
    box = bounding_box(part, math.ceil(MARGIN_MM / min(zoom)))
    near = column[box]
    if not near.any():
        return False
    away = distance_transform_edt(~near, sampling=zoom)
    return bool(away[part[box]].min() <= MARGIN_MM)
