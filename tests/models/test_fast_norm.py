"""The fast normalisation is the usual one."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from spineps_nipype.models.networks.fast_norm import FastInstanceNorm, speed_up  # noqa: E402


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
