"""The step of N4 that finds out how bright a voxel would be without the bias field.

A smooth field multiplies intensities by factors around 1, so it blurs the histogram of log
intensities. Deconvolution with a Gaussian gives a sharp histogram, and the mean of the sharp
intensities that a blurred one may come from is the best guess for it. Source: Sled, Zijdenbos and
Evans, IEEE Transactions on Medical Imaging 1998; details are those of ITK's N4.

Two of these details make the result jump: the brightest value counts only if its place in the
histogram is rounded down to the last bin, and the lowest value is not looked for where the values
rise from the start. So a last digit decides about a voxel, which in small images is much, and
rounding must be that of ITK throughout.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .single_precision import exp32

FloatArray = NDArray[np.float32]

BINS: Final = 200
PADDED: Final = 512
"""Bins with the empty ones around, which keep the ends of the histogram apart in a transform."""
BEFORE: Final = (PADDED - BINS) // 2
FULL_WIDTH: Final = np.float32(0.15)
"""Full width at half maximum of the Gaussian, in log intensities (Sled 1998)."""
WIENER_NOISE: Final = float(np.float32(0.01))
"""Keeps the deconvolution from enlarging noise (Sled 1998: Z squared)."""
NEVER_BELOW_FLOAT: Final = -104.0
"""exp of less is 0 in single precision."""


def sharpen(values: FloatArray) -> FloatArray:
    """Log intensities as they would be without a smooth bias field.

    Parameters
    ----------
    values
        Log intensities, shape (n,), n > 0, in the order of memory.
    """
    low, rising = _lowest(values)
    slope = (values.max() - low) / np.float32(BINS - 1)
    if not slope > 0:  # equal values, or values that only rise: an empty histogram
        return np.zeros_like(values)
    place = (values - low) / slope
    bins = place.astype(np.intp)
    share = place - bins.astype(np.float32)
    top = np.flatnonzero(bins >= BINS - 1)
    dropped = np.concatenate([top[share[top] > 0], np.flatnonzero(place[:rising] < 0)])
    bins[dropped], share[dropped] = BINS, 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        sharp = _expected(_histogram(bins, share), low, slope)
        sharp = np.append(sharp, sharp[-1])  # what was dropped is as bright as the last bin
        rise = np.diff(sharp, append=sharp[-1])
        return np.asarray(sharp[bins] + rise[bins] * share)


def _lowest(values: FloatArray) -> tuple[np.float32, int]:
    """Lowest value after the start, as long as values rise there, and the length of that start."""
    stays = values[1:] <= values[:-1]
    rising = int(stays.argmax()) + 1 if stays.size else 1
    if not stays[rising - 1 : rising].any():
        return np.finfo(np.float32).max, len(values)  # ITK's start of the search
    return values[rising:].min(), rising


def _histogram(bins: NDArray[np.intp], share: FloatArray) -> FloatArray:
    """Number of values in each bin, each value shared between its bin and the next.

    Sums are float32 and run in the order of memory. What a value leaves in its own bin needs
    double precision in the first bin only: elsewhere it has few digits.
    """
    counts = np.zeros(BINS + 2, dtype=np.float32)
    where, shares = np.empty((bins.size, 2), dtype=np.intp), np.empty((bins.size, 2), np.float32)
    where[:, 0], shares[:, 1] = bins, share
    np.add(bins, 1, out=where[:, 1])
    np.subtract(1, share, out=shares[:, 0])
    np.add.at(counts, where.ravel(), shares.ravel())
    lowest = share[bins == 0]
    counts[0] = 0
    np.add.at(counts, np.zeros(lowest.size, dtype=np.intp), 1.0 - lowest.astype(np.float64))
    return counts[:BINS]


def _expected(counts: FloatArray, low: np.float32, slope: np.float32) -> FloatArray:
    """Mean sharp intensity for the middle of every bin."""
    blur = np.fft.rfft(_gaussian(slope))
    restore = (blur.conj() / (blur.conj() * blur + WIENER_NOISE)).real
    padded = np.zeros(PADDED)
    padded[BEFORE : BEFORE + BINS] = counts
    sharp = np.fft.irfft(np.fft.rfft(padded) * restore, PADDED)
    sharp = np.where(sharp < 0, 0.0, sharp)
    intensity = low + (np.arange(PADDED, dtype=np.float32) - np.float32(BEFORE)) * slope
    both = np.stack([intensity.astype(np.float64) * sharp, sharp])
    total, number = np.fft.irfft(np.fft.rfft(both) * blur, PADDED)
    mean = np.divide(total, number, out=np.zeros(PADDED), where=number != 0)
    return np.asarray(mean[BEFORE : BEFORE + BINS], dtype=np.float32)


def _gaussian(slope: np.float32) -> NDArray[Any]:
    """Gaussian in bins, its middle at 0, around which it is wrapped."""
    width = FULL_WIDTH / slope
    decay = np.float32(4.0 * math.log(2.0) / np.float64(width * width))
    height = np.float32(2.0 * math.sqrt(math.log(2.0) / math.pi) / np.float64(width))
    bins = np.arange(PADDED // 2, dtype=np.float32)
    exponent = -(bins * bins) * decay
    half = np.zeros(PADDED // 2 + 1)
    reached = ~(exponent < NEVER_BELOW_FLOAT)
    half[:-1][reached] = height * exp32(exponent[reached])
    half[-1] = np.float64(height) * np.exp(-0.25 * PADDED**2 * np.float64(decay))
    return np.concatenate([half, half[-2:0:-1]])
