"""Loading and saving of images with one volume or several, which are segmented one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np

from ..core.images import load_image, load_volumes, save_nii, write_image
from ..core.volume import Volume, make_volume
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
        As for `load_image`.
    """
    refused = upstream(numerics).series_refused
    if on_4d == "each" and not refused:
        return load_volumes(path)
    mean = on_4d == "mean" and not refused
    try:
        return [load_image(path, average_4d=mean)]
    except InputError as fault:
        if not mean and "4-D" in fault.what:
            raise InputError(fault.what, file=fault.file, remedy=SERIES_REMEDY) from fault
        raise


def first_volume(path: str | Path) -> Volume:
    """First volume of a mask, of probabilities, or of a series of them, even if it is empty."""
    image = nib.load(path)
    data = np.asarray(image.dataobj, dtype=np.float32)
    while data.ndim > 3:
        data = data[..., 0]
    return make_volume(data, image.affine, seg=False)


def save_series(volumes: Sequence[Volume], path: str | Path) -> Path:
    """Write one volume as a 3-D file, or several as a 4-D file; equal results give equal bytes."""
    path = Path(path)
    if len(volumes) == 1:
        return save_nii(volumes[0], path)
    data = np.stack([v.get_array() for v in volumes], axis=3)
    kind = np.float32 if np.issubdtype(data.dtype, np.floating) else np.uint8
    affine = volumes[0].affine
    image = nib.Nifti1Image(data.astype(kind), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    return write_image(image, path)
