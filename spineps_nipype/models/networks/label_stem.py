"""First convolution of a label map, computed only where there are labels.

A cut-out is mostly background, and there the convolution of the instance network gives the same
numbers everywhere but at the borders of the volume. These are computed once, on a small volume,
and the convolution itself runs in boxes around the labels. Its large kernel on one channel a
label is a third of all work of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

BAND: Final = 32
"""Rows along the spine that share a box."""

Box = tuple[slice, ...]


@torch.inference_mode()
def convolve_labels(
    conv: nn.Conv3d, labels: Tensor, to_channels: Callable[[Tensor], Tensor]
) -> Tensor:
    """Convolve label maps.

    Parameters
    ----------
    conv
        With an odd kernel of one size, padded with zeros to the size of its input, stride 1.
    labels
        Integer maps (batch, P, I, R), 0 is background.
    to_channels
        Gives the input of `conv` (batch, channels, P, I, R) for label maps of any size.

    Returns
    -------
    Tensor (batch, width, P, I, R), contiguous.
    """
    reach = conv.kernel_size[0] // 2
    out = _background(conv, labels.shape, to_channels)
    for sample, result in zip(labels, out, strict=True):
        for box in _boxes(sample != 0, reach):
            wide, pads = _widened(box, sample.shape, reach)
            x = functional.pad(to_channels(sample[wide][None]), pads)
            x = x.contiguous(memory_format=torch.channels_last_3d)
            result[(slice(None), *box)] = functional.conv3d(x, conv.weight, conv.bias)[0]
    return out


def _background(
    conv: nn.Conv3d, shape: torch.Size, to_channels: Callable[[Tensor], Tensor]
) -> Tensor:
    """The convolution of maps without any label: within reach of a border it differs."""
    reach = conv.kernel_size[0] // 2
    small = torch.zeros((1, *(min(n, 2 * reach + 1) for n in shape[1:])), dtype=torch.long)
    out = conv(to_channels(small.to(conv.weight.device)))
    for axis, size in enumerate(shape[1:], start=2):
        places = torch.arange(size, device=out.device)
        from_end = places - (size - out.shape[axis])
        out = out.index_select(axis, torch.maximum(places.clamp(max=reach), from_end))
    repeated: Tensor = out if shape[0] == 1 else out.repeat(shape[0], 1, 1, 1, 1)
    return repeated


def _boxes(found: Tensor, reach: int) -> list[Box]:
    """Boxes that do not overlap and hold all that lies within reach of a label."""
    size = found.shape[1]
    boxes: list[Box] = []
    for low in range(0, size, BAND):
        rows = slice(low, min(low + BAND, size))
        near = found[:, max(low - reach, 0) : rows.stop + reach]
        if near.any():
            p, r = near.any(dim=2).any(dim=1), near.any(dim=0).any(dim=0)
            boxes.append((_range(p, reach), rows, _range(r, reach)))
    return boxes


def _range(hits: Tensor, reach: int) -> slice:
    at = torch.nonzero(hits)
    return slice(max(int(at[0]) - reach, 0), min(int(at[-1]) + reach + 1, len(hits)))


def _widened(box: Box, shape: torch.Size, reach: int) -> tuple[Box, list[int]]:
    """Box of the input that a box of the output needs, and zeros to add (last axis first)."""
    wide: list[slice] = []
    pads: list[int] = []
    for part, size in zip(box, shape, strict=True):
        low, high = part.start - reach, part.stop + reach
        wide.append(slice(max(low, 0), min(high, size)))
        pads = [max(-low, 0), max(high - size, 0), *pads]
    return tuple(wide), pads
