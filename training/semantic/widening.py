"""A wider U-Net that computes the same as a narrower one, so that training continues from there.

New channels start at random, but no old channel reads them yet. The idea is that of Chen et al.,
Net2Net, ICLR 2016.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def widen(network: nn.Module, narrow: Mapping[str, Tensor]) -> nn.Module:
    """Put the weights of a narrower `PlainConvUNet` of the same stages into a network.

    Parameters
    ----------
    network
        Untrained; changed in place. With equal widths it just takes the weights.
    narrow
        State of the narrower network.

    Raises
    ------
    ValueError
        If the networks differ in more than width, or `narrow` is the wider one.
    """
    state = network.state_dict()
    if state.keys() != narrow.keys():
        raise ValueError("only networks of the same stages can be widened")
    for name, weight in narrow.items():
        _fill(name, state[name], weight.float())
    network.load_state_dict(state)
    return network


def _fill(name: str, wide: Tensor, weight: Tensor) -> None:
    """Copy the weights of one layer; new channels feed none of the old ones."""
    if any(a < b for a, b in zip(wide.shape, weight.shape, strict=True)):
        raise ValueError(f"{name} would be narrower: {tuple(weight.shape)}, {tuple(wide.shape)}")
    if weight.dim() == 1:
        wide[: len(weight)] = weight
        return
    transposed = ".transpconvs." in name
    if transposed:  # the first axis of such a layer is its input
        wide, weight = wide.transpose(0, 1), weight.transpose(0, 1)
    outputs, inputs = weight.shape[:2]
    columns = list(range(inputs))
    if not transposed and "decoder.stages." in name and ".convs.0." in name:
        # the input is what comes from the coarser level, followed by the skip connection
        half = wide.shape[1] // 2
        columns = [k if k < inputs // 2 else half + k - inputs // 2 for k in columns]
    wide[:outputs] = 0
    wide[:outputs, columns] = weight
