"""Conversion of a volume to the slices that the networks see, and back.

Arrays have the axes sagittal slice, posterior to anterior (width), inferior to superior
(height). Source: spine-segmentation 0.3.2, preprocessing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.label_sampling import heaviest_labels
from ..errors import InputError
from .settings import Numerics, SliceSettings
from .upstream import upstream

logger = logging.getLogger(__name__)

WIDTH: Final = 320
HEIGHT: Final = 896
"""Size of a slice for the networks, in pixels."""
NEIGHBOURS: Final = 3
"""Channels of the networks: the previous, the present and the next slice."""
NETWORK_STEP: Final = 128
"""Largest power of two that divides the height: whatever step the coarsest level of a network has,
multiples of this suit it (the released ones have 32, the compact ones 16 and 64)."""
PADDING_SEEN: Final = 128
"""Pixels of padding that networks get above what slices show, at least: two steps of the coarsest
level. With 158 random networks of the released size give 2 pixels in 100,000 another class than
with all of the padding, the compact ones fewer than 1 in 1,000 on slices of a phantom with 128."""
SAME_PIXEL: Final = 0.02
"""Relative difference of pixel sizes below which slices are not resampled."""


def crop_or_pad(volume: NDArray[Any], width: int = WIDTH, height: int = HEIGHT) -> NDArray[Any]:
    """Crop or pad slices to a size.

    Cropping keeps the middle of the width and the inferior part of the height. Zeros are added on
    both sides of the width, the larger half anteriorly, and superiorly.

    Parameters
    ----------
    volume
        Shape (slices, width, height).
    """
    start = max(0, volume.shape[1] // 2 - width // 2)
    part = volume[:, start : start + width, :height]
    left = (width - part.shape[1]) // 2
    out = np.zeros((len(volume), width, height), dtype=volume.dtype)
    out[:, left : left + part.shape[1], : part.shape[2]] = part
    return out


def restore_size(
    labels: NDArray[Any], width: int, height: int, *, numerics: Numerics = "corrected"
) -> NDArray[Any]:
    """Undo `crop_or_pad`; parts that were cropped come back as zeros.

    Parameters
    ----------
    labels
        Shape (slices, 320, 896) or whatever size the slices were brought to.
    width, height
        Original size.
    numerics
        ``original`` applies `crop_or_pad` again, which shifts odd widths by one pixel.
    """
    if upstream(numerics).odd_widths_moved:
        return crop_or_pad(labels, width, height)
    shown = labels[_filled(labels.shape[1:], (width, height))]
    cut = max(0, width // 2 - labels.shape[1] // 2)
    out = np.zeros((len(labels), width, height), dtype=labels.dtype)
    out[:, cut : cut + shown.shape[1], : shown.shape[2]] = shown
    return out


def _filled(have: Sequence[int], given: Sequence[int]) -> tuple[slice, slice, slice]:
    """Box of slices of size `have` that `crop_or_pad` fills, given slices of size `given`."""
    width, height = min(have[0], given[0]), min(have[1], given[1])
    left = (have[0] - width) // 2
    return np.s_[:, left : left + width, :height]


def height_with_margin(shown: int, height: int = HEIGHT) -> int:
    """Part of the height that networks need to see.

    Parameters
    ----------
    shown
        Pixels that are no padding, from the lower end.
    height
        All of it.
    """
    return min(-(-(shown + PADDING_SEEN) // NETWORK_STEP) * NETWORK_STEP, height)


def with_neighbours(volume: NDArray[Any]) -> NDArray[Any]:
    """Each slice between its neighbours; the first and last are their own missing neighbours.

    Returns
    -------
    array
        Shape (slices, 3, width, height).
    """
    index = np.arange(len(volume))
    last = len(volume) - 1
    return np.stack(
        [volume[np.maximum(index - 1, 0)], volume, volume[np.minimum(index + 1, last)]], axis=1
    )


def normalised(volume: NDArray[Any]) -> NDArray[np.float32]:
    """Scale intensities to the range from 0 to 1; a constant volume becomes 0."""
    data = np.asarray(volume, dtype=np.float32)
    low, high = float(data.min()), float(data.max())
    if high <= low:
        return np.zeros_like(data)
    return (data - np.float32(low)) / np.float32(high - low)


def view_as_pir(slices: NDArray[Any]) -> NDArray[Any]:
    """View of a volume of slices with the axes P, I, R."""
    return slices.transpose(1, 2, 0)[::-1, ::-1]


@dataclass(frozen=True)
class Slices:
    """Input of the networks, and how it is related to the volume.

    Parameters
    ----------
    data
        Shape (slices, 320, 896), float32.
    input_shape
        Shape of the volume.
    resampled_shape
        Shape after resampling; equal to `input_shape` without resampling.
    spacing
        Voxel size of `data` in mm, None if that of the volume is not known.
    """

    data: NDArray[np.float32]
    input_shape: tuple[int, int, int]
    resampled_shape: tuple[int, int, int]
    spacing: tuple[float, float, float] | None = None

    @property
    def shown(self) -> tuple[slice, slice, slice]:
        """Box of `data` that is not padding."""
        return _filled(self.data.shape[1:], self.resampled_shape[1:])

    def from_input(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Labels on the grid of the input in the size of `data`, by the nearest voxel."""
        rows, columns = (
            _nearest(old, new)
            for old, new in zip(self.input_shape[1:], self.resampled_shape[1:], strict=True)
        )
        return crop_or_pad(np.ascontiguousarray(labels[:, rows][:, :, columns]))

    def to_input(self, labels: NDArray[Any], *, numerics: Numerics = "corrected") -> NDArray[Any]:
        """Labels of the size of `data` on the grid of the input, with smooth borders."""
        sized = restore_size(labels, *self.resampled_shape[1:], numerics=numerics)
        if self.resampled_shape == self.input_shape:
            return sized
        rows, columns = (
            _nearest(old, new)
            for old, new in zip(self.resampled_shape[1:], self.input_shape[1:], strict=True)
        )
        nearest = np.ascontiguousarray(sized[:, rows][:, :, columns])
        steps = np.divide(self.resampled_shape, self.input_shape)
        to_sized = np.diag([*steps, 1.0])
        to_sized[:3, 3] = (steps - 1) / 2
        return heaviest_labels(nearest, sized, to_sized)


