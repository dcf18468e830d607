"""The first levels of a network of label maps, computed only around the labels.

Far from all labels and from the ends of a volume the features are the same everywhere. So a volume
is cut shorter there, normalisation counts one voxel of background for all that were left out, and
the features get their full size by repeating it. Nothing is changed by that as long as the rim is
wider than what the level sees. Source: ours. Arrays are (batch, channels, P, I, R).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spineps_nipype.core.components import bounding_box

PLACE: Final = 10
"""Voxels from either end to the one that stands for what was left out there: beyond what the end
changes, and not yet within reach of the labels. One level lower it is half of that."""
RIMS: Final = (20, 44)
"""Voxels of the volume that stay around the labels at the first and the second level: a stem of 7
voxels and four convolutions of 3 see 7 on each side, and after a stride of two 17."""
STEP: Final = 16
"""Sizes of parts are multiples of it, so that few sizes are to be prepared for."""
LEAST: Final = 4 * PLACE
"""Smallest side of a volume of which a part is computed."""


Box = tuple[slice, ...]


@dataclass(frozen=True)
class Part:
    """A box of a volume, the same for all levels of the network.

    Parameters
    ----------
    box
        In voxels of the volume.
    shape
        Size of the volume.
    """

    box: Box
    shape: tuple[int, ...]

    @property
    def shares(self) -> Tensor:
        """Shape (3, 3): for each axis the share that is there, left out before it, and behind."""
        rows = [
            ((b.stop - b.start) / n, b.start / n, (n - b.stop) / n)
            for b, n in zip(self.box, self.shape, strict=True)
        ]
        return torch.tensor(rows, dtype=torch.float32)

    def places(self, other: Part, stride: int, place: int) -> list[Tensor]:
        """Voxel of this part, along each axis, for every voxel of a larger one.

        Parameters
        ----------
        stride
            Voxels of the volume in one of the level.
        place
            Voxel of the level from either end that is background, which is repeated.
        """
        found = []
        for own, large in zip(self.box, other.box, strict=True):
            counts = torch.ones((own.stop - own.start) // stride, dtype=torch.long)
            counts[place : place + 1] += (own.start - large.start) // stride
            counts[-1 - place : -place] += (large.stop - own.stop) // stride
            found.append(torch.repeat_interleave(counts))
        return found


def widened(x: Tensor, places: Sequence[Tensor]) -> Tensor:
    """Features of a part, continued with background to those of a larger one.

    Parameters
    ----------
    x
        (batch, channels, P, I, R), of the part.
    places
        See `Part.places`; of any type.
    """
    last = x.is_contiguous(memory_format=torch.channels_last_3d) and not x.is_contiguous()
    for axis in (2, 0, 1):  # the longest come last: each makes a copy
        x = x.index_select(axis + 2, places[axis].long())
    return x.contiguous(memory_format=torch.channels_last_3d) if last else x


def whole(shape: Sequence[int]) -> Part:
    """All of a volume."""
    return Part(tuple(slice(0, n) for n in shape), tuple(shape))


def inputs_of(parts: Sequence[Part]) -> list[Tensor]:
    """What a network gets beside the features of the first of two parts.

    Returns
    -------
    list of Tensor
        The shares of both; then the `Part.places` of the first level in the whole, of what it
        gives on in the second part, of the second level in the whole, and of what that gives on.
    """
    first, second = parts
    everything = whole(first.shape)
    return [
        torch.stack([first.shares, second.shares]),
        *first.places(everything, 1, PLACE),
        *first.places(second, 2, PLACE // 2),
        *second.places(everything, 2, PLACE),
        *second.places(everything, 4, PLACE // 2),
    ]


def parts_with_labels(labels: NDArray[np.generic]) -> tuple[Part, ...]:
    """The parts of a label map (P, I, R) that the levels need, each within the next.

    Parameters
    ----------
    labels
        Sizes are multiples of 8; 0 is background.
    """
    if min(labels.shape) < LEAST or not labels.any():
        return tuple(whole(labels.shape) for _ in RIMS)
    boxes = (bounding_box(labels, rim) for rim in RIMS)
    return tuple(Part(tuple(map(_in_steps, box, labels.shape)), labels.shape) for box in boxes)


def _in_steps(part: slice, size: int) -> slice:
    """A range in a volume of a size, widened to steps of `STEP` as far as there is room."""
    return slice(part.start // STEP * STEP, min(-(-part.stop // STEP) * STEP, size))


def mean_of_whole(values: Tensor, axis: int, shares: Tensor) -> Tensor:
    """Mean along an axis (0 to 2) of the volume that a part belongs to; the axis is dropped.

    Parameters
    ----------
    values
        Of the part.
    shares
        See `Part.shares`.
    """
    at, (there, low, high) = axis + 2, shares[axis]
    before = values[(slice(None),) * at + (slice(PLACE, PLACE + 1),)].sum(at)
    behind = values[(slice(None),) * at + (slice(-1 - PLACE, -PLACE),)].sum(at)
    mean: Tensor = values.mean(at) * there + before * low + behind * high
    return mean


def weights_of_whole(size: int, axis: int, shares: Tensor) -> Tensor:
    """Share of the whole that each voxel along an axis of a part stands for; together 1."""
    there, low, high = shares[axis]
    out: Tensor = (there / size).expand(size).clone()
    out[PLACE : PLACE + 1] += low
    out[-1 - PLACE : -PLACE] += high
    return out
