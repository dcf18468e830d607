"""Images of phantoms: contrast, partial volume, texture, bias and noise.

Ranges are (low, high) of an even draw, fields vary over so many voxels along P, I, R. All values
are ours, wide enough that real scans lie inside.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d, zoom

from .contrast import CONTRASTS, draw_intensities
from .generate import Phantom
from .geometry import Array
from .slices import mean_slices

__all__ = ["CONTRASTS", "render", "render_tissue"]

NO_SLICES: Final = ("CT",)
"""Contrasts that are never acquired in thick slices here."""
THICK: Final = 1.2
"""Slices are thick from this many voxels on."""
GREY_VALUES: Final = 1000
"""Grey values in one unit of signal: fluid in T2w, HU / 1000 in CT."""

SHADE: Final = (0, 0.12)
SHADE_CELLS: Final = (12, 14, 8)
"""Slow changes of the signal within tissues: amplitude, and voxels over which they go."""
BLUR_MM: Final = (0.3, 0.7)
"""Standard deviation of the point spread."""
NOISE: Final = (0.008, 0.06)
CT_NOISE: Final = (0.008, 0.12)
"""Standard deviation of the noise, relative to the brightest tissue."""

FINE_ONLY: Final = 0.25
"""Share of images without a coarse texture."""
COARSE_CELLS: Final = (3, 3, 2)
FINE_WEIGHT: Final = (1, -0.5)
COARSE_WEIGHT: Final = (0.6, 0.6)
"""Weights of both textures for a mixture of 0, and what they gain up to a mixture of 1."""

SLICE_SIGMA: Final = 0.40
"""Standard deviation of the slice profile, as a share of the slice thickness."""
LEAST_SIGMA: Final = 0.35
"""The same at least, in voxels."""
SLICE_JITTER: Final = (-0.3, 0.3)
"""Where slices lie on the grid, voxels."""

BIAS: Final = (0, 0.25)
BIAS_CELLS: Final = (45, 60, 25)
"""Logarithm of the receive field: amplitude and voxels."""
TABLE_COIL_ODDS: Final = 0.7
TABLE_COIL: Final = (0, 1)
"""Coils in the table: bright behind, dark in front. Logarithm of the change from the middle."""
CURVE_ODDS: Final = 0.4
CURVE: Final = (0.75, 1.35)
"""Exponent of the grey-value curve of some scans."""

EPI_SHIFT: Final = (0, 2)
EPI_SHIFT_CELLS: Final = (20, 2, 2)
"""Displacement of rows in EPI: standard deviation in voxels, and rows over which it changes."""
DROPOUT: Final = (1.3, 0.5)
DROPOUT_CELLS: Final = (25, 30, 12)
DROPOUT_LIMITS: Final = (0.1, 1)
"""Signal left in EPI: the first, less the second times a field, within limits."""
EPI_BLUR: Final = (0.9, 0.7, 0.3)
"""Standard deviation of the blur of EPI, voxels."""
BLUR_TRUNCATE: Final = 2.5
SLICE_TRUNCATE: Final = 2.0
"""Standard deviations at which the kernels of the blur and of the slice profile end."""


def render(
    phantom: Phantom,
    *,
    contrast: str = "T2w",
    seed: int = 0,
    slice_thickness: float | None = None,
    slice_axis: int = 2,
    joined: int = 1,
    noise: float | None = None,
    displaced: bool = True,
) -> Array:
    """Draw an image of a phantom.

    Parameters
    ----------
    contrast
        One of `CONTRASTS`; "random" draws every tissue's intensity freely.
    seed
        Of contrast, texture and noise; independent of the phantom's seed.
    slice_thickness
        mm; the image is then averaged over slices, and interpolated back to the grid. None takes
        the voxels as they are.
    slice_axis
        Array axis across the slices: 2 is sagittal, 1 axial, 0 coronal.
    joined
        Number of slices along R of which the image shows the mean, see `join_slices`; instead of
        `slice_thickness`, and without a way back to the grid.
    noise
        Standard deviation relative to the brightest tissue; None draws it.
    displaced
        EPI only: move rows along P, as field errors do. Labels do not move with them.

    Returns
    -------
    ndarray of float32, shape of the phantom, or of the joined one
        CT in Hounsfield units; all other contrasts are not negative, fluid near 1000 in T2w.

    Raises
    ------
    ValueError
        For an unknown contrast, or both `joined` and `slice_thickness`.
    """
    return render_tissue(
        phantom.tissue,
        phantom.spacing,
        np.random.default_rng((seed, phantom.plan.seed)),
        contrast=contrast,
        slice_thickness=slice_thickness,
        slice_axis=slice_axis,
        joined=joined,
        noise=noise,
        displaced=displaced,
    )


def render_tissue(
    tissue: Array,
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
    *,
    contrast: str = "T2w",
    slice_thickness: float | None = None,
    slice_axis: int = 2,
    joined: int = 1,
    noise: float | None = None,
    displaced: bool = True,
) -> Array:
    """Draw an image of a tissue array (P, I, R); see `render` for the parameters.

    This is the function for training, where the array is a turned and scaled patch.
    """
    if joined > 1 and slice_thickness is not None:
        raise ValueError("thick slices are either joined or blurred: joined or slice_thickness")
    mean, spread = draw_intensities(contrast, rng)
    image = mean[tissue]
    image += spread[tissue] * _texture(tissue.shape, rng)
    image *= 1 + smooth_noise(tissue.shape, SHADE_CELLS, rng) * np.float32(rng.uniform(*SHADE))
    blur = rng.uniform(*BLUR_MM) / np.asarray(spacing)
    image = gaussian_filter(image, blur, truncate=BLUR_TRUNCATE)
    if joined > 1:
        image = mean_slices(image, joined)
    usual = CT_NOISE if contrast == "CT" else NOISE
    level = rng.uniform(*usual) if noise is None else noise
    thick = slice_thickness or 0.0
    if thick > THICK * spacing[slice_axis] and contrast not in NO_SLICES:
        image = _through_slices(image, spacing[slice_axis], thick, slice_axis, rng, level)
    else:
        image = _add_noise(image, rng, level, magnitude=contrast != "CT")
    if contrast == "CT":
        return (image * GREY_VALUES).astype(np.float32)
    return (_receive(image, rng, contrast, displaced) * GREY_VALUES).astype(np.float32)


def smooth_noise(
    shape: tuple[int, ...], cells: tuple[int, int, int], rng: np.random.Generator
) -> Array:
    """Unit random field that varies over a number of voxels per axis, float32."""
    coarse = [max(2, -(-n // c) + 1) for n, c in zip(shape, cells, strict=True)]
    field = rng.standard_normal(coarse, dtype=np.float32)
    factor = [n / c for n, c in zip(shape, coarse, strict=True)]
    return np.asarray(zoom(field, factor, order=1, mode="nearest", grid_mode=True))


def _texture(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Mixture of fine and coarse granularity."""
    fine = rng.standard_normal(shape, dtype=np.float32)
    mix = rng.uniform(0, 1)
    if mix < FINE_ONLY:
        return fine
    coarse = smooth_noise(shape, COARSE_CELLS, rng)
    of_fine, of_coarse = (start + gain * mix for start, gain in (FINE_WEIGHT, COARSE_WEIGHT))
    return np.asarray(np.float32(of_fine) * fine + np.float32(of_coarse) * coarse)


