"""Splitting what holds two bodies, along a plane between them."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spineps.instance_split import (
    CannotSplitError,
    split_component,
    split_labelled,
)


def dumbbell(shift: int = 0) -> np.ndarray:
    """Two cubes of 8 voxels with a neck; the lower one lies `shift` voxels further back."""
    body = np.zeros((24, 30, 12), bool)
    body[2:10, 2:10, 2:10] = True
    body[2 + shift : 10 + shift, 16:24, 2:10] = True
    body[5 : 7 + shift, 9:17, 5:7] = True
    return body


def test_a_neck_is_cut_in_the_middle() -> None:
    body = dumbbell()
    lower = split_component(body)
    assert not lower[:, :10].any()
    np.testing.assert_array_equal(lower[:, 16:], body[:, 16:])


def test_the_plane_is_oblique_where_the_bodies_are() -> None:
    body = dumbbell(shift=6)
    lower = split_component(body)
    assert not lower[2:10, 2:10].any()
    assert lower[8:16, 16:24, 2:10].all()


def test_the_lower_part_gets_the_next_number() -> None:
    components = dumbbell().astype(np.int32) * 2
    components[20, 28, 10] = 5
    out = split_labelled(components, 2)
    assert sorted(np.unique(out).tolist()) == [0, 2, 5, 6]
    assert (out == 6).sum() + (out == 2).sum() == (components == 2).sum()
    assert np.argwhere(out == 6)[:, 1].mean() > np.argwhere(out == 2)[:, 1].mean()
    assert components.max() == 5  # the input stays


def test_a_large_block_that_does_not_come_apart() -> None:
    with pytest.raises(CannotSplitError, match="10 erosions"):
        split_component(np.ones((40, 40, 40), bool))
