"""Tiles cover the volume evenly and their weighted mean is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spineps_nipype.models.inference.sliding_window import sliding_window_logits, tile_weights
from spineps_nipype.models.inference.tile_plan import TilePlan, tiles_everywhere, tiles_near


def test_weights_peak_in_the_middle_and_are_never_zero() -> None:
    for half, peak in ((False, 1.0), (True, 1000.0)):
        weights = tile_weights((8, 16, 12), half)
        assert weights.max() == peak
        assert weights[4, 8, 6] == peak
        assert weights.min() > 0
    assert tile_weights((8, 8, 8), True).dtype == torch.float16


@pytest.mark.parametrize("shape", [(5, 9, 7), (8, 16, 12), (11, 40, 25)])
@pytest.mark.parametrize("axes", [(), (0, 1, 2)])
def test_pointwise_network_is_reproduced(
    shape: tuple[int, int, int], axes: tuple[int, ...]
) -> None:
    volume = torch.randn((1, *shape), generator=torch.Generator().manual_seed(0))

    def network(tile: Tensor) -> Tensor:
        return torch.cat([tile, 2 * tile], dim=1)

    seen: list[tuple[int, int]] = []
    logits = sliding_window_logits(
        network,
        volume,
        classes=2,
        plan=tiles_everywhere(shape, (8, 16, 12), 0.5),
        mirror_axes=axes,
        progress=lambda done, total: seen.append((done, total)),
    )
    torch.testing.assert_close(logits, torch.cat([volume, 2 * volume]), atol=1e-5, rtol=1e-5)
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_mirroring_averages_all_combinations() -> None:
    calls: list[Tensor] = []

    def network(tile: Tensor) -> Tensor:
        calls.append(tile)
        ramp = torch.arange(tile.shape[2], dtype=torch.float32)[None, None, :, None, None]
        return ramp.expand(1, 1, *tile.shape[2:])

    plan = tiles_everywhere((4, 4, 4), (4, 4, 4), 0.5)
    logits = sliding_window_logits(
        network, torch.zeros(1, 4, 4, 4), classes=1, plan=plan, mirror_axes=(0, 2)
    )
    assert len(calls) == 4
    torch.testing.assert_close(logits, torch.full((1, 4, 4, 4), 1.5))


def test_padding_is_the_mean_or_the_darkest_value_of_each_channel() -> None:
    seen: list[Tensor] = []

    def network(tile: Tensor) -> Tensor:
        seen.append(tile)
        return tile[:, :1]

    volume = torch.arange(2.0 * 4 * 6).view(2, 4, 6, 1) - 3
    plan = tiles_everywhere(volume.shape[1:], (4, 6, 3), 0.5)
    for dark, padding in ((False, (0.0, 0.0)), (True, (-3.0, 21.0))):
        seen.clear()
        sliding_window_logits(network, volume, classes=1, plan=plan, dark_padding=dark)
        for channel, value in enumerate(padding):
            np.testing.assert_array_equal(seen[0][0, channel, ..., ::2], value)
            np.testing.assert_array_equal(seen[0][0, channel, ..., 1:2], volume[channel])


def test_float16_sums_overflow_as_in_spineps() -> None:
    def network(tile: Tensor) -> Tensor:
        return torch.cat([torch.full_like(tile, 70.0), torch.full_like(tile, 80.0)], dim=1)

    volume = torch.zeros(1, 8, 8, 8)
    options: dict[str, Any] = {"classes": 2, "plan": tiles_everywhere((8, 8, 8), (8, 8, 8), 0.5)}
    old = sliding_window_logits(network, volume, half_precision=True, **options)
    new = sliding_window_logits(network, volume, **options)
    assert old[:, 4, 4, 4].argmax() == 0  # both infinite: the first class wins
    assert (new.argmax(dim=0) == 1).all()


def nonlinear(tile: Tensor) -> Tensor:
    """A network whose answer depends on the whole tile."""
    return torch.cat([tile.tanh() * tile.std(), (tile - tile.mean()) ** 2], dim=1)


def test_kept_tiles_are_unchanged_bit_for_bit() -> None:
    volume = torch.randn((1, 8, 16, 64), generator=torch.Generator().manual_seed(0))
    region = torch.zeros(volume.shape[1:], dtype=torch.bool)
    region[2, 3, 1:14] = True
    seen: list[Tensor] = []

    def network(tile: Tensor) -> Tensor:
        seen.append(tile.clone())
        return nonlinear(tile)

    patch = (8, 16, 16)
    whole = sliding_window_logits(
        network, volume, classes=2, plan=tiles_everywhere(volume.shape[1:], patch, 0.5)
    )
    everywhere = list(seen)
    seen.clear()
    plan = tiles_near(region, patch, 0.5)
    part = sliding_window_logits(network, volume, classes=2, plan=plan)
    assert all(any(torch.equal(tile, other) for other in everywhere) for tile in seen)
    # Tiles start at 0, 8, 16 ...; those at 0 and 8 meet the region: nothing is missing up to 16.
    assert len(seen) == 2
    assert part.shape == (2, 8, 16, 24)
    assert torch.equal(part[..., :16], whole[..., :16])


def test_between_tiles_is_background() -> None:
    volume = torch.ones(1, 4, 4, 12)
    plan = TilePlan((slice(0, 4), slice(0, 4), slice(0, 12)), (4, 4, 4), ((0, 0, 0), (0, 0, 8)))
    outside = torch.tensor([5.0, -5.0])
    logits = sliding_window_logits(nonlinear, volume, classes=2, plan=plan, outside=outside)
    assert (logits[..., 4:8] == outside[:, None, None, None]).all()
    assert not (logits[..., :4] == outside[:, None, None, None]).any()
