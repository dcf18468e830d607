"""Held-out phantoms as sagittal scans with thick slices, for evaluation."""

from __future__ import annotations

from typing import Final

import numpy as np

from spineps_nipype.phantom import (
    FieldOfView,
    Phantom,
    draw_plan,
    generate,
    join_slices,
    render,
)
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
    thin = phantom_view(seed, view)
    return join_slices(thin, joined), render(thin, contrast=contrast, seed=seed, joined=joined)


def phantom_view(seed: int, view: str) -> Phantom:
    """Lumbar (T11 to sacrum), thoracic (nine vertebrae) or whole spine of a seed."""
    names = draw_plan(seed).levels
    if view == "lumbar":
        fov = FieldOfView(top=names[-7], bottom="sacrum", width=70.0)
    elif view == "thoracic":
        fov = FieldOfView(top="T2", bottom="T10", width=70.0)
    else:
        fov = FieldOfView(width=80.0)
    return generate(seed, spacing=THIN_SPACING, fov=fov)
