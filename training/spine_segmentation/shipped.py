"""Weights of the nets from the ONNX files that ship, to train them further.

The exporter merges every normalisation into the convolution before it. What it normalised with is
measured again on samples, so that a net computes what its file does and can go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from training.common.onnx_files import widened_weights
from training.spine_segmentation.networks import SmallUNet
from training.spine_segmentation.recipe import FILES
from training.spine_segmentation.samples import SliceSamples

GROUPS: Final = 4
"""Groups of samples that normalisations are measured on."""


def go_on_from(nets: nn.ModuleDict, folder: Path, samples: SliceSamples) -> None:
    """Give nets the weights of a package.

    Parameters
    ----------
    folder
        Written by `write_package`.
    """
    images = [one["image"] for group in range(GROUPS) for one in samples(0, group)]
    for role, net in nets.items():
        assert isinstance(net, SmallUNet)
        load_weights(net, folder / FILES[role])
        measure_normalisations(net, torch.from_numpy(np.stack(images)))


def load_weights(net: SmallUNet, path: Path) -> None:
    """Convolutions of a file; normalisations change nothing but add the bias."""
    import onnx

    model = onnx.load(str(path))
    stored = {name: torch.tensor(v) for name, v in widened_weights(model).items()}
    merged = [
        node.input[1:3]
        for node in model.graph.node
        if node.op_type == "Conv"
        and node.input[1] in stored
        and stored[node.input[1]].shape[2] == 3
    ]
    state = net.state_dict()
    for (convolution, norm), (weight, bias) in zip(pairs(net), merged, strict=True):
        state[f"{convolution}.weight"] = stored[weight]
        state[f"{norm}.weight"] = torch.full_like(stored[bias], (1 + nn.BatchNorm2d(1).eps) ** 0.5)
        state[f"{norm}.bias"] = stored[bias]
    state |= {name: value for name, value in stored.items() if name in state}
    net.load_state_dict(state)


def pairs(net: SmallUNet) -> Iterator[tuple[str, str]]:
    """Names of each convolution and of the normalisation after it, in the order of their use."""
    blocks = ["first", *(f"{way}.{n}" for way in ("down", "up") for n in range(len(net.up)))]
    for block in blocks:
        for place in (0, 3):
            yield f"{block}.{place}", f"{block}.{place + 1}"


@torch.no_grad()
def measure_normalisations(net: SmallUNet, images: Tensor) -> None:
    """Let every normalisation use the mean and spread of its input, and compute the same."""

    def measure(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        mean_before, spread_before = norm.running_mean, norm.running_var
        assert mean_before is not None
        assert spread_before is not None
        spread, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        factor = norm.weight / (spread_before + norm.eps).sqrt()
        norm.bias.add_(factor * (mean - mean_before))
        norm.weight.copy_(factor * (spread + norm.eps).sqrt())
        mean_before.copy_(mean)
        spread_before.copy_(spread)

    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    net.eval()(images)
    for handle in handles:
        handle.remove()
