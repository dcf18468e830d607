"""N4: the smooth field of brightness in an MR image, estimated on a regular grid.

Source: Tustison and others, N4ITK, IEEE Transactions on Medical Imaging 2010. Sharp intensities
are guessed from the histogram (`histogram_sharpening`), what they leave is smoothed by a B-spline
(`bspline_grid`) and added to the field, and so on; then the spline gets twice as many spans.

Equal to `N4BiasFieldCorrectionImageFilter` of ITK 5.4 with one thread and a mask that is a box,
digit for digit but for rare last digits of Fourier transforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .bspline_grid import GridAxis, LatticeFit, evaluate, refine
from .histogram_sharpening import sharpen
from .single_precision import log32

FloatArray = NDArray[np.float32]

ITERATIONS: Final = (50, 50, 50, 50)
"""At most, for each number of spans."""
CONVERGED: Final = 1e-7
"""Spread of the change of the field below which an iteration is the last."""
NEARLY_CONVERGED: Final = 1e-6
"""Spread from which on rounding may decide whether an iteration is the last."""


def estimate_bias(
    image: NDArray[Any],
    axes: Sequence[GridAxis],
    *,
    iterations: Sequence[int] = ITERATIONS,
    converged: float = CONVERGED,
) -> FloatArray:
    """Log of the bias field, as control points of a cubic B-spline.

    Parameters
    ----------
    image
        Intensities at the samples in use of `axes`, at least one. Where they are 0 or less they
        stand for their own logarithm, as in ITK.
    axes
        Grid of the image, slowest axis first, with the spans to begin with.
    iterations
        At most, for each number of spans.
    converged
        Coefficient of variation of the change of the field that ends an iteration.

    Returns
    -------
    lattice of `spans` · 2 ** (number of levels - 1) + 3 control points along each axis
    """
    intensity = np.ascontiguousarray(image, dtype=np.float32).ravel()
    bright = intensity > 0
    observed = intensity.copy()
    observed[bright] = log32(intensity[bright])
    field = np.zeros_like(observed)
    lattice = np.zeros([axis.control_points for axis in axes], dtype=np.float32)
    for level, most in enumerate(iterations):
        if level:
            axes = [replace(axis, spans=2 * axis.spans) for axis in axes]
            lattice = refine(lattice)
        lattice, field = _fit_level(observed, field, lattice, axes, most, converged)
    return lattice


def _fit_level(
    observed: FloatArray,
    field: FloatArray,
    lattice: FloatArray,
    axes: Sequence[GridAxis],
    most: int,
    converged: float,
) -> tuple[FloatArray, FloatArray]:
    """Iterate with one number of spans.

    Parameters
    ----------
    observed, field
        Log intensities and log field at the samples, in the order of memory.
    lattice
        Control points of the field.
    most, converged
        When to end.

    Returns
    -------
    lattice, field
    """
    fit = LatticeFit(axes)
    for _ in range(most):
        corrected = observed - field
        lattice = lattice + fit(corrected - sharpen(corrected))
        before, field = field, evaluate(lattice, axes).ravel()
        if _is_converged(before - field, converged):
            break
    return lattice, field


def _is_converged(change: FloatArray, limit: float) -> bool:
    """Whether the factors by which a field changes have nearly no spread.

    Parameters
    ----------
    change
        Of the log field, shape (n,).
    limit
        For the coefficient of variation of the factors.
    """
    if change.std(dtype=np.float64) > NEARLY_CONVERGED:
        return False
    factors = np.exp(change.astype(np.float64)).astype(np.float32)
    return not _running_spread(factors) > np.float32(limit)


def _running_spread(factors: FloatArray) -> np.float32:
    """Coefficient of variation by a running mean in single precision, as in ITK.

    The mean moves by whole last digits only, so that it soon stands still beside the true mean:
    the spread stays above the limit although nothing changes any more. While the mean stands
    still, values are taken many at a time.
    """
    mean, squares, done = np.float32(0), 0.0, 0
    while done < factors.size:
        part = factors[done : done + max(done, 16)]
        number = np.arange(done + 1, done + 1 + part.size, dtype=np.float64)
        addend = (part / number.astype(np.float32)).astype(np.float64)
        following = (np.float64(mean) * (1.0 - 1.0 / number) + addend).astype(np.float32)
        moved = np.flatnonzero(following != mean)
        used = moved[0] + 1 if moved.size else part.size
        deviation = part[:used] - mean
        weight = (number[:used] - 1.0) / number[:used]
        squares += float(((deviation * deviation) * weight).sum())
        mean, done = following[used - 1], done + int(used)
    with np.errstate(invalid="ignore"):  # one value has no spread
        return np.float32(np.sqrt(squares / np.float64(factors.size - 1))) / mean
