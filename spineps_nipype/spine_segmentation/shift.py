"""Names by a single shift of all vertebrae, as spine-segmentation 0.3.2 finds them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .names import CLASS_NAMES, SACRUM_ID

SHIFTS: Final = range(26)
"""Levels by which the count from the top may be shifted."""
EXTRA_OF_LAST: Final = (0, 2, 4)
"""Ids that the lowest vertebra may skip: none, that of L6, or those of L5 and L6."""


def ids_by_shift(
    instances: NDArray[Any], classes: NDArray[Any], bone: NDArray[np.bool_]
) -> NDArray[np.int16]:
    """Shift the numbers of vertebrae so that they differ least from the classes of the network.

    The cost of a shift is the mean difference of ids plus the share of voxels with another id; the
    first of equal shifts wins.

    Parameters
    ----------
    instances
        Vertebra v as 2v - 1, 0 elsewhere; must hold at least one vertebra.
    classes
        Classes 0 to 25 of the second network.
    bone
        Voxels that get a number. Those without an instance are shifted, too, and get an even
        number, which is one of the faults of the original; pass ``instances > 0`` to avoid that.

    Returns
    -------
    array
        Ids of vertebrae, int16.
    """
    local = instances[bone].astype(np.int64)
    local -= local[local > 0].min() - 1
    seen = np.clip(classes[bone].astype(np.int64), 0, len(CLASS_NAMES))
    seen = np.where(seen > 0, 2 * seen - 1, 0)
    # The cost depends on how often pairs of ids occur, not on their voxels.
    low = int(local.min())
    pairs, votes = np.unique(np.stack([local - low, seen]), axis=1, return_counts=True)
    numbers, names = pairs[0] + low, pairs[1]
    last = numbers.max()
    best_cost, best = np.inf, (0, 0)
    for extra in EXTRA_OF_LAST:
        for shift in SHIFTS:
            moved = numbers + 2 * shift + extra * (numbers == last)
            top = moved.max()
            if top > SACRUM_ID or (extra and top != SACRUM_ID):
                continue
            cost = float((votes * (np.abs(names - moved) + (names != moved))).sum())
            if cost < best_cost:
                best_cost, best = cost, (shift, extra)
    out = np.zeros(instances.shape, dtype=np.int16)
    out[bone] = local + 2 * best[0] + best[1] * (local == last)
    return out
