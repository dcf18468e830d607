"""Names by one shift for all vertebrae, as spine-segmentation 0.3.2 finds them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .names import CLASS_NAMES, SACRUM_ID

SHIFTS: Final = range(26)
EXTRA_OF_LAST: Final = (0, 2, 4)
"""What the lowest vertebra may skip: nothing, L6, or L5 and L6."""


def shifted_ids(
    instances: NDArray[Any], classes: NDArray[Any], bone: NDArray[np.bool_]
) -> NDArray[np.int16]:
    """Number vertebrae so that the numbers differ least from those of the network.

    The cost of a shift is the mean difference of numbers plus the share of voxels that differ;
    the first of equal shifts counts.

    Parameters
    ----------
    instances
        Vertebra v as 2v - 1, 0 elsewhere; must hold at least one vertebra.
    classes
        Classes 0 to 25 of the second network.
    bone
        Where numbers are to stand. Voxels of it without an instance move with the shift, too:
        they get an even number, which is one of the faults of the original. Pass
        ``instances > 0`` to avoid that.

    Returns
    -------
    array
        Ids of vertebrae, int16.
    """
    local = instances[bone].astype(np.int64)
    local -= local[local > 0].min() - 1
    seen = np.clip(classes[bone].astype(np.int64), 0, len(CLASS_NAMES))
    seen = np.where(seen > 0, 2 * seen - 1, 0)
    # Only pairs of numbers matter, not where they stand.
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
