"""Checks that an image can be segmented: a 3-D volume on a valid grid."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import InputError

if TYPE_CHECKING:
    import numpy as np

MIN_SLICES: Final = 2
BYTES_PER_VOXEL: Final = 100
"""Working memory for each voxel of the image: copies, class scores, masks."""


def memory_estimate_gib(shape: tuple[int, ...]) -> float:
    """Estimated working memory of a run on an image of this shape, in GiB."""
    return math.prod(shape) * BYTES_PER_VOXEL / 2**30


def check_memory(shape: tuple[int, ...], path: Path, max_gib: float | None) -> None:
    """Refuse images whose estimated working memory exceeds a limit, before they are read.

    Raises
    ------
    InputError
        If the estimate is above `max_gib`.
    """
    needed = memory_estimate_gib(shape)
    if max_gib is not None and needed > max_gib:
        raise InputError(
            f"The image of {' x '.join(map(str, shape))} voxels needs about {needed:.1f} GiB, "
            f"{max_gib:.1f} GiB are allowed.",
            file=path,
            remedy="Crop or downsample the image, or give the run more memory (--mem-gb).",
        )


def check_voxel_type(dtype: np.dtype[Any], path: Path) -> None:
    """Refuse images whose voxels are not numbers of one channel.

    Raises
    ------
    InputError
        If they are complex, or colours.
    """
    if dtype.kind not in "biuf":
        raise InputError(
            f"The voxels are of type {dtype}, not numbers of one channel.",
            file=path,
            remedy="Store the magnitude image or one channel.",
        )


def volume_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape without trailing axes of length 1 beyond the third."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def check_shape(shape: tuple[int, ...], path: Path, average_4d: bool) -> None:
    """Refuse images that are not volumes.

    Raises
    ------
    InputError
        If the image is 2-D, a single slice, or 4-D when no average is asked for.
    """
    if len(shape) == 4 and not average_4d:
        raise InputError(
            f"The image is 4-D with {shape[3]} volumes.",
            file=path,
            remedy="Give one volume, or ask for their average (--average-4d).",
        )
    if len(shape) not in (3, 4):
        raise InputError(
            f"The image has {len(shape)} dimensions, not 3.",
            file=path,
            remedy="Give a 3-D volume.",
        )
    if min(shape[:3]) < MIN_SLICES:
        raise InputError(
            f"The image is a single slice ({' x '.join(map(str, shape[:3]))} voxels).",
            file=path,
            remedy="Give a volume of at least 2 slices; this pipeline is 3-D.",
        )
