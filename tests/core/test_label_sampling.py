"""Labels by trilinear weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spineps_nipype.core import label_sampling
from spineps_nipype.core.label_sampling import heaviest_labels, nearest_labels


def nearest(source: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return ndimage.affine_transform(
        source, matrix[:3, :3], matrix[:3, 3], shape, order=0, mode="grid-constant"
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), labels=st.integers(2, 6))
def test_every_voxel_has_the_label_that_is_strongest_linearly(seed: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    source = rng.integers(0, labels, (5, 6, 4)).astype(np.uint8)
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(rng.uniform(0.4, 1.6, 3)) + rng.normal(0, 0.1, (3, 3))
    matrix[:3, 3] = rng.uniform(0, 1, 3)
    shape = (4, 5, 3)
    near = nearest(source, matrix, shape)
    found = heaviest_labels(near, source, matrix)
    weights = np.stack(
        [
            ndimage.affine_transform(
                (source == label).astype(float),
                matrix[:3, :3],
                matrix[:3, 3],
                shape,
                order=1,
                mode="nearest",
            )
            for label in range(labels)
        ]
    )
    own = np.take_along_axis(weights, found[None].astype(int), 0)[0]
    changed = found != near
    assert (own >= weights.max(0) - 1e-5)[changed].all()
    inside = nearest(np.ones_like(source), matrix, shape) > 0
    assert (own >= weights.max(0) - 1e-5)[inside].all()
    assert not found[~inside].any()


def test_a_sphere_comes_back_rounder() -> None:
    """A sphere on 1 mm voxels, asked for on 0.7 mm voxels."""

    def sphere(step: float, count: int) -> np.ndarray:
        axes = np.arange(count) * step - 10
        return (sum(a**2 for a in np.meshgrid(axes, axes, axes)) < 7.3**2).astype(np.uint16) * 300

    source, truth = sphere(1.0, 21), sphere(0.7, 29)
    matrix = np.diag([0.7, 0.7, 0.7, 1.0])
    near = nearest(source, matrix, truth.shape)
    smooth = heaviest_labels(near, source, matrix)
    assert smooth.dtype == np.uint16
    assert (smooth != truth).sum() < 0.75 * (near != truth).sum()


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 1, 1)])
def test_single_slices(shape: tuple[int, int, int]) -> None:
    source = np.ones(shape, np.uint8)
    source[..., : max(shape[2] // 2, 0)] = 2
    near = nearest(source, np.eye(4), shape)
    np.testing.assert_array_equal(heaviest_labels(near, source, np.eye(4)), source)


def test_parts_of_a_large_volume_are_weighed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    source = np.random.default_rng(0).integers(0, 4, (6, 7, 5)).astype(np.uint8)
    matrix = np.diag([0.6, 0.7, 0.8, 1.0])
    near = nearest(source, matrix, (9, 9, 6))
    whole = heaviest_labels(near, source, matrix)
    monkeypatch.setattr(label_sampling, "CHUNK_VOXELS", 37)
    np.testing.assert_array_equal(heaviest_labels(near, source, matrix), whole)


def test_nothing_stays_nothing() -> None:
    empty = np.zeros((4, 4, 4), np.uint8)
    assert not heaviest_labels(empty, empty, np.diag([0.5, 1, 1, 1])).any()


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    turned=st.sampled_from(["no", "flipped", "halves", "slightly", "oblique"]),
    filled=st.sampled_from(["all", "box", "one voxel", "nothing"]),
)
def test_nearest_voxels_are_those_of_scipy(seed: int, turned: str, filled: str) -> None:
    """Also half-way between two voxels, and for grids that meet in part or not at all."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 9, 3))
    source = np.zeros(shape, np.uint16)
    low = [rng.integers(0, n) for n in shape]
    box = {
        "all": (...,),
        "box": tuple(slice(a, rng.integers(a, n) + 1) for a, n in zip(low, shape, strict=True)),
        "one voxel": tuple(low),
        "nothing": (slice(0),),
    }[filled]
    source[box] = rng.integers(0, 400, source[box].shape)
    matrix = np.eye(4)
    scale = np.diag(
        rng.choice([0.5, 1.5, 0.75, 2.0] if turned == "halves" else [0.4, 0.9, 1.7], 3)
    )
    matrix[:3, :3] = scale
    matrix[:3, 3] = rng.choice([-2.5, -1.0, 0.0, 0.5, 1.25, 9.0], 3)
    if turned == "flipped":
        matrix[:3, :3] = scale[::-1] * [1, -1, 1]
        matrix[1, 3] = shape[1]
    if turned in ("slightly", "oblique"):
        matrix[:3, :3] += rng.normal(0, 1e-9 if turned == "slightly" else 0.3, (3, 3))
    size = tuple(rng.integers(1, 12, 3))
    np.testing.assert_array_equal(
        nearest_labels(source, matrix, size), nearest(source, matrix, size)
    )


def test_labels_are_weighed_near_them_as_everywhere() -> None:
    """A corner of a large empty map, and the border of the map."""
    rng = np.random.default_rng(3)
    source = np.zeros((12, 11, 10), np.uint8)
    source[:4, 5:8, 7:] = rng.integers(0, 4, (4, 3, 3))
    matrix = np.diag([0.6, 0.7, 0.8, 1.0])
    shape = (19, 15, 12)
    found = heaviest_labels(nearest(source, matrix, shape), source, matrix)
    wide = np.pad(source, 6, mode="constant")
    moved = matrix.copy()
    moved[:3, 3] = 6
    whole = heaviest_labels(nearest(wide, moved, shape), wide, moved)
    inner = (slice(2, None), slice(0, -2), slice(0, -3))  # elsewhere the map ends
    np.testing.assert_array_equal(found[inner], whole[inner])
    assert len(np.unique(found)) == 4