def prepare_slices(
    volume: NDArray[Any],
    settings: SliceSettings,
    *,
    spacing: Sequence[float] | None = None,
    numerics: Numerics = "corrected",
) -> Slices:
    """Check, resample, normalise and crop a volume.

    Parameters
    ----------
    volume
        Shape (slices, width, height).
    spacing
        Voxel size in mm along the three axes; without it nothing is resampled.
    numerics
        Under ``original`` there is neither resampling nor normalisation.

    Raises
    ------
    InputError
        If the volume does not have three dimensions, or under ``original`` only one slice.
    """
    data = np.asarray(volume)
    if data.ndim != 3:
        hint = "Repeat a single slice three times." if data.ndim < 3 else "Give one volume."
        raise InputError(f"The image has {data.ndim} dimensions, not 3.", remedy=hint)
    rules = upstream(numerics)
    if rules.single_slice_refused and len(data) == 1:
        raise InputError(
            "The image has a single slice.", remedy="The corrected rules accept such an image."
        )
    shape = (data.shape[0], data.shape[1], data.shape[2])
    data = data.astype(np.float32)
    if not rules.voxels_as_stored:
        if settings.resample and spacing is not None:
            data = _to_pixel_size(data, spacing, settings.pixel_size)
        if settings.normalise:
            data = normalised(data)
    if data.shape[1] > WIDTH or data.shape[2] > HEIGHT:
        logger.warning(
            "slices of %d x %d pixels are cut to %d x %d: the middle of the width and the "
            "inferior part of the height",
            *data.shape[1:],
            WIDTH,
            HEIGHT,
        )
    resampled = (data.shape[0], data.shape[1], data.shape[2])
    step = None
    if spacing is not None:
        factors = [s * n / m for s, n, m in zip(spacing, shape, resampled, strict=True)]
        step = (factors[0], factors[1], factors[2])
    return Slices(crop_or_pad(data), shape, resampled, step)


def _to_pixel_size(
    data: NDArray[np.float32], spacing: Sequence[float], pixel: float
) -> NDArray[np.float32]:
    """Resample slices linearly to square pixels of a size in mm; their field of view stays."""
    scale = [s / pixel for s in spacing[1:]]
    if all(abs(s - 1) < SAME_PIXEL for s in scale):
        return data
    size = [max(1, round(n * s)) for n, s in zip(data.shape[1:], scale, strict=True)]
    steps = [n / m for n, m in zip(data.shape[1:], size, strict=True)]
    offset = [0.0, *((s - 1) / 2 for s in steps)]
    return np.asarray(
        ndimage.affine_transform(
            data,
            np.array([1.0, *steps]),
            offset,
            output_shape=(len(data), *size),
            order=1,
            mode="nearest",
        )
    )


def _nearest(old: int, new: int) -> NDArray[np.intp]:
    """Index of the nearest of `old` pixels for each of `new` pixels over the same length."""
    centre = (np.arange(new) + 0.5) * old / new
    return np.minimum(centre.astype(np.intp), old - 1)
