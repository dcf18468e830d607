"""The coarse grid lies on the image, and leads back to it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.core.coarse_grid import coarse_mean, from_coarse

SPACING = (5.0, 5.0, 5.0)
SIZES = st.tuples(*[st.integers(1, 30)] * 3)
ZOOMS = st.tuples(*[st.floats(0.3, 9.0)] * 3)


@settings(deadline=None, max_examples=60)
@given(SIZES, ZOOMS)
def test_a_constant_stays_and_shapes_return(
    shape: tuple[int, int, int], zoom: tuple[float, float, float]
) -> None:
    coarse = coarse_mean(np.full(shape, 7.0), zoom, SPACING)
    expected = [max(round(n * z / s), 1) for n, z, s in zip(shape, zoom, SPACING, strict=True)]
    assert coarse.shape == tuple(expected)
    np.testing.assert_allclose(coarse, 7, rtol=1e-5)
    assert from_coarse(coarse, shape, zoom, SPACING).shape == shape


@settings(deadline=None, max_examples=60)
@given(SIZES, ZOOMS, st.sampled_from([0, 1, 2]))
def test_positions_are_kept(
    shape: tuple[int, int, int], zoom: tuple[float, float, float], axis: int
) -> None:
    """A ramp in mm comes back to within half a coarse voxel, or the voxel of the image."""
    ramp = np.arange(shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
    image = np.broadcast_to(ramp * zoom[axis], shape)
    back = from_coarse(coarse_mean(image, zoom, SPACING), shape, zoom, SPACING)
    assert np.abs(back - image).max() <= max(SPACING[axis], zoom[axis]) * 1.01


def test_thin_voxels_are_averaged() -> None:
    image = np.zeros((20, 1, 1))
    image[::2] = 2
    coarse = coarse_mean(image, (1, 5, 5), SPACING)
    np.testing.assert_allclose(coarse[1:-1], 1, atol=0.1)
