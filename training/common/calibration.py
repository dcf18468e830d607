"""Corrections of scores that a weighted loss has made too high or too low.

A constant is added to the score of a label before the network is written. It becomes part of the
bias of the last layer, so that packages need no rule of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from spineps_nipype.models.safe_load import load_checkpoint, weights_in
from training.common.nnunet import last_layer


def with_shifts(
    network: nn.Module, layer: nn.Module, names: Sequence[str], shifts: Mapping[str, float]
) -> nn.Module:
    """Copy of a network with constants added to some of its scores.

    Parameters
    ----------
    layer
        Last layer of `network`, with one output for each name.
    shifts
        What is added to the score of an output, by its name.

    Raises
    ------
    ValueError
        If a name is not among the outputs.
    """
    unknown = sorted(set(shifts) - set(names))
    if unknown or not isinstance(layer.bias, Tensor) or len(layer.bias) != len(names):
        raise ValueError(f"the last layer does not have the outputs {unknown or list(names)}")
    shifted, last = copy.deepcopy((network, layer))  # together: `last` stays part of `shifted`
    values = torch.tensor([shifts.get(name, 0.0) for name in names])
    bias = last.bias
    assert isinstance(bias, Tensor)
    with torch.no_grad():
        bias += values.to(bias)
    return shifted


def weights_before_shifts(
    package: Path, network: nn.Module, names: Sequence[str], shifts: Mapping[str, float]
) -> dict[str, Tensor]:
    """Weights of a package without the constants that were added when it was written.

    Parameters
    ----------
    package
        Its folder.
    network
        Of the form of the package; its weights are overwritten.
    names, shifts
        As for `with_shifts`, when the package was written.
    """
    file = next(package.glob("**/fold_*/checkpoint_final.pth"))
    state = weights_in(load_checkpoint(file), "network_weights", package)
    network.load_state_dict({name: value.float() for name, value in state.items()})
    back = {name: -shift for name, shift in shifts.items()}
    return dict(with_shifts(network, last_layer(network), names, back).state_dict())
