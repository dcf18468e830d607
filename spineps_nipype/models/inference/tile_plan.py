"""Where the tiles of a network lie on a volume: everywhere, or at the spine.

Axes are those of the network (z, y, x). Source of the tiles everywhere: nnU-Net v2; the others are
ours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

Shape = tuple[int, int, int]
Window = tuple[slice, slice, slice]

FULL_WEIGHT: Final = 4
"""A tile has most of its weight in its middle: all but this fraction of its length at each end."""
ALONG: Final = 1
"""Axis along the spine."""
ACROSS: Final = (0, 2)


@dataclass(frozen=True)
class TilePlan:
    """What is computed of a volume.

    Parameters
    ----------
    window
        Part of the volume that is computed, in voxels.
    patch
        Size of a tile; along axes where the window is shorter it is padded on both sides.
    starts
        First voxel of each tile in the padded window.
    """

    window: Window
    patch: Shape
    starts: tuple[Shape, ...]

    @property
    def size(self) -> Shape:
        """Size of the window."""
        z, y, x = (w.stop - w.start for w in self.window)
        return z, y, x

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """Voxels to add before and behind the window along each axis."""
        missing = [max(p - n, 0) for n, p in zip(self.size, self.patch, strict=True)]
        return tuple((m // 2, m - m // 2) for m in missing)


def tile_starts(size: int, patch: int, step: float) -> list[int]:
    """Evenly spread start positions of tiles along one axis, `patch` voxels long."""
    if size <= patch:
        return [0]
    steps = math.ceil((size - patch) / (patch * step)) + 1
    return [round(i * (size - patch) / (steps - 1)) for i in range(steps)]


def fitting_patch(patch: Shape, size: Sequence[int], strides: Sequence[int]) -> Shape:
    """The patch, cut along each axis to the smallest multiple of the stride that holds `size`."""
    cut = [min(p, math.ceil(n / s) * s) for p, n, s in zip(patch, size, strides, strict=True)]
    return cut[0], cut[1], cut[2]


def tiles_everywhere(shape: Sequence[int], patch: Shape, step: float) -> TilePlan:
    """The tiles of nnU-Net.

    Parameters
    ----------
    shape
        Size of the volume.
    step
        Distance of tiles as a fraction of the tile.
    """
    return _plan(_whole(shape), patch, step)


def tiles_near(region: Tensor, patch: Shape, step: float) -> TilePlan:
    """The tiles of nnU-Net whose inner half, or what reaches to an edge, meets a region.

    Where the volume has tiles every half of their length, each voxel lies in the inner half of
    one at least, which has most of the weight there. If no tile meets the region, all stay.

    Parameters
    ----------
    region
        Mask (z, y, x).
    """
    shape = tuple(int(n) for n in region.shape)
    everywhere = tiles_everywhere(shape, patch, step)
    kept = [s for s in everywhere.starts if region[_inner_box(s, everywhere, shape)].any()]
    if not kept:
        return everywhere
    return _around(kept, patch, shape)


def tiles_on(region: Tensor, largest: Shape, strides: Sequence[int], step: float) -> TilePlan:
    """Tiles that follow a region along the spine, no larger than the region needs.

    Parameters
    ----------
    region
        Mask (z, y, x); y runs along the spine.
    largest
        Largest tile, multiples of the strides.
    strides
        Total down-sampling of the network along each axis.
    step
        Distance of tiles as a fraction of the tile, where one does not hold the region.
    """
    shape = tuple(int(n) for n in region.shape)
    if not region.any():
        return tiles_everywhere(shape, fitting_patch(largest, shape, strides), step)
    rows = _extent(region, ALONG)
    length = _fitting(rows, largest[ALONG], strides[ALONG])
    firsts = _spread(rows, length, shape[ALONG], step)
    parts = {first: region[:, first : first + length] for first in firsts}
    across = {
        first: {axis: _extent(part, axis) for axis in ACROSS}
        for first, part in parts.items()
        if part.any()
    }
    deep, wide = (
        max(_fitting(extents[axis], largest[axis], strides[axis]) for extents in across.values())
        for axis in ACROSS
    )
    patch = (deep, length, wide)
    starts = [
        (z, first, x)
        for first, extents in across.items()
        for z in _spread(extents[0], deep, shape[0], step)
        for x in _spread(extents[2], wide, shape[2], step)
    ]
    return _around(starts, patch, shape)


def _whole(shape: Sequence[int]) -> Window:
    z, y, x = (slice(0, int(n)) for n in shape)
    return z, y, x


def _plan(window: Window, patch: Shape, step: float) -> TilePlan:
    sizes = [w.stop - w.start for w in window]
    axes = (tile_starts(max(n, p), p, step) for n, p in zip(sizes, patch, strict=True))
    return TilePlan(window, patch, tuple((z, y, x) for z, y, x in itertools.product(*axes)))


def _around(starts: Sequence[Shape], patch: Shape, shape: Sequence[int]) -> TilePlan:
    """Plan whose window is the box of some tiles, given by their first voxels in the volume."""
    window, moved = [], []
    for axis, (size, length) in enumerate(zip(shape, patch, strict=True)):
        firsts = [start[axis] for start in starts]
        low = min(firsts)
        window.append(slice(low, size if size <= length else max(firsts) + length))
        moved.append([first - low for first in firsts])
    box = (window[0], window[1], window[2])
    return TilePlan(box, patch, tuple((z, y, x) for z, y, x in zip(*moved, strict=True)))


def _extent(region: Tensor, axis: int) -> tuple[int, int]:
    """First voxel of a region along an axis, and the one behind its last."""
    one, other = (a for a in range(3) if a != axis)
    hits = torch.nonzero(region.any(dim=other).any(dim=one)).flatten()
    return int(hits[0]), int(hits[-1]) + 1


def _fitting(extent: tuple[int, int], most: int, stride: int) -> int:
    """Smallest multiple of the stride that holds an extent, `most` at most."""
    return min(math.ceil((extent[1] - extent[0]) / stride) * stride, most)


def _spread(extent: tuple[int, int], length: int, size: int, step: float) -> list[int]:
    """First voxels of the tiles over an extent, inside the volume as far as it is large enough."""
    low, high = extent
    if size <= length:
        return [0]
    if high - low <= length:
        return [min(max(low - (length - (high - low)) // 2, 0), size - length)]
    return [low + start for start in tile_starts(high - low, length, step)]


def _inner_box(start: Shape, plan: TilePlan, shape: Sequence[int]) -> tuple[slice, ...]:
    """Voxels of the whole volume in the inner half of a tile, or between that and an edge."""
    box = []
    for first, length, size in zip(start, plan.patch, shape, strict=True):
        edge = length // FULL_WEIGHT
        low = first + edge if first > 0 else 0
        high = first + length - edge if first + length < size else size
        box.append(slice(low, high))
    return tuple(box)
