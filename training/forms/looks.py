"""Looks of vertebrae in training: stored as bytes with a margin, and augmented as scans differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spineps_nipype.core.vertebra_look import CLIPPED, DEPTH, HEIGHT, PLANES, vertebra_looks

MARGIN: Final = 4
"""Pixels around a stored look, so that it can be moved and turned."""
STEP: Final = CLIPPED / 255
"""Brightness of one stored unit."""
TURN, SCALE, SHIFT = 0.06, 0.05, 1.5
"""Standard deviations of the augmentation: radians, logarithm, pixels."""
UNSEEN: Final = 0.1
"""Share of sequences without any look."""

Array = np.ndarray


def stored_looks(
    image: Array, bodies: Array, numbers: Sequence[int], spacing: Sequence[float]
) -> Array:
    """Looks with a margin, uint8, see `core.vertebra_look`."""
    looks = vertebra_looks(image, bodies, numbers, spacing, MARGIN)
    return np.round(looks / STEP).astype(np.uint8)


def augment_looks(
    stored: Sequence[Array], rng: np.random.Generator, scale: float = SCALE
) -> Tensor:
    """Looks of several sequences, each augmented in its own way, padded to the longest.

    Parameters
    ----------
    scale
        Standard deviation of the logarithm by which a sequence is scaled.

    Returns
    -------
    Tensor
        Shape (sequences, vertebrae, PLANES, DEPTH, HEIGHT).
    """
    out = torch.zeros(len(stored), max(map(len, stored)), PLANES, DEPTH, HEIGHT)
    for place, looks in enumerate(stored):
        if rng.random() >= UNSEEN:
            out[place, : len(looks)] = _augmented(looks, rng, scale)
    return out


def _augmented(stored: Array, rng: np.random.Generator, scale: float) -> Tensor:
    """Looks mirrored, moved, and with other contrast, brightness and noise."""
    looks = torch.from_numpy(stored).float() * STEP
    if rng.random() < 0.5:
        looks = looks.flip(1)
    looks = _moved(looks, rng, scale)
    looks = (looks / CLIPPED) ** float(np.exp(rng.normal(0, 0.25))) * CLIPPED
    looks = looks * float(np.exp(rng.normal(0, 0.15)))
    looks = looks + torch.randn(looks.shape) * (looks > 0) * rng.uniform(0, 0.12)
    return looks.clamp(0, CLIPPED)


def _moved(looks: Tensor, rng: np.random.Generator, spread: float) -> Tensor:
    """Looks turned, scaled and moved within the margin: all of a scan alike, each a little."""
    count, _, depth, height = looks.shape
    angle = rng.normal(0, TURN, count)
    scale = np.exp(rng.normal(0, spread) + rng.normal(0, spread / 3, count))
    shift = rng.normal(0, SHIFT, 2) + rng.normal(0, SHIFT, (count, 2))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    # from a place in the result to one in the stored look, both from -1 to 1 (height, then depth)
    theta = np.empty((count, 2, 3))
    theta[:, 0, 0], theta[:, 0, 1] = cos * HEIGHT / height, -sin * DEPTH / height
    theta[:, 1, 0], theta[:, 1, 1] = sin * HEIGHT / depth, cos * DEPTH / depth
    theta[:, :, 2] = 2 * shift / (height, depth)
    grid = functional.affine_grid(
        torch.from_numpy(theta).float(), [count, 1, DEPTH, HEIGHT], align_corners=False
    )
    return functional.grid_sample(looks, grid, align_corners=False)
