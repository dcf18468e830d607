"""Shifts of scores that are written into a network."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.common.calibration import with_shifts  # noqa: E402


def test_shifts_change_the_copy_alone() -> None:
    network = torch.nn.Sequential(torch.nn.Conv3d(1, 3, 1))
    x = torch.randn(1, 1, 2, 2, 2)
    before = network(x)
    shifted = with_shifts(network, network[0], ("background", "a", "b"), {"b": -0.5})
    assert torch.equal(network(x), before)
    expected = torch.tensor([0.0, 0.0, -0.5])
    assert torch.allclose((shifted(x) - before).mean((0, 2, 3, 4)), expected, atol=1e-6)
    with pytest.raises(ValueError, match="c"):
        with_shifts(network, network[0], ("background", "a", "b"), {"c": 1.0})
