"""Looks of vertebrae: where their pixels lie, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.core.vertebra_look import (
    ANTERIOR_MM,
    CLIPPED,
    DEPTH,
    HEIGHT,
    PIXEL_MM,
    PLANES,
    vertebra_looks,
)

SPACING = (1.5, 1.5, 4.0)


def column() -> tuple[np.ndarray, np.ndarray]:
    """Three bodies below each other in an image that is brighter behind and to the right."""
    bodies = np.zeros((90, 100, 13), np.uint8)
    for k in range(3):
        bodies[10:31, 20 + 25 * k : 33 + 25 * k, 5:8] = k + 1
    p, i, r = np.indices(bodies.shape)
    return (2.0 * p + 0.01 * i + 30.0 * r).astype(np.float32), bodies


def test_pieces_lie_in_the_frame_of_their_body() -> None:
    image, bodies = column()
    looks = vertebra_looks(image, bodies, [1, 2, 3], SPACING)
    assert looks.shape == (3, PLANES, DEPTH, HEIGHT)
    assert 0 <= looks.min() < looks.max() <= CLIPPED
    steps = np.diff(looks[1, PLANES // 2], axis=0)
    # brighter to posterior by one voxel a pixel, as long as nothing is cut off
    assert np.ptp(steps[5:40, 5:-5]) < 0.02
    assert steps[20, 20] > 0
    assert looks[1, PLANES // 2 + 1, 20, 20] > looks[1, PLANES // 2, 20, 20]
    # the middle of the body is 16 pixels behind the front
    middle = round(ANTERIOR_MM / PIXEL_MM)
    bright = np.where(bodies == 2, 100.0, 0.0)
    shown = vertebra_looks(bright, bodies, [1, 2, 3], SPACING)[1, PLANES // 2]
    rows = np.flatnonzero(shown[:, HEIGHT // 2] > 0)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(middle, abs=1)


def test_outside_the_image_a_piece_is_black() -> None:
    image, bodies = column()
    image, bodies = image[8:, 15:], bodies[8:, 15:]
    looks = vertebra_looks(image + 50, bodies, [1, 2, 3], SPACING)
    assert not looks[0, :, :, :5].any()  # the image ends 17 mm above the middle of this body
    assert not looks[1, :, :3].any()  # and 18 mm in front of it
    assert looks[1, PLANES // 2, 5:40, 5:-5].all()


def test_brightness_and_contrast_do_not_matter() -> None:
    image, bodies = column()
    looks = vertebra_looks(image, bodies, [1, 2, 3], SPACING)
    other = vertebra_looks(3 * image - 1000, bodies, [1, 2, 3], SPACING)
    np.testing.assert_allclose(other, looks, atol=1e-4)


def test_a_margin_adds_pixels_around() -> None:
    image, bodies = column()
    wide = vertebra_looks(image, bodies, [2], SPACING, margin=3)
    assert wide.shape == (1, PLANES, DEPTH + 6, HEIGHT + 6)


def test_one_slice_and_a_constant_image() -> None:
    image, bodies = column()
    flat = vertebra_looks(image[..., 6:7], bodies[..., 6:7], [1, 2, 3], SPACING)
    assert flat[:, PLANES // 2].any()
    assert not np.delete(flat, PLANES // 2, axis=1).any()
    assert not vertebra_looks(np.zeros_like(image), bodies, [1], SPACING).any()
