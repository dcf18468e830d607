"""Surfaces are closed, lie on their mask in the world, and read the same from every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.affines import apply_affine
from nibabel.eulerangles import euler2mat
from numpy.typing import NDArray

from spineps_nipype.core.surfaces import Surface, surface_of, write_gifti, write_stl

FLIPS = st.tuples(*[st.sampled_from((-1, 1))] * 3)
ANGLES = st.tuples(*[st.floats(-1, 1)] * 3)


def grid(flip: tuple[int, ...], angles: tuple[float, ...], zooms: Any = (1, 2, 3)) -> Any:
    """An oblique grid whose axes may be left-handed."""
    affine = np.eye(4)
    affine[:3, :3] = euler2mat(*angles) @ np.diag(np.multiply(flip, zooms))
    affine[:3, 3] = (-70, 30, 400)
    return affine


@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    share=st.floats(0.05, 1),
    flip=FLIPS,
    angles=ANGLES,
)
def test_every_surface_is_closed_and_looks_outwards(
    seed: int, shape: Any, share: float, flip: Any, angles: Any
) -> None:
    """Also of scattered voxels that touch at an edge, and of masks that fill the image."""
    mask = np.random.default_rng(seed).random(shape) < share
    mask[0, 0, 0] = True
    surface = surface_of(mask, grid(flip, angles))
    assert surface.closed
    assert 0 < surface.volume <= mask.sum() * 6 + 1e-6  # a voxel has 6 mm³
    assert not Surface(surface.vertices, surface.triangles[1:]).closed


@given(flip=FLIPS, angles=ANGLES)
def test_a_surface_lies_around_the_voxels_in_the_world(flip: Any, angles: Any) -> None:
    affine = grid(flip, angles)
    mask = np.zeros((9, 8, 7), bool)
    mask[2:6, 3:7, 1:5] = True
    surface = surface_of(mask, affine)
    voxels = apply_affine(np.linalg.inv(affine), surface.vertices)
    np.testing.assert_allclose(voxels.min(0), (1.5, 2.5, 0.5), atol=1e-4)
    np.testing.assert_allclose(voxels.max(0), (5.5, 6.5, 4.5), atol=1e-4)
    # Corners of the box are cut off, no more.
    assert 0.9 * 64 * 6 < surface.volume < 64 * 6
    assert 0.8 < surface.area / (2 * (4 * 8 + 4 * 12 + 8 * 12)) < 1


def read_stl(path: Path) -> NDArray[Any]:
    """Binary STL as its definition says it: header, count, and 50 bytes a triangle."""
    content = path.read_bytes()
    count = int.from_bytes(content[80:84], "little")
    assert len(content) == 84 + 50 * count
    kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
    return np.frombuffer(content[84:], kind)


@pytest.fixture
def ball() -> Surface:
    x, y, z = np.ogrid[:11, :11, :11]
    inside = (x - 5) ** 2 + (y - 5) ** 2 + (z - 5) ** 2 < 20
    return surface_of(inside, grid((1, -1, 1), (0.2, 0.1, -0.3), (1, 1, 1)))


def test_stl(ball: Surface, tmp_path: Path) -> None:
    faces = read_stl(write_stl(ball, tmp_path / "L1.stl"))
    assert (tmp_path / "L1.stl").read_bytes()[:80].strip().endswith(b"SPACE=RAS")
    np.testing.assert_allclose(faces["corners"], ball.corners, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(faces["normal"], axis=1), 1, rtol=1e-5)
    outwards = faces["corners"].mean(1) - ball.vertices.mean(0)
    assert (np.einsum("ij,ij->i", faces["normal"], outwards) > 0).all()


def test_gifti(ball: Surface, tmp_path: Path) -> None:
    image = nib.load(write_gifti(ball, tmp_path / "L1.surf.gii", "L1"))
    points, faces = image.agg_data(("pointset", "triangle"))
    np.testing.assert_allclose(points, ball.vertices, rtol=1e-6)
    np.testing.assert_array_equal(faces, ball.triangles)
    array = image.get_arrays_from_intent("NIFTI_INTENT_POINTSET")[0]
    assert array.meta["Name"] == "L1"
    assert array.coordsys.dataspace == nib.nifti1.xform_codes["scanner"]
    np.testing.assert_array_equal(array.coordsys.xform, np.eye(4))


def test_equal_surfaces_give_equal_bytes(ball: Surface, tmp_path: Path) -> None:
    for name, write in (("a.stl", write_stl), ("a.gii", lambda s, p: write_gifti(s, p, "L1"))):
        first = write(ball, tmp_path / name).read_bytes()
        assert write(ball, tmp_path / name).read_bytes() == first
