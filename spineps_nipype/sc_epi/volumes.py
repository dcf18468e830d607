"""Loading and saving of images with one volume or several, which are segmented one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ..core.images import load_scan, load_volumes, save_array, save_nii
from ..core.volume import Volume
from ..errors import InputError
from .settings import Numerics, On4D
from .upstream import upstream

SERIES_REMEDY: Final = "Segment the mean of its volumes (on-4d mean), or each one (on-4d each)."


def load_epi(
    path: str | Path, on_4d: On4D = "error", *, numerics: Numerics = "corrected"
) -> list[Volume]:
    """Load the volumes to be segmented.

    Parameters
    ----------
    on_4d
        What to do with several volumes: refuse them, average them, or segment each one.
    numerics
        ``original`` always refuses them.

    Raises
    ------
    InputError, EmptyResultError
        As for `load_scan`.
    """
    refused = upstream(numerics).series_refused
    if on_4d == "each" and not refused:
        return load_volumes(path)
    mean = on_4d == "mean" and not refused
    try:
        return [load_scan(path, average_4d=mean)]
    except InputError as fault:
        if not mean and "4-D" in fault.what:
            raise InputError(fault.what, file=fault.file, remedy=SERIES_REMEDY) from fault
        raise


def save_series(
    volumes: Sequence[Volume], path: str | Path, *, like: str | Path | None = None
) -> Path:
    """Write one volume as a 3-D file, or several as a 4-D file; equal results give equal bytes.

    The positions in the header are those of `like`, see `core.images.save_nii`.
    """
    path = Path(path)
    if len(volumes) == 1:
        return save_nii(volumes[0], path, like=like)
    data = np.stack([v.get_array() for v in volumes], axis=3)
    kind = np.float32 if np.issubdtype(data.dtype, np.floating) else np.uint8
    return save_array(data.astype(kind), volumes[0].affine, path, like=like)
