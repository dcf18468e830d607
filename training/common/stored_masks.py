"""Masks that the pipeline of SPINEPS stored of a scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_mask

Array = np.ndarray


def final_masks(vert: Path) -> tuple[Array, Array]:
    """Structures and vertebrae of a scan, both (P, I, R).

    Parameters
    ----------
    vert
        File of the vertebrae; that of the structures lies beside it.
    """
    spine = vert.with_name(vert.name.replace("seg-vert", "seg-spine"))
    first, second = (load_mask(path).reorient(PIR).get_array() for path in (spine, vert))
    return first, second
