"""A 2-D U-Net with the encoder ResNet-152: the size of the released nets of spine-segmentation.

Sources: He and others, Deep residual learning, CVPR 2016 (bottlenecks of 3, 8, 36 and 3 blocks);
the decoder is the usual one of such nets (256 to 16 channels, nearest upsampling, two convolutions
a level). Weights are random, 67.16 million of them with three classes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

BLOCKS: Final = (3, 8, 36, 3)
WIDTHS: Final = (64, 128, 256, 512)
EXPANSION: Final = 4
"""Output channels of a bottleneck for each of its inner ones."""
SKIPS: Final = (1024, 512, 256, 64, 0)
DECODER: Final = (256, 128, 64, 32, 16)


def _convolution(before: int, after: int, size: int, stride: int = 1) -> nn.Sequential:
    """Convolution and batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)
    )


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = EXPANSION * width
        self.narrow = _convolution(before, width, 1)
        self.middle = _convolution(width, width, 3, stride)
        self.wide = _convolution(width, after, 1)
        changed = stride != 1 or before != after
        self.shortcut = _convolution(before, after, 1, stride) if changed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, channels, width, height)."""
        inner = torch.relu(self.middle(torch.relu(self.narrow(x))))
        return torch.relu(self.wide(inner) + self.shortcut(x))


class ResNetUNet(nn.Module):
    """From slices (n, 3, width, height) to scores (n, classes, width, height)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = _convolution(3, WIDTHS[0], 7, 2)
        stages, channels = [], WIDTHS[0]
        for number, (blocks, width) in enumerate(zip(BLOCKS, WIDTHS, strict=True)):
            steps = [2 if number else 1, *[1] * (blocks - 1)]
            inputs = [channels, *[EXPANSION * width] * (blocks - 1)]
            pairs = zip(inputs, steps, strict=True)
            stages.append(nn.Sequential(*[Bottleneck(n, width, step) for n, step in pairs]))
            channels = EXPANSION * width
        self.stages = nn.ModuleList(stages)
        self.up = nn.ModuleList(
            nn.Sequential(
                _convolution(before + skip, after, 3), nn.ReLU(), _convolution(after, after, 3)
            )
            for (before, after), skip in zip(pairwise((channels, *DECODER)), SKIPS, strict=True)
        )
        self.scores = nn.Conv2d(DECODER[-1], classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Sizes are multiples of 32."""
        levels: list[Tensor] = [torch.relu(self.stem(x))]
        x = functional.max_pool2d(levels[0], 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        x = levels.pop()
        for up in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            if levels:
                x = torch.cat([x, levels.pop()], 1)
            x = torch.relu(up(x))
        return torch.as_tensor(self.scores(x))
