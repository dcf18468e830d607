"""The two small nets of spine-segmentation, and their ONNX files.

Both compute on fewer pixels than slices have. The first puts each 2 x 2 of them side by side as
channels, and its scores back in their place, so that thin discs keep their borders. The second
sees the average of 4 x 4, so that the view of its deepest level spans the whole height.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.spine_segmentation.models import CLASSES, Role
from spineps_nipype.spine_segmentation.slices import HEIGHT, NEIGHBOURS, WIDTH
from training.common.onnx_files import export

FEATURES: Final[dict[Role, tuple[int, ...]]] = {
    "semantic": (24, 48, 64, 96, 96),
    "instance": (16, 32, 64, 96, 96),
}
"""Channels of each level."""
FOLDED: Final[dict[Role, int]] = {"semantic": 2, "instance": 1}
"""Pixels, along each axis, that a net has side by side as channels."""
AVERAGE: Final[dict[Role, int]] = {"semantic": 1, "instance": 4}
"""Pixels, along each axis, that a net averages first."""


class Block(nn.Sequential):
    """Two convolutions, normalised over the batch.

    Most of a slice is empty padding: normalised by itself, it would look different with every
    amount of it.
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        layers: list[nn.Module] = []
        for n, step in ((before, stride), (after, 1)):
            layers += [
                nn.Conv2d(n, after, 3, step, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.01, inplace=True),
            ]
        super().__init__(*layers)


class SmallUNet(nn.Module):
    """U-Net on folded or averaged pixels; scores come back on the pixels of the input.

    Parameters
    ----------
    features
        Channels of each level.
    classes
        Output channels.
    folded
        Pixels, along each axis, that become channels, see `FOLDED`.
    average
        Pixels, along each axis, that are averaged first.
    """

    places: Tensor

    def __init__(
        self, features: tuple[int, ...], classes: int, folded: int = 1, average: int = 1
    ) -> None:
        super().__init__()
        self.folded, self.average = folded, average
        places = torch.eye(NEIGHBOURS * folded**2).view(-1, NEIGHBOURS, folded, folded)
        self.register_buffer("places", places, persistent=False)
        pairs = list(itertools.pairwise(features))
        self.first = Block(NEIGHBOURS * folded**2, features[0])
        self.down = nn.ModuleList(Block(a, b, 2) for a, b in pairs)
        self.reduce = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in reversed(pairs))
        self.up = nn.ModuleList(Block(2 * a, a) for a, _ in reversed(pairs))
        self.scores = nn.Conv2d(features[0], classes * folded**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """From (slices, 3, width, height) to scores (slices, classes, width, height)."""
        if self.average > 1:
            x = functional.avg_pool2d(x, self.average)
        if self.folded > 1:
            # `pixel_unshuffle`, but in ONNX for slices of any height
            x = functional.conv2d(x, self.places, stride=self.folded)
        levels = [self.first(x)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for reduce, up in zip(self.reduce, self.up, strict=True):
            x = functional.interpolate(reduce(x), scale_factor=2.0, mode="nearest")
            x = up(torch.cat([x, levels.pop()], 1))
        x = functional.pixel_shuffle(self.scores(x), self.folded)
        if self.average > 1:
            x = functional.interpolate(x, scale_factor=float(self.average), mode="bilinear")
        return x


class SliceNets(nn.ModuleDict):
    """One net or both, trained on the same samples."""

    def __init__(self, roles: Sequence[Role]) -> None:
        super().__init__(
            {
                role: SmallUNet(FEATURES[role], CLASSES[role], FOLDED[role], AVERAGE[role])
                for role in roles
            }
        )


def write_onnx(network: SmallUNet, path: Path) -> None:
    """Write a net as an ONNX file for whole slices."""
    example = torch.zeros(1, NEIGHBOURS, WIDTH, HEIGHT)
    export(network, (example,), path, names=("slices", "scores"), free_axis=0)