def _through_slices(
    image: Array, step: float, thick: float, axis: int, rng: np.random.Generator, noise: float
) -> Array:
    """Average over thick slices, add noise there, and interpolate back linearly."""
    sigma = SLICE_SIGMA * thick / step
    image = gaussian_filter1d(image, max(sigma, LEAST_SIGMA), axis, truncate=SLICE_TRUNCATE)
    n = image.shape[axis]
    count = max(2, round(n * step / thick))
    at = (np.arange(count) + 0.5) / count * n - 0.5 + rng.uniform(*SLICE_JITTER)
    at = np.clip(np.round(at).astype(int), 0, n - 1)
    slices = _add_noise(np.take(image, at, axis), rng, noise, magnitude=True)
    back = np.clip((np.arange(n) + 0.5) * count / n - 0.5, 0, count - 1)
    low = np.floor(back).astype(int)
    high = np.minimum(low + 1, count - 1)
    shape = [1, 1, 1]
    shape[axis] = n
    weight = (back - low).astype(np.float32).reshape(shape)
    return np.asarray(
        np.take(slices, low, axis) * (1 - weight) + np.take(slices, high, axis) * weight
    )


def _add_noise(image: Array, rng: np.random.Generator, level: float, *, magnitude: bool) -> Array:
    """Gaussian noise, or Rician noise as magnitude images have it."""
    real = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(level)
    if not magnitude:
        return np.asarray(image + real)
    other = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(level)
    return np.asarray(np.sqrt((np.maximum(image, 0) + real) ** 2 + other**2))


def _receive(image: Array, rng: np.random.Generator, contrast: str, displaced: bool) -> Array:
    """Receive field, fall-off of a surface coil, EPI dropout, and a grey-value curve."""
    image = np.maximum(image, 0)
    field = smooth_noise(image.shape, BIAS_CELLS, rng)
    image *= np.exp(field * np.float32(rng.uniform(*BIAS)))
    if rng.random() < TABLE_COIL_ODDS:
        ramp = np.linspace(-1, 1, image.shape[0], dtype=np.float32)
        image *= np.exp(ramp * np.float32(rng.uniform(*TABLE_COIL)))[:, None, None]
    if contrast == "EPI":
        image = _distort(image, rng, displaced)
    if rng.random() < CURVE_ODDS:
        top = float(image.max()) + 1e-6
        image = (image / top) ** np.float32(rng.uniform(*CURVE)) * top
    return image


def row_shift(rows: int, rng: np.random.Generator) -> Array:
    """Displacement along P of each row of an echo-planar image, whole voxels."""
    field = smooth_noise((rows, 4, 4), EPI_SHIFT_CELLS, rng)[:, 0, 0]
    return np.round(field * rng.uniform(*EPI_SHIFT)).astype(int)


def displace(array: Array, shift: Array) -> Array:
    """Move the rows of an array (P, I, R) along P; the border is repeated."""
    n_p, n_i, _ = array.shape
    index = np.clip(np.arange(n_p)[:, None] + shift[None], 0, n_p - 1)
    return np.asarray(array[index, np.arange(n_i)[None]])


def _distort(image: Array, rng: np.random.Generator, displaced: bool) -> Array:
    """Shift along P, blur and lose signal, as echo-planar images do."""
    shift = row_shift(image.shape[1], rng)
    if displaced:
        image = displace(image, shift)
    whole, lost = DROPOUT
    left = whole - lost * np.abs(smooth_noise(image.shape, DROPOUT_CELLS, rng))
    image = image * np.clip(left, *DROPOUT_LIMITS).astype(np.float32)
    return np.asarray(gaussian_filter(image, EPI_BLUR, truncate=BLUR_TRUNCATE))
