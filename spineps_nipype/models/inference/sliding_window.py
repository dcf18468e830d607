"""Sliding-window inference over a volume, as nnU-Net lays its tiles.

Arrays are (channels, z, y, x) in the axis order of the network. Under ``spineps-2.1.3`` weights
and sums are float16, as there; otherwise they are float32.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn import functional

from .memory import reused_memory
from .tile_plan import Shape, TilePlan

SIGMA_FRACTION = 1 / 8
"""Width of the tile weights as a fraction of the tile."""
WEIGHT_PEAK = 1000.0
"""Peak of the float16 weights of nnU-Net."""

Progress = Callable[[int, int], None]


def tile_weights(patch: Shape, half_precision: bool = False) -> Tensor:
    """Gaussian weights of the voxels of a tile, never zero; see `sliding_window_logits`."""
    z, y, x = (_bell(length) for length in patch)
    weights = torch.from_numpy(z[:, None, None] * y[:, None] * x)
    if half_precision:
        weights = weights.half()
        weights = (weights / weights.max()) * WEIGHT_PEAK
    else:
        weights = (weights / weights.max()).float()
    weights[weights == 0] = weights[weights > 0].min()
    return weights


def _bell(length: int) -> NDArray[np.float64]:
    """Gaussian weights along one axis of a tile."""
    peak = np.zeros(length)
    peak[length // 2] = 1
    bell: NDArray[np.float64] = gaussian_filter1d(peak, length * SIGMA_FRACTION, mode="constant")
    return bell


def sliding_window_logits(
    network: Callable[[Tensor], Tensor],
    volume: Tensor,
    *,
    classes: int,
    plan: TilePlan,
    mirror_axes: Sequence[int] = (),
    dark_padding: bool = False,
    outside: Tensor | None = None,
    half_precision: bool = False,
    progress: Progress | None = None,
) -> Tensor:
    """Weighted mean of the logits of all tiles.

    Parameters
    ----------
    network
        Takes (1, channels, z, y, x) and gives (1, classes, z, y, x).
    volume
        (channels, z, y, x), on the device of the network.
    plan
        Which tiles of the volume are computed; windows smaller than a tile are padded.
    mirror_axes
        Axes (0 to 2) whose mirror images are averaged in, in all combinations.
    dark_padding
        Windows are padded with the lowest value of each channel of the volume, instead of 0.
    outside
        Logits (classes) where no tile was computed.
    half_precision
        Weights and sums are float16 instead of float32, as nnU-Net has them.
    progress
        Called with the number of finished and of all tiles.

    Returns
    -------
    Tensor
        Of the window of the plan, (classes, z, y, x), on the CPU.
    """
    pads = [pad for axis in (2, 1, 0) for pad in plan.pads[axis]]
    padded = torch.stack(
        [
            functional.pad(
                channel[plan.window], pads, value=float(channel.min()) if dark_padding else 0.0
            )
            for channel in volume
        ]
    )
    dtype = torch.float16 if half_precision else torch.float32
    weights = tile_weights(plan.patch, half_precision)
    total = torch.zeros((classes, *padded.shape[1:]), dtype=dtype)
    norm = torch.zeros(padded.shape[1:], dtype=dtype)
    with torch.inference_mode(), reused_memory():
        for done, start in enumerate(plan.starts, start=1):
            box = tuple(slice(a, a + p) for a, p in zip(start, plan.patch, strict=True))
            tile = padded[(slice(None), *box)][None].float()
            logits = _mirrored(network, tile, mirror_axes)[0].to("cpu", torch.float32)
            total[(slice(None), *box)] += logits * weights
            norm[box] += weights
            if progress is not None:
                progress(done, len(plan.starts))
        empty = norm == 0
        norm[empty] = 1
        total /= norm
        if outside is not None:
            total[:, empty] = outside.to(dtype)[:, None]
    inner = tuple(
        slice(before, before + n) for (before, _), n in zip(plan.pads, plan.size, strict=True)
    )
    return total[(slice(None), *inner)]


def _mirrored(
    network: Callable[[Tensor], Tensor], tile: Tensor, mirror_axes: Sequence[int]
) -> Tensor:
    """Mean over the tile and its mirror images, each mirrored back."""
    total = network(tile)
    axes = [axis + 2 for axis in mirror_axes]
    combinations = [c for n in range(1, len(axes) + 1) for c in itertools.combinations(axes, n)]
    for flips in combinations:
        total = total + torch.flip(network(torch.flip(tile, flips)), flips)
    return total / (len(combinations) + 1) if combinations else total
