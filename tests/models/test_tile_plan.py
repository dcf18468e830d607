"""Tiles hold what they are to hold, wherever that lies."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.models.inference.tile_plan import (
    TilePlan,
    fitting_patch,
    tile_starts,
    tiles_everywhere,
    tiles_near,
    tiles_on,
)

STRIDES = (2, 4, 4)


def test_tile_starts() -> None:
    assert tile_starts(149, 48, 0.5) == [0, 20, 40, 61, 81, 101]
    assert tile_starts(48, 48, 0.5) == [0]
    assert tile_starts(10, 48, 0.5) == [0]
    assert tile_starts(49, 48, 0.5) == [0, 1]


def test_fitting_patch() -> None:
    assert fitting_patch((12, 160, 128), (5, 100, 500), (4, 16, 16)) == (8, 112, 128)


def computed(plan: TilePlan, shape: tuple[int, ...]) -> np.ndarray:
    """Voxels of a volume that a plan computes."""
    padded = [n + sum(pad) for n, pad in zip(plan.size, plan.pads, strict=True)]
    inside = np.zeros(padded, dtype=bool)
    for start in plan.starts:
        box = tuple(slice(a, a + p) for a, p in zip(start, plan.patch, strict=True))
        assert inside[box].shape == plan.patch  # whole tiles only
        inside[box] = True
    found = np.zeros(shape, dtype=bool)
    cut = zip(plan.pads, plan.size, strict=True)
    found[plan.window] = inside[tuple(slice(before, before + n) for (before, _), n in cut)]
    return found


@st.composite
def regions(draw: st.DrawFn) -> torch.Tensor:
    """One or two boxes in a volume."""
    shape = tuple(draw(st.integers(1, 40)) for _ in range(3))
    region = torch.zeros(shape, dtype=torch.bool)
    for _ in range(draw(st.integers(1, 2))):
        box = []
        for size in shape:
            first = draw(st.integers(0, size - 1))
            box.append(slice(first, draw(st.integers(first + 1, size))))
        region[tuple(box)] = True
    return region


@settings(deadline=None, max_examples=100)
@given(regions(), st.sampled_from([0.5, 0.8, 1.0]))
def test_tiles_on_a_region_cover_it(region: torch.Tensor, step: float) -> None:
    largest = (8, 16, 12)
    plan = tiles_on(region, largest, STRIDES, step)
    assert computed(plan, tuple(region.shape))[region.numpy()].all()
    assert all(p <= most for p, most in zip(plan.patch, largest, strict=True))
    assert all(p % stride == 0 for p, stride in zip(plan.patch, STRIDES, strict=True))


@settings(deadline=None, max_examples=100)
@given(regions())
def test_tiles_near_a_region_cover_it(region: torch.Tensor) -> None:
    shape = tuple(region.shape)
    everywhere = tiles_everywhere(shape, (8, 16, 12), 0.5)
    assert computed(everywhere, shape).all()
    plan = tiles_near(region, (8, 16, 12), 0.5)
    assert computed(plan, shape)[region.numpy()].all()
    assert len(plan.starts) <= len(everywhere.starts)


def test_where_nothing_is_to_be_held_all_tiles_stay() -> None:
    region = torch.zeros((8, 16, 64), dtype=torch.bool)
    everywhere = tiles_everywhere((8, 16, 64), (8, 16, 16), 0.5)
    assert tiles_near(region, (8, 16, 16), 0.5) == everywhere
    assert tiles_on(region, (8, 16, 16), STRIDES, 0.5) == everywhere


def test_tiles_follow_a_slanted_region() -> None:
    region = torch.zeros((8, 64, 64), dtype=torch.bool)
    for row in range(64):
        region[2:6, row, row // 2 : row // 2 + 8] = True
    plan = tiles_on(region, (8, 32, 64), STRIDES, 0.5)
    assert plan.patch == (4, 32, 24)  # 8 voxels, and 16 that 32 rows move
    assert [start[1:] for start in plan.starts] == [(0, 0), (16, 8), (32, 16)]
