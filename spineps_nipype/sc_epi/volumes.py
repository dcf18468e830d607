"""Images with one volume or several, in and out of the segmentation of single volumes."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from ..core.files import whole_file
from ..core.images import GZIP_LEVEL, load_image, load_volumes, save_nii
from .settings import Numerics, On4D

if TYPE_CHECKING:
    from TPTBox import NII


def load_epi(
    path: str | Path, on_4d: On4D = "error", *, numerics: Numerics = "mended"
) -> list[NII]:
    """Load the volumes that are to be segmented.

    Parameters
    ----------
    on_4d
        What to do with several volumes: refuse them, average them, or segment each.
    numerics
        ``original`` refuses them always.

    Raises
    ------
    InputError, EmptyResultError
        As `load_image`.
    """
    if on_4d == "each" and numerics == "mended":
        return load_volumes(path)
    return [load_image(path, average_4d=on_4d == "mean" and numerics == "mended")]


def save_series(volumes: Sequence[NII], path: str | Path) -> Path:
    """Write one volume as a 3-D file, several as a 4-D file; equal results give equal bytes."""
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
    with whole_file(path) as temporary, temporary.open("wb") as raw:
        if path.name.endswith(".gz"):
            with gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0) as stream:
                image.to_stream(stream)
        else:
            image.to_stream(raw)
    return path
