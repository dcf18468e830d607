"""Mistakes of a semantic network that would become vertebrae.

SPINEPS keeps them. Neither rule touches a mask that shows a spine as it is.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure
from scipy.spatial import cKDTree
from TPTBox import NII

from ..core.anatomy import CANAL, CORD, CORPUS, CORPUS_BORDER, SACRUM
from ..core.components import (
    component_centroids,
    component_sizes,
    components_by_size,
    label_components,
)
from ..core.geometry import PIR

REACH_MM: Final = 50.0
"""No part of a vertebra lies farther from the canal; tips of processes come close to it."""
CANAL_PART: Final = 0.2
"""Pieces of the canal smaller than this share of the largest are not trusted."""
PARTIAL: Final = 0.6
"""A body with less than this share of the volume of the one above it is no whole body."""
CONTACT: Final = 0.3
"""Share of a body's cross-section that must touch the sacrum, where a disc should be."""
LOW_BODY: Final = 0.3
"""What lies lowest is a body, not a part of the sacrum, from this share of the largest body on."""
SPECK: Final = 0.1
"""Pieces smaller than this share of the largest body are neither body nor sacrum."""


def drop_far_islands(mask: NII) -> NII:
    """Delete pieces of bone and disc that come nowhere within 50 mm of the canal.

    The sacrum, which reaches beyond the end of the canal, stays, and so does everything in a
    mask without a canal.

    Parameters
    ----------
    mask
        SPINEPS labels.

    Returns
    -------
    NII
        The same grid and orientation.
    """
    array = mask.get_array()
    canal, pieces = components_by_size((array == CANAL) | (array == CORD), 3)
    islands, count = components_by_size((array > 0) & (array != SACRUM), 3)
    if pieces == 0 or count < 2:
        return mask
    sizes = np.bincount(canal.ravel())[1:]
    trusted = 1 + np.flatnonzero(sizes >= CANAL_PART * sizes[0])
    step = np.asarray([float(z) for z in mask.zoom])
    tree = cKDTree(np.argwhere(np.isin(canal, trusted)) * step)
    small = np.argwhere(islands > 1)
    distance, _ = tree.query(small * step, distance_upper_bound=REACH_MM)
    near = np.zeros(count + 1, dtype=bool)
    near[:2] = True
    near[islands[tuple(small[np.isfinite(distance)].T)]] = True
    array[~near[islands]] = 0
    return mask.set_array(array, seg=True)


def drop_false_sacrum(mask: NII) -> NII:
    """Delete pieces of sacrum that are specks, or lie above the middle of the lowest body.

    A speck has less than a tenth of the volume of the largest body. A body with less than 30 %
    of it may be a part of the sacrum or coccyx, and says nothing of what lies above it.

    Parameters
    ----------
    mask
        SPINEPS labels.

    Returns
    -------
    NII
        The same grid and orientation.
    """
    turned = mask.reorient(PIR)
    array = turned.get_array()
    _, sizes, levels = _bodies(array)
    pieces, count = label_components(array == SACRUM, 3)
    if not levels or count == 0:
        return mask
    lowest = max(row for n, row in levels.items() if sizes[n] >= LOW_BODY * sizes[1])
    false = component_centroids(pieces)[:, 1] < lowest
    false |= component_sizes(pieces, count) < SPECK * sizes[1]
    false[0] = False
    array[false[pieces]] = 0
    return turned.set_array(array, seg=True).reorient(mask.orientation)


def return_top_of_sacrum(mask: NII) -> NII:
    """Give the lowest body to the sacrum if it is a part of it.

    It is when no disc parts both, and it has less than 60 % of the volume of the body above.

    Parameters
    ----------
    mask
        SPINEPS labels.

    Returns
    -------
    NII
        The same grid and orientation.
    """
    turned = mask.reorient(PIR)
    array = turned.get_array()
    sacrum = array == SACRUM
    bodies, sizes, levels = _bodies(array)
    if len(levels) < 2 or not sacrum.any():
        return mask
    above, last = sorted(levels, key=levels.__getitem__)[-2:]
    if sizes[last] >= PARTIAL * sizes[above]:
        return mask
    lowest: NDArray[np.bool_] = bodies == last
    touching = lowest & binary_dilation(sacrum, generate_binary_structure(3, 1))
    if touching.any(axis=1).sum() < CONTACT * lowest.any(axis=1).sum():
        return mask
    array[lowest] = SACRUM
    return turned.set_array(array, seg=True).reorient(mask.orientation)


def _bodies(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], dict[int, float]]:
    """Numbered bodies of an array (P, I, R), their sizes, and the row of each real one."""
    bodies, count = components_by_size(np.isin(array, (CORPUS, CORPUS_BORDER)), 1)
    sizes, middles = np.bincount(bodies.ravel()), component_centroids(bodies)[:, 1]
    real = [n for n in range(1, count + 1) if sizes[n] >= SPECK * sizes[1]]
    return bodies, sizes, {n: float(middles[n]) for n in real}
