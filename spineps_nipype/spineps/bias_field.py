"""N4 bias field correction, the field estimated on a shrunken image.

Source: SPINEPS 2.1.3, which calls ANTs; what ANTs does around ITK's N4 filter is done here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import Box, bounding_box
from .settings import Numerics
from .upstream import upstream

N4_THRESHOLD: Final = 60
"""Voxels from this value on span the box in which the bias field is estimated."""
N4_SHRINK: Final = 4
N4_ITERATIONS: Final = (50, 50, 50, 50)
N4_CONVERGENCE: Final = 1e-7
N4_KNOT_MM: Final = 100.0
SPLINE_ORDER: Final = 3
TO_LPS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the world of NIfTI to that of ITK."""


def correct_bias(
    array: NDArray[Any],
    zoom: Sequence[float],
    affine: NDArray[Any] | None = None,
    *,
    numerics: Numerics = "corrected",
) -> NDArray[np.float32]:
    """Divide an image by its bias field.

    One thread is used, because the result depends on their number.

    Parameters
    ----------
    array
        Image, any orientation.
    zoom
        Spacing of its axes in mm.
    affine
        From voxels to the world; needed unless `numerics` is ``corrected``.
    numerics
        Under that of SPINEPS an image without bright voxels fails, the field ends at the box of
        the bright voxels, and rounding of world positions decides which voxels stand in the
        shrunken image.

    Raises
    ------
    ValueError
        If no voxel reaches 60 under the numerics of SPINEPS.
    """
    import SimpleITK as sitk

    switches = upstream(numerics)
    bright = array >= N4_THRESHOLD
    if switches.bias_needs_bright_voxels or bright.any():
        inside: Box = bounding_box(bright)
    else:
        inside = (slice(None), slice(None), slice(None))
    mask = np.zeros(array.shape, dtype=np.uint8)
    mask[inside] = 1
    lower, upper, spans = zip(*map(_spline_padding, array.shape, zoom), strict=True)
    around = list(zip(lower, upper, strict=True))
    size = [n + low + up for n, low, up in zip(array.shape, lower, upper, strict=True)]
    shrink = [min(N4_SHRINK, n) for n in size]
    if switches.bias_samples_by_position and affine is not None:
        first = _first_by_position(size, lower, shrink, affine)
    else:
        first = [_first_sample(n, factor) for n, factor in zip(size, shrink, strict=True)]
    samples = tuple(
        slice(start, start + n // factor * factor, factor)
        for start, n, factor in zip(first, size, shrink, strict=True)
    )
    spacing = [float(z) for z in reversed(zoom)]
    image, where = (
        sitk.GetImageFromArray(np.ascontiguousarray(np.pad(a, around)[samples]))
        for a in (array.astype(np.float32), mask)
    )
    for small in (image, where):
        small.SetSpacing([z * f for z, f in zip(spacing, reversed(shrink), strict=True)])
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetNumberOfThreads(1)
    n4.SetMaximumNumberOfIterations(list(N4_ITERATIONS))
    n4.SetConvergenceThreshold(N4_CONVERGENCE)
    n4.SetSplineOrder(SPLINE_ORDER)
    n4.SetNumberOfControlPoints([n + SPLINE_ORDER for n in reversed(spans)])
    n4.Execute(image, where)
    whole = sitk.Image(size[::-1], sitk.sitkFloat32)
    whole.SetSpacing(spacing)
    log_field = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(whole))
    inner = tuple(slice(low, low + n) for low, n in zip(lower, array.shape, strict=True))
    field = np.exp(log_field[inner])
    if switches.bias_stays_outside_box:
        field[mask == 0] = 1
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


def _first_sample(size: int, factor: int) -> int:
    """First voxel of a shrunken axis, so that both have the same middle; ties go up."""
    return math.floor((size - 1 - factor * (size // factor - 1)) / 2 + 0.5)


def _first_by_position(
    size: Sequence[int], lower: Sequence[int], factors: Sequence[int], affine: NDArray[Any]
) -> list[int]:
    """First voxel of every axis as ITK's shrink filter finds it inside ANTs.

    The filter turns voxels into world positions and back. Where the middle of a voxel block lies
    between two voxels, which is so for every even size, the last digit decides.

    Parameters
    ----------
    size
        Voxels of the padded image.
    lower
        Voxels of padding before it: ITK gives them negative numbers.
    factors
        Voxels that become one.
    affine
        From voxels of the image without padding to the world.
    """
    import SimpleITK as sitk

    world = TO_LPS @ np.asarray(affine, dtype=float)
    spacing = np.linalg.norm(world[:3, :3], axis=0)

    def grid(scale: Sequence[int], origin: Sequence[float]) -> sitk.Image:
        image = sitk.Image([1, 1, 1], sitk.sitkUInt8)
        image.SetSpacing([float(s) * f for s, f in zip(spacing, scale, strict=True)])
        image.SetDirection((world[:3, :3] / spacing).ravel().tolist())
        image.SetOrigin([float(o) for o in origin])
        return image

    start = [math.ceil(-low / factor) for low, factor in zip(lower, factors, strict=True)]
    middle = [(n - 1) / 2 - low for n, low in zip(size, lower, strict=True)]
    small_middle = [
        first + (n // factor - 1) / 2
        for first, n, factor in zip(start, size, factors, strict=True)
    ]
    fine, coarse = grid((1, 1, 1), world[:3, 3]), grid(factors, world[:3, 3])
    shift = np.subtract(
        fine.TransformContinuousIndexToPhysicalPoint(middle),
        coarse.TransformContinuousIndexToPhysicalPoint(small_middle),
    )
    coarse.SetOrigin((world[:3, 3] + shift).tolist())
    found = fine.TransformPhysicalPointToIndex(coarse.TransformIndexToPhysicalPoint(start))
    return [
        max(place, first * factor) + low
        for place, first, factor, low in zip(found, start, factors, lower, strict=True)
    ]
