"""3-D ResNet feature extractor with the layer names of MONAI.

Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016; projection shortcuts,
a first convolution of 7 voxels with stride 1. Depth and widths are read from the weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Residual(nn.Module):
    """Basic (two 3 x 3 x 3) or bottleneck (1, 3, 1) block, as its weights say."""

    def __init__(self, weights: Mapping[str, Tensor], prefix: str, stride: int) -> None:
        super().__init__()
        shapes: list[torch.Size] = []
        while f"{prefix}conv{len(shapes) + 1}.weight" in weights:
            shapes.append(weights[f"{prefix}conv{len(shapes) + 1}.weight"].shape)
        self.depth = len(shapes)
        strided = 0 if self.depth == 2 else 1
        for i, shape in enumerate(shapes):
            kernel = int(shape[2])
            conv = nn.Conv3d(
                int(shape[1]),
                int(shape[0]),
                kernel,
                stride=stride if i == strided else 1,
                padding=kernel // 2,
                bias=f"{prefix}conv{i + 1}.bias" in weights,
            )
            self.add_module(f"conv{i + 1}", conv)
            self.add_module(f"bn{i + 1}", nn.BatchNorm3d(int(shape[0])))
        self.downsample: nn.Module | None = None
        shortcut = weights.get(f"{prefix}downsample.0.weight")
        if shortcut is not None:
            self.downsample = nn.Sequential(
                nn.Conv3d(
                    int(shortcut.shape[1]),
                    int(shortcut.shape[0]),
                    1,
                    stride=stride,
                    bias=f"{prefix}downsample.0.bias" in weights,
                ),
                nn.BatchNorm3d(int(shortcut.shape[0])),
            )
        self.out_features = int(shapes[-1][0])

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for i in range(1, self.depth + 1):
            out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
            if i < self.depth:
                out = functional.relu(out)
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(out + shortcut)


class ResNet(nn.Module):
    """Features of a patch: (batch, 1, P, I, R) to (batch, `out_features`).

    Parameters
    ----------
    weights
        Tensors whose names and shapes give the layout (keys ``conv1.weight``,
        ``layer1.0.conv1.weight``, ...). Values are not loaded here.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        shape = weights["conv1.weight"].shape
        kernel = int(shape[2])
        self.conv1 = nn.Conv3d(
            int(shape[1]), int(shape[0]), kernel, padding=kernel // 2, bias="conv1.bias" in weights
        )
        self.bn1 = nn.BatchNorm3d(int(shape[0]))
        lengths: dict[int, int] = {}
        for key in weights:
            match = re.match(r"layer(\d+)\.(\d+)\.", key)
            if match:
                level, block = int(match[1]), int(match[2])
                lengths[level] = max(lengths.get(level, 0), block + 1)
        self.levels = sorted(lengths)
        for level in self.levels:
            blocks = [
                _Residual(weights, f"layer{level}.{i}.", stride=2 if i == 0 and level > 1 else 1)
                for i in range(lengths[level])
            ]
            self.add_module(f"layer{level}", nn.Sequential(*blocks))
            self.out_features = blocks[-1].out_features

    def forward(self, x: Tensor) -> Tensor:
        """Averaged features."""
        x = functional.max_pool3d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for level in self.levels:
            x = getattr(self, f"layer{level}")(x)
        return x.mean(dim=(2, 3, 4))
