"""The fast normalisation is the usual one."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from spineps_nipype.models.networks.fast_norm import (
    FastInstanceNorm,
    SpelledGroupNorm,
    speed_up,
    spell_out,
)


@pytest.mark.parametrize("batch", [1, 2])
def test_same_values_and_gradients_as_torch(batch: int) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv3d(1, 3, 3), nn.InstanceNorm3d(3, affine=True))
    nn.init.normal_(plain[1].weight)
    fast = speed_up(copy.deepcopy(plain))
    assert isinstance(fast[1], FastInstanceNorm)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(batch, 1, 5, 6, 7)
    for network in (plain, fast):
        network(x).square().mean().backward()
    torch.testing.assert_close(fast(x), plain(x))
    with torch.inference_mode():
        torch.testing.assert_close(fast(x), plain(x))
    torch.testing.assert_close(fast[1].weight.grad, plain[1].weight.grad)
    torch.testing.assert_close(fast[0].weight.grad, plain[0].weight.grad, atol=1e-5, rtol=1e-4)


def test_sums_of_large_volumes_are_exact() -> None:
    """The kernels of torch for channels last lose three digits here."""
    torch.manual_seed(0)
    x = torch.randn(2, 8, 24, 96, 96) + 1.5
    for layer, groups in ((nn.InstanceNorm3d(8, affine=True), 8), (nn.GroupNorm(2, 8), 2)):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
        fast = speed_up(nn.Sequential(layer))
        with torch.inference_mode():
            found = fast(x.to(memory_format=torch.channels_last_3d))
            true = nn.functional.group_norm(
                x.double(), groups, layer.weight.double(), layer.bias.double()
            )
        assert found.is_contiguous(memory_format=torch.channels_last_3d)
        assert float((found - true).abs().max()) < 3e-5


def test_spelled_out_is_the_same() -> None:
    torch.manual_seed(0)
    layer = nn.GroupNorm(2, 6)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 6, 4, 5, 7) + 1.5
    plain = layer(x)
    network = spell_out(nn.Sequential(layer))
    assert isinstance(network[0], SpelledGroupNorm)
    torch.testing.assert_close(network(x), plain)
