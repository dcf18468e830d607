"""Thresholds of trained networks: what a loss that weighs labels makes too large or too small.

A constant is added to the scores of a label before a network is written; it is a bias of the last
layer, so that packages need no rule of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import nn


def with_shifts(
    network: nn.Module, layer: nn.Module, names: Sequence[str], shifts: Mapping[str, float]
) -> nn.Module:
    """Copy of a network with constants added to some of its scores.

    Parameters
    ----------
    layer
        Last layer of `network`, one output for each name.
    shifts
        Name of an output to what is added to its score.

    Raises
    ------
    ValueError
        If a name is not among the outputs.
    """
    unknown = sorted(set(shifts) - set(names))
    if unknown or layer.bias is None or len(layer.bias) != len(names):  # type: ignore[arg-type]
        raise ValueError(f"the last layer does not have the outputs {unknown or list(names)}")
    shifted, last = copy.deepcopy((network, layer))  # together: `last` stays part of `shifted`
    values = torch.tensor([shifts.get(name, 0.0) for name in names])
    with torch.no_grad():
        last.bias += values.to(last.bias)  # type: ignore[operator,arg-type]
    return shifted
