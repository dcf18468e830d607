"""Small spines of blocks: axes sagittal slice, posterior to anterior, inferior to superior."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spineps_nipype.spine_segmentation.names import CLASS_NAMES, NAME_OF, ORDER

BODY, DISC = 8, 4
"""Heights in voxels."""


def block_spine(
    names: list[str],
    *,
    slices: int = 6,
    disc_above: bool = False,
    missing_discs: tuple[int, ...] = (),
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two-class mask and class map of upright vertebrae, the first on top.

    Parameters
    ----------
    names
        From the top; a name outside the class list is painted as T12.
    missing_discs
        Positions of gaps (0 below the top vertebra) that hold background.
    """
    height = (len(names) + 2) * (BODY + DISC)
    semantic = np.zeros((slices, 20, height), np.uint8)
    classes = np.zeros_like(semantic)
    top = height - BODY
    if disc_above:
        semantic[1:-1, 4:14, top : top + DISC] = 2
    for i, name in enumerate(names):
        body = (slice(1, -1), slice(4, 14), slice(top - BODY, top))
        semantic[body] = 1
        classes[body] = 1 + CLASS_NAMES.index(name if name in CLASS_NAMES else "T12")
        if i + 1 < len(names) and i not in missing_discs:
            semantic[1:-1, 4:14, top - BODY - DISC : top - BODY] = 2
        top -= BODY + DISC
    return semantic, classes


def column(labels: NDArray[Any]) -> list[int]:
    """Labels along the middle of the spine from the top, each once."""
    line = labels[labels.shape[0] // 2, 8, ::-1].tolist()
    return [v for i, v in enumerate(line) if v and (i == 0 or line[i - 1] != v)]


def vertebra_names(labels: NDArray[Any]) -> list[str]:
    """Names of the vertebrae in a map of ids, from the top."""
    present = {NAME_OF[n] for n in np.unique(labels).tolist() if n in NAME_OF}
    return [name for name in ORDER if name in present]
