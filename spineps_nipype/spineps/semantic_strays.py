"""Mistakes of the semantic network that would become vertebrae. Source: ours.

SPINEPS keeps them. None of these rules changes the mask of a spine without such mistakes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure
from scipy.spatial import cKDTree

from ..core.anatomy import CANAL, CORD, CORPUS, CORPUS_BORDER, SACRUM
from ..core.components import (
    component_centroids,
    component_sizes,
    components_by_size,
    label_components,
)
from ..core.geometry import PIR
from ..core.volume import Volume

CANAL_REACH_MM: Final = 50.0
"""No part of a vertebra is farther from the canal; the tips of processes come close to that."""
MIN_CANAL_SHARE: Final = 0.2
"""Share of the largest piece of the canal below which a piece is not trusted."""
PARTIAL_BODY_SHARE: Final = 0.6
"""Share of the volume of the body above below which a body is not a whole one."""
MIN_CONTACT_SHARE: Final = 0.3
"""Share of a body's cross-section that touches the sacrum where a disc should part them."""
MIN_LOWEST_SHARE: Final = 0.3
"""Share of the largest body from which on the lowest body is not a part of the sacrum."""
SPECK_SHARE: Final = 0.1
"""Share of the largest body below which a piece is neither body nor sacrum."""


def drop_far_islands(mask: Volume) -> Volume:
    """Delete pieces of bone and disc that lie more than 50 mm from the canal throughout.

    The sacrum stays, because it reaches beyond the end of the canal; without a canal everything
    stays.

    Parameters
    ----------
    mask
        SPINEPS labels.

    Returns
    -------
    Volume
        The same grid and orientation.
    """
    array = mask.get_array()
    canal, pieces = components_by_size((array == CANAL) | (array == CORD), 3)
    islands, count = components_by_size((array > 0) & (array != SACRUM), 3)
    if pieces == 0 or count < 2:
        return mask
    sizes = np.bincount(canal.ravel())[1:]
    trusted = 1 + np.flatnonzero(sizes >= MIN_CANAL_SHARE * sizes[0])
    step = np.asarray([float(z) for z in mask.zoom])
    tree = cKDTree(np.argwhere(np.isin(canal, trusted)) * step)
    small = np.argwhere(islands > 1)
    distance, _ = tree.query(small * step, distance_upper_bound=CANAL_REACH_MM)
    near = np.zeros(count + 1, dtype=bool)
    near[:2] = True
    near[islands[tuple(small[np.isfinite(distance)].T)]] = True
    array[~near[islands]] = 0
    return mask.set_array(array, seg=True)


def drop_false_sacrum(mask: Volume) -> Volume:
    """Delete pieces of sacrum that are specks, or lie above the centroid of the lowest body.

    A speck has less than a tenth of the volume of the largest body. A body with less than 30 % of
    it may be a part of sacrum or coccyx itself, so it does not count as the lowest body.

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
    _, sizes, levels = _bodies(array)
    pieces, count = label_components(array == SACRUM, 3)
    if not levels or count == 0:
        return mask
    lowest = max(row for n, row in levels.items() if sizes[n] >= MIN_LOWEST_SHARE * sizes[1])
    false = component_centroids(pieces)[:, 1] < lowest
    false |= component_sizes(pieces, count) < SPECK_SHARE * sizes[1]
    false[0] = False
    array[false[pieces]] = 0
    return turned.set_array(array, seg=True).reorient(mask.orientation)


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
