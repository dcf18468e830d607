"""Grids: preparation, and results back on the grid of the scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel import orientations
from TPTBox import NII

from spineps_nipype.errors import InputError
from spineps_nipype.totalspineseg.canal import fill_canal
from spineps_nipype.totalspineseg.crop import crop_to_grid
from spineps_nipype.totalspineseg.grid import (
    cropped_affine,
    sample_linear,
    sample_nearest,
    spacing,
)
from spineps_nipype.totalspineseg.labels import CANAL, CORD, RAW_CANAL_STEP1, RAW_CORD_STEP1
from spineps_nipype.totalspineseg.native import points_to_grid, to_grid
from spineps_nipype.totalspineseg.preparation import (
    average_4d,
    iso_grid,
    prepare,
    prepared_grid,
    resample_iso,
    to_canonical,
)
from spineps_nipype.totalspineseg.soft import extract_soft, near_canal

CODES = ["RAS", "LPS", "PIR", "AIL", "SAR"]


def affine_of(zooms: tuple[float, ...], codes: str = "RAS", tilt: float = 0.0) -> np.ndarray:
    """Affine with given voxel sizes, axis directions and a tilt about the first world axis."""
    turn = orientations.inv_ornt_aff(orientations.axcodes2ornt(codes), (9, 9, 9))[:3, :3]
    c, s = np.cos(tilt), np.sin(tilt)
    out = np.eye(4)
    out[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ turn.T @ np.diag(zooms)
    out[:3, 3] = [-20.0, 13.0, 7.5]
    return out


def world(affine: np.ndarray, voxel: tuple[float, ...]) -> np.ndarray:
    return (affine @ [*voxel, 1.0])[:3]


def test_average() -> None:
    image = np.array([[[[1, 2], [4, 5]]]], dtype=np.int16)
    out = average_4d(image)
    assert out.dtype == np.float64
    assert out.ravel().tolist() == [1.5, 4.5]
    assert average_4d(out) is out


@pytest.mark.parametrize("numerics", ["corrected", "original"])
@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("zooms", [(0.8, 1.5, 3.0), (1 / 3, 1, 1)])
def test_the_prepared_grid_is_known_from_the_header(
    codes: str, zooms: tuple[float, ...], numerics: Any
) -> None:
    image, affine = np.zeros((9, 5, 6), np.float32), affine_of(zooms, codes, 0.3)
    made, place = prepare(image, affine, numerics=numerics)
    shape, known = prepared_grid(image.shape, affine, numerics=numerics)
    assert made.shape == shape
    np.testing.assert_allclose(place, known, atol=1e-9)


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_canonical_keeps_every_voxel_in_place(codes: str, tilt: float) -> None:
    affine = affine_of((0.8, 1.5, 3.0), codes, tilt)
    image = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    out, moved = to_canonical(image, affine)
    assert orientations.aff2axcodes(moved) == ("R", "A", "S")
    for voxel in [(0, 0, 0), (3, 4, 5), (1, 2, 3)]:
        place = np.linalg.solve(moved, [*world(affine, voxel), 1.0])[:3]
        assert out[tuple(np.rint(place).astype(int))] == image[voxel]


@pytest.mark.parametrize(
    ("count", "zoom", "expected"),
    [(10, 1.0, 10), (10, 0.99999, 10), (13, 4.0, 52), (7, 0.7, 4), (1, 4.0, 1), (1, 0.3, 1)],
)
def test_size_of_the_1_mm_grid(count: int, zoom: float, expected: int) -> None:
    shape, affine = iso_grid((count, 5, 5), affine_of((zoom, 1, 1)))
    assert shape == (expected, 5, 5)
    assert np.allclose(spacing(affine), 1)


def test_the_original_loses_a_voxel_to_a_rounding_error() -> None:
    affine = affine_of((0.9999999, 1, 1))
    assert iso_grid((10, 5, 5), affine, slack=0)[0] == (9, 5, 5)
    assert iso_grid((10, 5, 5), affine)[0] == (10, 5, 5)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.integers(2, 9)] * 3),
    st.tuples(*[st.floats(0.4, 4)] * 3),
    st.sampled_from(CODES),
    st.floats(-0.5, 0.5),
)
def test_1_mm_grid_keeps_the_centre(
    shape: tuple[int, ...], zooms: tuple[float, ...], codes: str, tilt: float
) -> None:
    affine = affine_of(zooms, codes, tilt)
    size, target = iso_grid(shape, affine)
    middle = tuple((n - 1) / 2 for n in shape)
    other = tuple((n - 1) / 2 for n in size)
    assert np.allclose(world(affine, middle), world(target, other), atol=1e-9)
    assert all(n <= max(have * z, 1) + 1e-3 for n, have, z in zip(size, shape, zooms, strict=True))


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(0.4, 3)] * 3), st.sampled_from(CODES), st.floats(-0.4, 0.4))
def test_linear_functions_survive_resampling(
    zooms: tuple[float, ...], codes: str, tilt: float
) -> None:
    affine = affine_of(zooms, codes, tilt)
    shape = (9, 8, 7)
    index = np.indices(shape).reshape(3, -1)
    values = (affine[:3, :3] @ index + affine[:3, 3:]).T @ [1.0, -2.0, 0.5]
    out, target = resample_iso(values.reshape(shape), affine)
    at = np.indices(out.shape).reshape(3, -1)
    place = target[:3, :3] @ at + target[:3, 3:]
    back = np.linalg.solve(affine, np.vstack([place, np.ones(place.shape[1])]))[:3]
    inside = ((back >= 0) & (back <= np.array(shape)[:, None] - 1)).all(axis=0)
    assert inside.any()
    expected = place.T @ [1.0, -2.0, 0.5]
    assert np.allclose(out.ravel()[inside], expected[inside], atol=1e-6)


def test_edges_of_voxels() -> None:
    line = np.array([10.0, 20.0]).reshape(2, 1, 1)
    source = np.eye(4)
    target = cropped_affine(np.diag([0.25, 1, 1, 1.0]), [-3, 0, 0])
    out = sample_linear(line, source, (11, 1, 1), target).ravel()
    # Positions -0.75 to 1.75 in steps of a quarter.
    assert out.tolist() == [0, 10, 10, 10, 12.5, 15, 17.5, 20, 20, 0, 0]
    near = sample_nearest(line, source, (11, 1, 1), target).ravel()
    assert near.tolist() == [0, 10, 10, 10, 10, 20, 20, 20, 20, 0, 0]


@pytest.mark.parametrize("numerics", ["corrected", "original"])
def test_prepare(numerics: str) -> None:
    image = np.zeros((5, 6, 4, 2), dtype=np.int16)
    image[..., 0] = 3
    image[..., 1] = 4
    out, affine = prepare(image, affine_of((1, 1, 2), "PIR"), numerics=numerics)  # type: ignore[arg-type]
    assert out.shape == (8, 5, 6)
    assert orientations.aff2axcodes(affine) == ("R", "A", "S")
    if numerics == "corrected":
        assert out.dtype == np.float32
        assert np.allclose(out, 3.5)
    else:
        assert out.dtype == np.int16
        assert (out == 3).all()


@settings(max_examples=30, deadline=None)
@given(
    codes=st.sampled_from(CODES),
    zooms=st.tuples(*[st.sampled_from([0.5, 1.0, 2.0])] * 3),
    seed=st.integers(0, 99),
)
def test_labels_come_back_from_the_1_mm_grid(
    codes: str, zooms: tuple[float, ...], seed: int
) -> None:
    """Voxels of a whole number of mm, or half ones: each has a sample of its own value."""
    affine = affine_of(zooms, codes)
    coarse = np.random.default_rng(seed).integers(0, 9, (4, 5, 6)).astype(np.uint8)
    fine = affine.copy()
    fine[:3, :3] /= 4
    fine = cropped_affine(fine, [-1.5] * 3)
    up = sample_nearest(coarse, affine, tuple(4 * n for n in coarse.shape), fine)
    back = to_grid(NII.from_numpy(up, fine, True), coarse.shape, affine)
    assert np.array_equal(back.get_array(), coarse)


@settings(max_examples=25, deadline=None)
@given(
    codes=st.sampled_from(CODES),
    zooms=st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 4.0])] * 3),
    tilt=st.floats(-0.3, 0.3),
)
def test_points_keep_one_voxel_each(codes: str, zooms: tuple[float, ...], tilt: float) -> None:
    target = affine_of(zooms, codes, tilt)
    shape = tuple(int(np.ceil(24 / z)) for z in zooms)
    centre = world(target, tuple((n - 1) / 2 for n in shape))
    source = np.eye(4)
    source[:3, 3] = centre - 10
    points = np.zeros((21, 21, 21), dtype=np.uint8)
    wanted = {3: (10, 10, 2), 4: (9, 10, 10), 5: (10, 11, 18)}
    for label, voxel in wanted.items():
        points[voxel] = label
    out = points_to_grid(points, source, shape, target)
    assert sorted(out[out > 0].tolist()) == [3, 4, 5]
    for label, voxel in wanted.items():
        found = world(target, tuple(np.argwhere(out == label)[0]))
        assert np.abs(found - world(source, voxel)).max() <= max(zooms) + 1


def test_a_point_outside_the_image_ends_at_its_border() -> None:
    points = np.zeros((5, 5, 5), dtype=np.uint8)
    points[0, 2, 2] = 7
    target = cropped_affine(np.eye(4), [1, 0, 0])
    out = points_to_grid(points, np.eye(4), (4, 5, 5), target)
    assert np.argwhere(out).tolist() == [[0, 2, 2]]


def test_no_points() -> None:
    empty = np.zeros((3, 3, 3), dtype=np.uint8)
    assert not points_to_grid(empty, np.eye(4), (4, 4, 4), np.eye(4)).any()


def test_types_of_the_three_modes() -> None:
    seg = NII.from_numpy(np.ones((4, 4, 4), dtype=np.uint8), np.eye(4), True)
    soft = NII.from_numpy(np.full((4, 4, 4), 0.5, dtype=np.float32), np.eye(4), False)
    target = np.diag([2, 2, 2, 1.0])
    assert to_grid(seg, (2, 2, 2), target).get_array().dtype == np.uint8
    out = to_grid(soft, (2, 2, 2, 7), target, "linear")
    assert out.get_array().dtype == np.float32
    assert out.shape == (2, 2, 2)
    assert np.allclose(out.affine, target)


@pytest.mark.parametrize("start", [(0, 0, 0), (3, 1, 4)])
def test_an_image_is_cropped_to_the_grid_of_its_part(start: tuple[int, int, int]) -> None:
    affine = np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] = 7.25, -30.5, 12
    image = NII.from_numpy(np.arange(20 * 21 * 22, dtype=np.float32).reshape(20, 21, 22), affine)
    box = tuple(slice(a, a + 9) for a in start)
    part = image.apply_crop(box)
    # What has been stored has an affine in single precision.
    rounded = NII.from_numpy(part.get_array(), part.affine.astype(np.float32).astype(float))
    np.testing.assert_array_equal(crop_to_grid(image, rounded).get_array(), part.get_array())


def test_a_part_of_another_grid_is_refused() -> None:
    image = NII.from_numpy(np.zeros((8, 8, 8), np.float32), np.eye(4))
    outside = np.eye(4)
    outside[0, 3] = 5
    for shape, affine in (((8, 8, 8), outside), ((4, 4, 4), np.diag([2.0, 2, 2, 1]))):
        with pytest.raises(InputError, match="--override-totalspineseg"):
            crop_to_grid(image, NII.from_numpy(np.zeros(shape, np.float32), affine))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.sampled_from(["corrected", "original"]))
def test_soft_maps_need_no_more_than_what_is_near_the_canal(
    seed: int, dilation: int, numerics: Any
) -> None:
    """Whatever rules leave of canal and cord, its soft map is the same from the small map."""
    rng = np.random.default_rng(seed)
    raw = np.zeros((12, 14, 10), np.uint8)
    for label in (RAW_CANAL_STEP1, RAW_CORD_STEP1):
        for _ in range(3):
            low = rng.integers(0, 8, 3)
            raw[
                tuple(slice(a, a + b) for a, b in zip(low, rng.integers(1, 5, 3), strict=True))
            ] = label
    probability = rng.random(raw.shape, dtype=np.float32)
    seg = np.zeros_like(raw)
    kept = rng.random(raw.shape) < 0.9  # rules delete parts before the canal is filled
    seg[(raw == RAW_CANAL_STEP1) & kept] = CANAL
    seg[(raw == RAW_CORD_STEP1) & kept] = CORD
    seg = fill_canal(seg, numerics=numerics)
    small = near_canal(probability, raw, (RAW_CANAL_STEP1, RAW_CORD_STEP1), dilation=dilation)
    for labels in ((CORD,), (CORD, CANAL)):
        whole, part = (
            extract_soft(p, seg, labels, dilation=dilation) for p in (probability, small)
        )
        np.testing.assert_array_equal(whole, part)
