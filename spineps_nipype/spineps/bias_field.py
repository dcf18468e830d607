"""N4 bias field correction, the field estimated on a shrunken image.

Source: SPINEPS 2.1.3, which calls ANTs; what ANTs does around ITK's N4 filter is done here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.bspline_grid import ORDER, GridAxis, evaluate
from ..core.components import Box, bounding_box, everywhere
from ..core.n4 import estimate_bias
from .settings import Numerics
from .upstream import upstream

N4_THRESHOLD: Final = 60
"""Voxels from this value on span the box in which the bias field is estimated."""
N4_SHRINK: Final = 4
N4_KNOT_MM: Final = 100.0
CHUNK_VOXELS: Final = 2**18
"""Voxels whose field is computed at a time."""
TO_LPS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the world of NIfTI to that of ITK."""


@dataclass(frozen=True)
class PaddedAxis:
    """An axis of an image that whole spans of a spline cover, and the voxels sampled of it.

    Parameters
    ----------
    size
        Voxels of the image.
    before, padded
        Voxels added before it; all voxels, with those added on both sides.
    spacing
        mm.
    spans
        Of the spline to begin with.
    factor
        Every how manyth voxel is a sample.
    """

    size: int
    before: int
    padded: int
    spacing: float
    spans: int
    factor: int

    @classmethod
    def cover(cls, size: int, spacing: float) -> PaddedAxis:
        """Pad an axis as ANTs does for spans of 100 mm."""
        before, after, spans = _spline_padding(size, spacing)
        padded = size + before + after
        # ANTs fails where a single sample would be left, which happens with very thick slices.
        return cls(size, before, padded, spacing, spans, max(min(N4_SHRINK, padded // 2), 1))

    @property
    def first_sample(self) -> int:
        """First sample that gives all voxels and the samples the same middle; ties go up."""
        last = self.factor * (self.padded // self.factor - 1)
        return math.floor((self.padded - 1 - last) / 2 + 0.5)

    def shrunken(self, first: int, part: slice) -> tuple[slice, GridAxis]:
        """Samples in a part of the image: their voxels, and their place among all samples."""
        count = len(range(first, self.padded, self.factor)[: self.padded // self.factor])
        start, stop = (
            min(max(math.ceil((edge + self.before - first) / self.factor), 0), count)
            for edge in (part.start, part.stop)
        )
        origin = first - self.before
        voxels = slice(origin + start * self.factor, origin + stop * self.factor, self.factor)
        return voxels, GridAxis(count, self.spacing * self.factor, self.spans, start, stop)

    def whole(self, spans: int, part: slice) -> GridAxis:
        """All voxels of a part of the image."""
        start, stop = part.start + self.before, part.stop + self.before
        return GridAxis(self.padded, self.spacing, spans, start, stop)


def correct_bias(
    array: NDArray[Any],
    zoom: Sequence[float],
    affine: NDArray[Any] | None = None,
    *,
    numerics: Numerics = "corrected",
) -> NDArray[np.float32]:
    """Divide an image by its bias field.

    Where no sample of the shrunken image meets the box of bright voxels, which happens with three
    slices or fewer, the image stays as it is (as in SPINEPS).

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
    switches = upstream(numerics)
    inside = _bright_box(array, required=switches.bias_needs_bright_voxels)
    axes = [PaddedAxis.cover(n, float(z)) for n, z in zip(array.shape, zoom, strict=True)]
    if switches.bias_samples_by_position and affine is not None:
        first = first_by_position(axes, affine)
    else:
        first = [axis.first_sample for axis in axes]
    shrunken = [a.shrunken(f, part) for a, f, part in zip(axes, first, inside, strict=True)]
    samples, grid = zip(*shrunken, strict=True)
    if any(axis.start == axis.stop for axis in grid):
        return array.astype(np.float32)
    lattice = estimate_bias(array[samples], grid)
    region = inside if switches.bias_stays_outside_box else everywhere(array)
    whole = [
        a.whole(points - ORDER, part)
        for a, points, part in zip(axes, lattice.shape, region, strict=True)
    ]
    corrected = array.astype(np.float32)  # not earlier: the fit needs memory, too
    _divide_by_field(corrected[region], lattice, whole)
    return corrected


def _bright_box(array: NDArray[Any], *, required: bool) -> Box:
    """Box of the bright voxels, all of the image if there are none and none are required."""
    bright = array >= N4_THRESHOLD
    return bounding_box(bright) if required or bright.any() else everywhere(array)


def _divide_by_field(
    image: NDArray[np.float32], lattice: NDArray[np.float32], axes: Sequence[GridAxis]
) -> None:
    """Divide an image in place, some of it at a time, which keeps the field out of memory."""
    slow = axes[0]
    step = max(CHUNK_VOXELS // math.prod(image.shape[1:]), 1)
    for start in range(slow.start, slow.stop, step):
        part = replace(slow, start=start, stop=min(start + step, slow.stop))
        there = slice(part.start - slow.start, part.stop - slow.start)
        image[there] /= np.exp(evaluate(lattice, [part, *axes[1:]]))


def _spline_padding(size: int, spacing: float) -> tuple[int, int, int]:
    """Voxels to add before and after an axis, so that whole spans of 100 mm cover it.

    Returns
    -------
    before, after : voxels
    spans : number of spans, at least 1
    """
    extent = (size - 1) * spacing
    spans = max(math.ceil(extent / N4_KNOT_MM), 1)
    missing = max(int((spans * N4_KNOT_MM - extent) / spacing + 0.5), 2 - size)
    return missing // 2, missing - missing // 2, spans


def first_by_position(axes: Sequence[PaddedAxis], affine: NDArray[Any]) -> list[int]:
    """First sample of every axis as ITK's shrink filter finds it inside ANTs.

    The filter turns voxels into world positions and back. Where the middle of a voxel block lies
    between two voxels, which is so for every even size, the last digit decides. That digit is
    SimpleITK's own: it inverts the grid by the singular values of LINPACK, which NumPy lacks.

    Parameters
    ----------
    axes
        Of the image with padding, whose first voxels have negative numbers in ITK.
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

    start = [math.ceil(-axis.before / axis.factor) for axis in axes]
    middle = [(axis.padded - 1) / 2 - axis.before for axis in axes]
    small_middle = [
        first + (axis.padded // axis.factor - 1) / 2
        for first, axis in zip(start, axes, strict=True)
    ]
    fine = grid((1, 1, 1), world[:3, 3])
    coarse = grid([axis.factor for axis in axes], world[:3, 3])
    shift = np.subtract(
        fine.TransformContinuousIndexToPhysicalPoint(middle),
        coarse.TransformContinuousIndexToPhysicalPoint(small_middle),
    )
    coarse.SetOrigin((world[:3, 3] + shift).tolist())
    found = fine.TransformPhysicalPointToIndex(coarse.TransformIndexToPhysicalPoint(start))
    return [
        max(place, first * axis.factor) + axis.before
        for place, first, axis in zip(found, start, axes, strict=True)
    ]
