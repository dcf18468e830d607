"""Pre-processing: even intensities, no bias field, some empty space around the image.

Source: SPINEPS 2.1.3, phase "pre-processing".
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import Box, bounding_box
from ..core.volume import Volume, make_volume
from ..errors import EmptyResultError
from .bias_field import correct_bias
from .settings import Numerics, PreprocessSettings

TOP_INTENSITY: Final = 1500.0


def preprocess_input(
    image: Volume,
    settings: PreprocessSettings,
    *,
    is_ct: bool,
    background: float = 0.0,
    numerics: Numerics = "corrected",
) -> Volume:
    """Prepare an image for the semantic network.

    Parameters
    ----------
    image
        Grey image in its own orientation and grid.
    settings
        Options of this phase.
    is_ct
        CT: no range normalisation and no bias correction, whatever the settings say.
    background
        Value of the padding.
    numerics
        Decides about the bias correction, see `correct_bias`.

    Returns
    -------
    Volume
        The same grid, `proc_pad_size` voxels larger on every side.

    Raises
    ------
    EmptyResultError
        If all voxels are equal.
    """
    normalise = settings.proc_normalize_input and not is_ct
    correct = settings.proc_sem_n4_bias_correction and not is_ct
    array = image.get_array().copy()
    dtype = array.dtype
    if normalise:
        array = normalise_range(array)
        signal = array > 0
    else:
        signal = array > array.min()
    if not signal.any():
        raise EmptyResultError(
            "The image is constant: there is nothing to segment.",
            remedy="Export the scan again.",
        )
    box: Box = (
        bounding_box(signal)
        if settings.proc_sem_crop_input or not normalise
        else (slice(None), slice(None), slice(None))
    )
    part = array[box]
    if correct:
        zoom = [float(z) for z in image.zoom]
        where = image.apply_crop(box).affine
        part = correct_bias(part, zoom, where, numerics=numerics).astype(dtype)
    if normalise:
        part = normalise_range(part)
    array[box] = part
    corrected = make_volume(array, image.affine, seg=False)
    return pad(corrected, settings.proc_pad_size, background)


def normalise_range(array: NDArray[Any]) -> NDArray[Any]:
    """Shift to a minimum of 0 and shrink to a maximum of 1500; smaller ranges stay."""
    out = array - array.min()
    top = float(out.max())
    if top > TOP_INTENSITY:
        out = (out * (TOP_INTENSITY / top)).astype(array.dtype)
    return np.asarray(out)


def pad(image: Volume, voxels: int, value: float) -> Volume:
    """Add constant voxels on both sides of every axis; world positions stay."""
    if voxels <= 0:
        return image
    array = np.pad(image.get_array(), voxels, constant_values=value)
    affine = np.array(image.affine, dtype=float)
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, float(voxels))
    return make_volume(array, affine, seg=image.seg)
