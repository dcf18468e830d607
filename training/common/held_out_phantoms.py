"""Held-out phantoms as sagittal scans with thick slices, for evaluation."""

from __future__ import annotations

from typing import Final

import numpy as np

from spineps_nipype.phantom import Phantom, join_slices, phantom_in_view, render
from training.common.phantom_seeds import require_held_out

THIN_SPACING: Final = (1.0, 1.0, 1.1)
"""Grid on which phantoms are drawn: P, I, R in mm."""
JOINED: Final = 3
"""Slices of that grid in one of the scan, which is a usual sagittal one: 1 x 1 x 3.3 mm."""
VIEWS: Final = ("lumbar", "thoracic", "whole")


def phantom_scan(
    seed: int, view: str, contrast: str = "T2w", joined: int = JOINED
) -> tuple[Phantom, np.ndarray]:
    """A held-out phantom in thick slices, and its image.

    Parameters
    ----------
    view
        One of `VIEWS`.
    joined
        Thin slices in a thick one.

    Raises
    ------
    ValueError
        If the phantom is not held out.
    """
    require_held_out(seed)
    thin = phantom_in_view(seed, view, THIN_SPACING)
    return join_slices(thin, joined), render(thin, contrast=contrast, seed=seed, joined=joined)
