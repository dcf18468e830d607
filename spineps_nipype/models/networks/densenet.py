"""3-D DenseNet feature extractor with the layer names of MONAI.

Source: Huang et al., Densely Connected Convolutional Networks, CVPR 2017; key names as in the
released VERIDAH checkpoints. Block lengths, growth and first width are read from the weights, so
small variants load as well.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class _DenseLayer(nn.Module):
    def __init__(self, width: int, bottleneck: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            OrderedDict(
                norm1=nn.BatchNorm3d(width),
                relu1=nn.ReLU(inplace=True),
                conv1=nn.Conv3d(width, bottleneck, 1, bias=False),
                norm2=nn.BatchNorm3d(bottleneck),
                relu2=nn.ReLU(inplace=True),
                conv2=nn.Conv3d(bottleneck, growth, 3, padding=1, bias=False),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], dim=1)


def _transition(width: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm3d(width),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv3d(width, width // 2, 1, bias=False),
            pool=nn.AvgPool3d(2, 2),
        )
    )


class DenseNet(nn.Module):
    """Features of a patch: (batch, 1, P, I, R) to (batch, `out_features`).

    Parameters
    ----------
    blocks
        Layers of each dense block, e.g. (6, 12, 24, 16) for DenseNet121.
    growth, first, bottleneck
        Channels added by a layer, channels after the first convolution, and channels between
        the two convolutions of a layer.
    channels
        Input channels.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        growth: int = 32,
        first: int = 64,
        bottleneck: int = 128,
        channels: int = 1,
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv3d(channels, first, 7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm3d(first),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool3d(3, 2, 1),
            )
        )
        width = first
        for number, length in enumerate(blocks, start=1):
            block = nn.Sequential()
            for layer in range(1, length + 1):
                block.add_module(f"denselayer{layer}", _DenseLayer(width, bottleneck, growth))
                width += growth
            self.features.add_module(f"denseblock{number}", block)
            if number < len(blocks):
                self.features.add_module(f"transition{number}", _transition(width))
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm3d(width))
        self.out_features = width

    def forward(self, x: Tensor) -> Tensor:
        """Averaged features."""
        return functional.relu(self.features(x)).mean(dim=(2, 3, 4))


def densenet_of(weights: Mapping[str, Tensor]) -> DenseNet:
    """DenseNet whose layout fits the weights (keys begin with ``features.``)."""
    lengths: dict[int, int] = {}
    for key in weights:
        match = re.match(r"features\.denseblock(\d+)\.denselayer(\d+)\.", key)
        if match:
            block, layer = int(match[1]), int(match[2])
            lengths[block] = max(lengths.get(block, 0), layer)
    conv0 = weights["features.conv0.weight"]
    inner = weights["features.denseblock1.denselayer1.layers.conv2.weight"]
    return DenseNet(
        [lengths[block] for block in sorted(lengths)],
        growth=int(inner.shape[0]),
        first=int(conv0.shape[0]),
        bottleneck=int(inner.shape[1]),
        channels=int(conv0.shape[1]),
    )
