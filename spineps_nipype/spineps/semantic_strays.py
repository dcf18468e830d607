"""Mistakes of the semantic network that would become vertebrae. Source: ours.

SPINEPS keeps them.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure
from scipy.spatial import cKDTree

from ..core.anatomy import BODY_PARTS, CANAL, CORD, CORPUS, CORPUS_BORDER, DISC, SACRUM
from ..core.components import (
    component_centroids,
    component_sizes,
    components_by_size,
    label_components,
)
from ..core.geometry import PIR
from ..core.spine_column import find_column
from ..core.spine_pieces import CanalLine, canal_line, find_pieces
from ..core.volume import Volume

logger = logging.getLogger(__name__)

CANAL_REACH_MM: Final = 60.0
"""No part of a vertebra is farther from the middle of the canal; the tips of processes come close
to that."""
PARTIAL_BODY_SHARE: Final = 0.6
"""Share of the volume of the body above below which a body is not a whole one."""
MIN_CONTACT_SHARE: Final = 0.3
"""Share of a body's cross-section that touches the sacrum where a disc should part them."""
MIN_LOWEST_SHARE: Final = 0.3
"""Share of the largest body from which on the lowest body of the column is not a crumb of the
sacrum."""
SPECK_SHARE: Final = 0.1
"""Share of the largest body below which a piece is neither body nor sacrum."""


def keep_column(mask: Volume) -> Volume:
    """Delete what does not belong to the one column of the scan, see `core.spine_column`.

    These are bodies and discs that are no part of it, other bone that holds nothing of it and
    lies more than 60 mm from the canal throughout, and pieces of sacrum that are specks or lie
    above the lowest body. Without a canal other bone stays.

    Parameters
    ----------
    mask
        SPINEPS labels.

    Returns
    -------
    Volume
        The same grid and orientation.
    """
    turned = mask.reorient(PIR)
    array = turned.get_array()
    zoom = [float(z) for z in turned.zoom]
    canal = np.isin(array, (CANAL, CORD))
    pieces = find_pieces(np.isin(array, BODY_PARTS), array == DISC, zoom)
    column = find_column(pieces, canal_line(canal, zoom, array == SACRUM))
    for row in np.flatnonzero(column.strays):
        logger.info("left out a piece of %.0f mm3: %s", pieces.volumes[row], column.reasons[row])
    array[np.concatenate([[False], column.strays])[pieces.components]] = 0
    array[_far_bone(array, pieces.components > 0, canal_line(canal, zoom), zoom)] = 0
    volumes = np.where(column.members & ~pieces.is_disc, pieces.volumes, 0)
    largest = volumes.max(initial=0)
    if largest:
        lowest = pieces.centroids[volumes >= MIN_LOWEST_SHARE * largest, 1].max() / zoom[1]
        speck = SPECK_SHARE * largest / np.prod(zoom)
        array[_false_sacrum(array == SACRUM, lowest, speck)] = 0
    return turned.set_array(array, seg=True).reorient(mask.orientation)


def _far_bone(
    array: NDArray[Any], column: NDArray[np.bool_], canal: CanalLine | None, zoom: list[float]
) -> NDArray[np.bool_]:
    """Pieces of anything but sacrum far from the canal that hold nothing of the column."""
    islands, count = label_components((array > 0) & (array != SACRUM), 3)
    far = np.zeros(count + 1, dtype=bool)
    if canal is not None:
        far[1:] = True
        far[islands[column]] = False
        loose = np.argwhere(far[islands])
        near = cKDTree(canal.points).query(loose * zoom, distance_upper_bound=CANAL_REACH_MM)[0]
        far[islands[tuple(loose[np.isfinite(near)].T)]] = False
    return far[islands]


def _false_sacrum(sacrum: NDArray[np.bool_], lowest: float, speck: float) -> NDArray[np.bool_]:
    """Pieces of sacrum above a row, and those with fewer voxels than a speck."""
    pieces, count = label_components(sacrum, 3)
    false = component_centroids(pieces)[:, 1] < lowest
    false |= component_sizes(pieces, count) < speck
    false[0] = False
    return false[pieces]


def restore_top_of_sacrum(mask: Volume) -> Volume:
    """Relabel the lowest body as sacrum if it is the top of it.

    That is so if no disc parts the two, and the body has less than 60 % of the volume of the one
    above.

    Parameters
    ----------
    mask
        SPINEPS labels.

    Returns
    -------
    Volume
        The same grid and orientation.
    """
    turned = mask.reorient(PIR)
    array = turned.get_array()
    sacrum = array == SACRUM
    bodies, sizes, levels = _bodies(array)
    if len(levels) < 2 or not sacrum.any():
        return mask
    above, last = sorted(levels, key=levels.__getitem__)[-2:]
    if sizes[last] >= PARTIAL_BODY_SHARE * sizes[above]:
        return mask
    lowest: NDArray[np.bool_] = bodies == last
    touching = lowest & binary_dilation(sacrum, generate_binary_structure(3, 1))
    if touching.any(axis=1).sum() < MIN_CONTACT_SHARE * lowest.any(axis=1).sum():
        return mask
    array[lowest] = SACRUM
    return turned.set_array(array, seg=True).reorient(mask.orientation)


def _bodies(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], dict[int, float]]:
    """Vertebral bodies of an array (P, I, R).

    Returns
    -------
    bodies
        Number of each voxel, 1 for the largest body.
    sizes
        Voxels of each body.
    rows
        Row of the centroid of each body that is more than a speck.
    """
    bodies, count = components_by_size(np.isin(array, (CORPUS, CORPUS_BORDER)), 1)
    sizes, middles = np.bincount(bodies.ravel()), component_centroids(bodies)[:, 1]
    real = [n for n in range(1, count + 1) if sizes[n] >= SPECK_SHARE * sizes[1]]
    return bodies, sizes, {n: float(middles[n]) for n in real}
