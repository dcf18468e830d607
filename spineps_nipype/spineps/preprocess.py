"""Pre-processing: even intensities, no bias field, some empty space around the image.

Source: SPINEPS 2.1.3, phase "pre-processing".
"""

from __future__ import annotations

import logging
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from TPTBox import NII

from ..core.components import Box, bounding_box
from ..core.upstream import upstream
from ..errors import EmptyResultError
from ..settings import Numerics, PreprocessSettings

logger = logging.getLogger(__name__)

TOP_INTENSITY: Final = 1500.0
N4_THRESHOLD: Final = 60
"""Voxels from this value on span the box in which the bias field is estimated."""
N4_SHRINK: Final = 4
N4_ITERATIONS: Final = (50, 50, 50, 50)
N4_CONVERGENCE: Final = 1e-7
N4_KNOT_MM: Final = 100.0
SPLINE_ORDER: Final = 3


def preprocess_input(
    image: NII,
    settings: PreprocessSettings,
    *,
    is_ct: bool,
    background: float = 0.0,
    numerics: Numerics = "mended",
) -> NII:
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
        Under ``spineps-2.1.3`` an image without bright voxels makes the bias correction fail.

    Returns
    -------
    NII
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
        strict = upstream(numerics).bias_needs_bright_voxels
        part = correct_bias(part, zoom, strict=strict).astype(dtype)
    if normalise:
        part = normalise_range(part)
    array[box] = part
    corrected = NII.from_numpy(array, image.affine, False)
    return pad(corrected, settings.proc_pad_size, background)


def normalise_range(array: NDArray[Any]) -> NDArray[Any]:
    """Shift to a minimum of 0 and shrink to a maximum of 1500; smaller ranges stay."""
    out = array - array.min()
    top = float(out.max())
    if top > TOP_INTENSITY:
        out = (out * (TOP_INTENSITY / top)).astype(array.dtype)
    return np.asarray(out)


def correct_bias(
    array: NDArray[Any], zoom: list[float], *, strict: bool = False
) -> NDArray[np.float32]:
    """N4 bias field correction, the field estimated on a shrunken image.

    One thread is used, because the result depends on their number.

    Parameters
    ----------
    array
        Image, any orientation.
    zoom
        Spacing of its axes in mm.
    strict
        Fail when no voxel reaches the threshold, instead of using the whole image.

    Raises
    ------
    ValueError
        If `strict` and no voxel reaches 60.
    """
    import SimpleITK as sitk

    bright = array >= N4_THRESHOLD
    if strict or bright.any():
        inside: Box = bounding_box(bright)
    else:
        inside = (slice(None), slice(None), slice(None))
    mask = np.zeros(array.shape, dtype=np.uint8)
    mask[inside] = 1
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing(zoom[::-1])
    where = sitk.GetImageFromArray(mask)
    where.CopyInformation(image)
    lower, upper, spans = zip(*map(_spline_padding, image.GetSize(), zoom[::-1]), strict=True)
    image, where = (sitk.ConstantPad(i, lower, upper, 0) for i in (image, where))
    shrink = [min(N4_SHRINK, size) for size in image.GetSize()]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(1)
    n4.SetMaximumNumberOfIterations(list(N4_ITERATIONS))
    n4.SetConvergenceThreshold(N4_CONVERGENCE)
    n4.SetSplineOrder(SPLINE_ORDER)
    n4.SetNumberOfControlPoints([n + SPLINE_ORDER for n in spans])
    n4.Execute(sitk.Shrink(image, shrink), sitk.Shrink(where, shrink))
    log_field = sitk.Crop(n4.GetLogBiasFieldAsImage(image), lower, upper)
    field = np.exp(sitk.GetArrayFromImage(log_field))
    return np.asarray(array.astype(np.float32) / field, dtype=np.float32)


def _spline_padding(size: int, spacing: float) -> tuple[int, int, int]:
    """Voxels to add before and after an axis, so that whole spans of 100 mm cover it.

    Returns
    -------
    before, after : voxels
    spans : number of spans, at least 1
    """
    extent = (size - 1) * spacing
    spans = max(math.ceil(extent / N4_KNOT_MM), 1)
    missing = int((spans * N4_KNOT_MM - extent) / spacing + 0.5)
    return missing // 2, missing - missing // 2, spans


def pad(image: NII, voxels: int, value: float) -> NII:
    """Add constant voxels on both sides of every axis; world positions stay."""
    if voxels <= 0:
        return image
    array = np.pad(image.get_array(), voxels, constant_values=value)
    affine = np.array(image.affine, dtype=float)
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, float(voxels))
    return NII.from_numpy(array, affine, image.seg)
