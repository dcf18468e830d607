"""Sliding-window inference over a volume, as nnU-Net lays its tiles.

Arrays are (channels, z, y, x) in the axis order of the network. Under ``spineps-2.1.3`` weights
and sums are float16, as there; otherwise they are float32.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

from .memory import reused_memory

SIGMA_FRACTION = 1 / 8
"""Width of the tile weights as a fraction of the tile."""
WEIGHT_PEAK = 1000.0
"""Peak of the float16 weights of nnU-Net."""

Progress = Callable[[int, int], None]
Shape = tuple[int, int, int]


def tile_starts(size: int, patch: int, step: float) -> list[int]:
    """Evenly spread start positions of tiles along one axis, `patch` voxels long."""
    if size <= patch:
        return [0]
    steps = math.ceil((size - patch) / (patch * step)) + 1
    return [round(i * (size - patch) / (steps - 1)) for i in range(steps)]


def tile_weights(patch: Shape, half_precision: bool = False) -> Tensor:
    """Gaussian weights of the voxels of a tile, never zero; see `sliding_window_logits`."""
    peak = np.zeros(patch, dtype=np.float64)
    peak[tuple(p // 2 for p in patch)] = 1
    smooth = gaussian_filter(peak, [p * SIGMA_FRACTION for p in patch], mode="constant")
    weights = torch.from_numpy(smooth)
    if half_precision:
        weights = weights.half()
        weights = (weights / weights.max()) * WEIGHT_PEAK
    else:
        weights = (weights / weights.max()).float()
    weights[weights == 0] = weights[weights > 0].min()
    return weights


def fitting_patch(patch: Shape, size: Sequence[int], strides: Sequence[int]) -> Shape:
    """The patch, cut along each axis to the smallest multiple of the stride that holds `size`."""
    cut = [min(p, math.ceil(n / s) * s) for p, n, s in zip(patch, size, strides, strict=True)]
    return cut[0], cut[1], cut[2]


def sliding_window_logits(
    network: Callable[[Tensor], Tensor],
    volume: Tensor,
    *,
    classes: int,
    patch: Shape,
    step: float,
    mirror_axes: Sequence[int] = (),
    region: Tensor | None = None,
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
    patch
        Size of a tile in voxels; smaller volumes are padded with 0 up to it.
    step
        Distance of tiles as a fraction of the tile.
    mirror_axes
        Axes (0 to 2) whose mirror images are averaged in, in all combinations.
    region
        Mask (z, y, x): tiles whose inner half holds none of it are left out; if that is so for
        all, none is.
    outside
        Logits (classes) where no tile was computed.
    half_precision
        Weights and sums are float16 instead of float32, as nnU-Net has them.
    progress
        Called with the number of finished and of all tiles.

    Returns
    -------
    Tensor
        (classes, z, y, x) on the CPU.
    """
    shape = tuple(int(n) for n in volume.shape[1:])
    lower = [(max(p - n, 0)) // 2 for n, p in zip(shape, patch, strict=True)]
    upper = [max(p - n, 0) - low for n, p, low in zip(shape, patch, lower, strict=True)]
    pads = [pad for axis in (2, 1, 0) for pad in (lower[axis], upper[axis])]
    padded = functional.pad(volume, pads)
    dtype = torch.float16 if half_precision else torch.float32
    weights = tile_weights(patch, half_precision)
    total = torch.zeros((classes, *padded.shape[1:]), dtype=dtype)
    norm = torch.zeros(padded.shape[1:], dtype=dtype)
    tiles = list(
        itertools.product(
            *(tile_starts(n, p, step) for n, p in zip(padded.shape[1:], patch, strict=True))
        )
    )
    if region is not None:
        tiles = tiles_near(tiles, patch, functional.pad(region, pads)) or tiles
    with torch.inference_mode(), reused_memory():
        for done, start in enumerate(tiles, start=1):
            box = tuple(slice(a, a + p) for a, p in zip(start, patch, strict=True))
            tile = padded[(slice(None), *box)][None].float()
            logits = _mirrored(network, tile, mirror_axes)[0].to("cpu", torch.float32)
            total[(slice(None), *box)] += logits * weights
            norm[box] += weights
            if progress is not None:
                progress(done, len(tiles))
        empty = norm == 0
        norm[empty] = 1
        total /= norm
        if outside is not None:
            total[:, empty] = outside.to(dtype)[:, None]
    inner = tuple(slice(low, low + n) for low, n in zip(lower, shape, strict=True))
    return total[(slice(None), *inner)]


def tiles_near(
    tiles: Sequence[tuple[int, ...]], patch: Shape, region: Tensor
) -> list[tuple[int, ...]]:
    """Those tiles whose inner half, or what reaches to the edge of the volume, meets a region.

    Where the volume has tiles every half of their length, each voxel lies in the inner half of
    one at least, which has most of the weight there.

    Parameters
    ----------
    tiles
        First voxel of each.
    region
        Mask (z, y, x) on the grid of the tiles.
    """
    near = []
    for start in tiles:
        box = []
        for first, length, size in zip(start, patch, region.shape, strict=True):
            edge = length // 4
            low = first + edge if first > 0 else 0
            high = first + length - edge if first + length < size else size
            box.append(slice(low, high))
        if bool(region[tuple(box)].any()):
            near.append(start)
    return near


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
