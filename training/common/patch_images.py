"""What is done to the image of a patch: intensities, clutter, limited views, and network axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from spineps_nipype.phantom.render import smooth_noise
from training.common.loop import Batch

CLUTTERED_SHARE: Final = 0.5
"""Share of phantom patches whose soft tissue gets streaks and blobs of any brightness."""
UNCUT_SHARE: Final = 0.5
"""Share of patches that no edge of a view cuts."""

Array = np.ndarray


def normalise_phantom(image: Array, background: Array, rng: np.random.Generator) -> Array:
    """Image of a phantom patch with the intensities of a normalised scan, half with clutter.

    Parameters
    ----------
    background
        Voxels outside the spine, bool.
    """
    image = (image - image.mean()) / (image.std() + 1e-6)
    if rng.random() < CLUTTERED_SHARE:
        image = add_clutter(image, background, rng)
    # the network sees a scan that is normalised as a whole, of which a patch is an uneven part
    return np.asarray(image * np.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.3))


def finish_patch(image: Array, codes: Array, outside: Array, rng: np.random.Generator) -> Batch:
    """Intensity changes, limited view and padding; then the axes of the network.

    Parameters
    ----------
    image, codes
        Patch (P, I, R) and its targets; both are changed.
    outside
        Voxels that lie outside the scan, bool.
    """
    floor = float(image[~outside].min()) if (~outside).any() else 0.0
    for change, chance in CHANGES:
        if rng.random() < chance:
            image = change(image, rng, floor)
    outside = outside | _hidden(image.shape, rng)
    image[outside] = floor
    codes[outside] = 0
    return {
        "image": np.ascontiguousarray(image.T[None], dtype=np.float32),
        "target": np.ascontiguousarray(codes.T, dtype=np.int64),
    }


def add_clutter(image: Array, background: Array, rng: np.random.Generator) -> Array:
    """Streaks and blobs outside the spine, where real soft tissue is richer than a phantom."""
    low, high = np.quantile(image, (0.02, 0.995))
    for _ in range(int(rng.integers(1, 4))):
        cells = (int(rng.integers(6, 20)), int(rng.integers(8, 40)), int(rng.integers(3, 10)))
        field = smooth_noise(image.shape, cells, rng)
        # around a level of smooth noise lie streaks, above it blobs
        if rng.random() < 0.5:
            shape = np.abs(field) < rng.uniform(0.05, 0.3)
        else:
            shape = field > rng.uniform(0.6, 1.8)
        weight = gaussian_filter((shape & background).astype(np.float32), rng.uniform(0.3, 0.8))
        image = image + weight * (rng.uniform(low, high) - image) * rng.uniform(0.5, 1.0)
    return image


def _bias(image: Array, rng: np.random.Generator, floor: float) -> Array:
    field = np.exp(smooth_noise(image.shape, (50, 60, 10), rng) * rng.uniform(0, 0.3))
    return np.asarray((image - floor) * field + floor)


def _gamma(image: Array, rng: np.random.Generator, floor: float) -> Array:
    span = float(image.max()) - floor + 1e-6
    curve = np.clip((image - floor) / span, 0, 1) ** np.exp(rng.normal(0, 0.3))
    return np.asarray(curve * span + floor)


def _blur(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    return np.asarray(gaussian_filter(image, (*[rng.uniform(0, 1.2)] * 2, rng.uniform(0, 0.6))))


def _thicken(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    """Slices of two or three voxels."""
    step = int(rng.integers(2, 4))
    for start in range(0, image.shape[2], step):
        image[..., start : start + step] = image[..., start : start + step].mean(
            axis=2, keepdims=True
        )
    return image


def _noise(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    return np.asarray(
        image + rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0, 0.2)
    )


def _window(image: Array, rng: np.random.Generator, _floor: float) -> Array:
    """Bright and dark ends cut off, as 8-bit exports do."""
    low, high = np.quantile(image, [rng.uniform(0, 0.05), rng.uniform(0.97, 1)])
    return np.asarray(np.clip(image, low, high))


CHANGES: Final[tuple[tuple[Callable[[Array, np.random.Generator, float], Array], float], ...]] = (
    (_bias, 0.5),
    (_gamma, 0.4),
    (_window, 0.2),
    (_blur, 0.25),
    (_thicken, 0.12),
    (_noise, 0.35),
)
"""Changes of intensity, in this order, and how likely each is."""


def _hidden(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Voxels behind the edges of a limited view or in the padding of the volume."""
    hidden = np.zeros(shape, dtype=bool)
    if rng.random() < UNCUT_SHARE:
        return hidden
    for _ in range(int(rng.integers(1, 4))):
        axis, end = int(rng.integers(3)), int(rng.integers(2))
        size = int(rng.uniform(0, 0.4) * shape[axis])
        where = [slice(None)] * 3
        where[axis] = slice(0, size) if end == 0 else slice(shape[axis] - size, None)
        hidden[tuple(where)] = True
    return hidden
