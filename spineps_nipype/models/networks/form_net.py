"""Recurrent network that names vertebrae from the measures of their parts. Source: ours."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spineps_nipype.errors import ModelError

from .instance_unet import load_strictly


class FormNet(nn.Module):
    """Logits by head for sequences of vertebrae, from top to bottom.

    Parameters
    ----------
    features
        Measures of a vertebra, see `core.vertebra_form`.
    heads
        Head name to number of classes.
    width
        Units of every layer.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, heads: Mapping[str, int], width: int = 64) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.enter = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Dropout(0.1))
        self.along = nn.GRU(width, width, num_layers=2, batch_first=True, bidirectional=True)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(2 * width, classes) for name, classes in heads.items()}
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """From (sequences, vertebrae, features) to (sequences, vertebrae, classes) a head."""
        hidden, _ = self.along(self.enter((x - self.mean) / self.deviation))
        return {name: head(hidden) for name, head in self.heads.items()}


def build_form_net(state: Mapping[str, Tensor], source: str) -> FormNet:
    """Network with the weights of a checkpoint; half precision is widened.

    Raises
    ------
    ModelError
        If the weights do not fit.
    """
    weights = {name: value.float() for name, value in state.items()}
    try:
        width, features = weights["enter.0.weight"].shape
    except KeyError as err:
        raise ModelError(
            f"The weights of forms lack {err}.",
            file=source,
            remedy="Install the labelling package again.",
        ) from err
    heads = {
        name.split(".")[1]: len(value)
        for name, value in weights.items()
        if name.startswith("heads.") and name.endswith(".bias")
    }
    network = FormNet(features, heads, width)
    load_strictly(network, weights, source)
    return network
