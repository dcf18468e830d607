"""The first levels around the labels give what the whole network gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spineps_nipype.models.networks.fast_norm import FastGroupNorm, PartGroupNorm, speed_up
from spineps_nipype.models.networks.instance_unet import InstanceUNet
from spineps_nipype.models.networks.label_stem import convolve_labels
from spineps_nipype.models.networks.left_out import (
    LEAST,
    inputs_of,
    parts_with_labels,
    whole,
)

CHANNELS = 3
LONG = 144


def one_hot(labels: Tensor) -> Tensor:
    return nn.functional.one_hot(labels, CHANNELS).movedim(-1, 1).double()


def labelled(axis: int, first: int) -> Tensor:
    """A label map that is long along an axis, with labels from there on."""
    shape = [LEAST] * 3
    shape[axis] = LONG
    labels = torch.zeros(shape, dtype=torch.long)
    rng = torch.Generator().manual_seed(0)
    labels.narrow(axis, first, 8).random_(0, CHANNELS, generator=rng)
    return labels


@pytest.mark.parametrize(
    ("axis", "first", "cut"),
    [
        (0, 68, (True, True)),
        (1, 0, (False, True)),
        (1, LONG - 8, (True, False)),
        (2, 70, (True,) * 2),
    ],
)
def test_nothing_is_lost(axis: int, first: int, cut: tuple[bool, bool]) -> None:
    torch.manual_seed(0)
    network = InstanceUNet(8, CHANNELS).double().eval()
    labels = labelled(axis, first)
    parts = parts_with_labels(labels.numpy())
    for part in parts:
        box = part.box[axis]
        assert (box.start > 0, box.stop < LONG) == cut
    with torch.inference_mode():
        start = convolve_labels(network.init_conv, labels[None], one_hot)
        near = convolve_labels(network.init_conv, labels[parts[0].box][None], one_hot)
        assert near.shape[axis + 2] < start.shape[axis + 2]
        inputs = [one.double() if one.is_floating_point() else one for one in inputs_of(parts)]
        found, plain = network.around_labels(near, *inputs), network.after_stem(start)
    assert float((found - plain).abs().max()) < 1e-4 * float(plain.std())


def test_the_parts_are_the_whole_where_nothing_can_be_left_out() -> None:
    for labels in (np.zeros((LONG,) * 3), np.ones((LEAST - 8, LONG, LONG))):
        assert list(parts_with_labels(labels)) == [whole(labels.shape)] * 2


def test_normalisation_of_a_part_counts_the_rest() -> None:
    """Background in steps of channels, so that a wrong count shows."""
    torch.manual_seed(0)
    labels = labelled(0, 68)
    first, _ = parts_with_labels(labels.numpy())
    x = torch.zeros(1, 8, *labels.shape) + torch.arange(8).view(-1, 1, 1, 1)
    x[..., 60:84, :, :] += torch.randn(1, 8, 24, LEAST, LEAST)
    layer = PartGroupNorm(2, 8)
    nn.init.normal_(layer.weight)
    plain = layer(x)[(..., *first.box)].detach()
    part = x[(..., *first.box)]
    with torch.inference_mode():
        spelled, wrong = layer(part, first.shares), layer(part)
        fast = speed_up(nn.Sequential(layer))[0]
        assert isinstance(fast, FastGroupNorm)
        quick = fast(part.contiguous(memory_format=torch.channels_last_3d), first.shares)
    for found in (spelled, quick):
        torch.testing.assert_close(found, plain, atol=2e-5, rtol=0)
    assert float((wrong - plain).abs().max()) > 1e-2
