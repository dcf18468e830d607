"""Recurrent network that names vertebrae from measures of their parts, and from their looks.

Source: ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from spineps_nipype.core.vertebra_look import DEPTH, HEIGHT, PLANES
from spineps_nipype.errors import ModelError

from .instance_unet import load_strictly

LEVELS: Final = (24, 48, 64, 96)
"""Channels of the encoder of looks; each level halves the pixels."""
GROUPS: Final = 8
"""Parts of the channels that are normalised together."""
MEASURE_NOISE: Final = 0.1
"""Standard deviations added to estimated dimensions in training."""
PLACES: Final = math.prod(math.ceil(size / 2 ** len(LEVELS)) for size in (DEPTH, HEIGHT))
"""Pixels of the last level."""


class LookEncoder(nn.Sequential):
    """Numbers of a piece of the image, see `core.vertebra_look`; planes are channels.

    Parameters
    ----------
    out
        Numbers a piece.
    """

    def __init__(self, out: int) -> None:
        layers: list[nn.Module] = []
        before = PLANES
        for level, after in enumerate(LEVELS):
            layers += _convolution(before, after, 2)
            if level:
                layers += _convolution(after, after, 1)
            before = after
        layers += [
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(before * PLACES, out),
        ]
        super().__init__(*layers)


def _convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, after, 3, stride, 1, bias=False),
        nn.GroupNorm(GROUPS, after),
        nn.ReLU(inplace=True),
    ]


class Judgement(NamedTuple):
    """What the network says of vertebrae; all tensors begin with (sequences, vertebrae)."""

    heads: dict[str, Tensor]
    """Logits (…, classes) of every head, with the whole sequence in view."""
    alone: Tensor
    """Logits (…, classes of the first head) of each vertebra by itself."""
    measures: Tensor
    """Estimated dimensions (…, measures), in standard deviations from their mean."""


class FormNet(nn.Module):
    """Logits by head for sequences of vertebrae, from top to bottom.

    The network first measures each vertebra and names it by itself, then judges the sequence.
    Dimensions of phantoms are known, and teach it to measure: it learns from far fewer spines
    than names alone would need.

    Parameters
    ----------
    features
        Measures of a vertebra in the masks, see `core.vertebra_form`.
    heads
        Head name to number of classes.
    measures
        Dimensions that it estimates, see `training.forms.plan_measures`.
    width
        Units of most layers.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, features: int, heads: Mapping[str, int], measures: int, width: int = 64
    ) -> None:
        super().__init__()
        classes = next(iter(heads.values()))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.enter = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Dropout(0.1))
        self.look = LookEncoder(width)
        self.mix = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.ReLU(), nn.Dropout(0.1))
        self.measures = nn.Linear(2 * width, measures)
        self.alone = nn.Linear(2 * width, classes)
        self.along = nn.GRU(
            2 * width + measures + classes,
            width,
            num_layers=2,
            batch_first=True,
            bidirectional=True,
        )
        self.heads = nn.ModuleDict({name: nn.Linear(2 * width, n) for name, n in heads.items()})

    def forward(self, x: Tensor, looks: Tensor) -> dict[str, Tensor]:
        """Logits (sequences, vertebrae, classes) of every head, as `judged` gives them."""
        return self.judged(x, looks).heads

    def judged(self, x: Tensor, looks: Tensor, sizes: Tensor | None = None) -> Judgement:
        """All that the network says.

        Parameters
        ----------
        x
            Measures (sequences, vertebrae, features).
        looks
            Pieces (sequences, vertebrae, planes, depth, height), see `core.vertebra_look`.
        sizes
            Vertebrae of each sequence, where some are shorter than the others.
        """
        seen = [self.enter((x - self.mean) / self.deviation), self._seen(looks, sizes)]
        mixed = self.mix(torch.cat(seen, -1))
        measures, alone = self.measures(mixed), self.alone(mixed)
        given = measures
        if self.training:  # as unsure as the measures of unknown spines are
            given = measures + MEASURE_NOISE * torch.randn_like(measures)
        entered = torch.cat([*seen, given, alone.softmax(-1)], -1)
        if sizes is None:
            hidden, _ = self.along(entered)
        else:  # what pads a sequence must not be seen from its lower end
            packed = pack_padded_sequence(entered, sizes, True, enforce_sorted=False)
            hidden, _ = pad_packed_sequence(self.along(packed)[0], True)
        return Judgement({n: head(hidden) for n, head in self.heads.items()}, alone, measures)

    def _seen(self, looks: Tensor, sizes: Tensor | None) -> Tensor:
        """Numbers of the looks; 0 behind the end of a sequence."""
        if sizes is None:
            numbers: Tensor = self.look(looks.flatten(0, 1))
            return numbers.reshape(*looks.shape[:2], -1)
        shown = torch.arange(looks.shape[1]) < sizes[:, None]
        of_shown: Tensor = self.look(looks[shown])
        out = of_shown.new_zeros(*shown.shape, of_shown.shape[-1])
        return out.masked_scatter(shown[..., None], of_shown)


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
        measures = len(weights["measures.bias"])
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
    network = FormNet(features, heads, measures, width)
    load_strictly(network, weights, source)
    return network
