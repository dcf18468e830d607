"""Every second disc: the second channel of step 2.

Source: TotalSpineSeg 20251028, alternate labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .labels import LOCALIZER_DISCS


def extract_alternate(
    seg: NDArray[Any], labels: Sequence[int] = LOCALIZER_DISCS, prioritized: Sequence[int] = ()
) -> NDArray[np.uint8]:
    """Mark every second of the labels that are present, the first one included.

    Parameters
    ----------
    seg
        Label map.
    labels
        Labels in order.
    prioritized
        If the first of these that is present would not be marked, the other half is marked.

    Returns
    -------
    array
        1 inside marked structures; 0 throughout if none of the labels is present.
    """
    have = set(np.unique(seg).tolist())
    present = [label for label in labels if label in have]
    chosen = present[::2]
    wanted = next((label for label in prioritized if label in present), None)
    if wanted is not None and wanted not in chosen:
        chosen = present[1::2]
    return np.isin(seg, chosen).astype(np.uint8)
