"""TPTBox's images are what `Volume` promises, in the units it promises."""

from __future__ import annotations

import inspect
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from TPTBox import NII

from spineps_nipype.core.volume import Volume, make_volume

MEMBERS = sorted(
    name for name in {*vars(Volume), *Volume.__annotations__} if not name.startswith("_")
)
ORIENTATIONS = [
    codes
    for letters in product("RL", "AP", "SI")
    for codes in permutations(letters)
]  # fmt: skip

affines = st.builds(
    lambda codes, zoom, origin: _affine(codes, zoom, origin),
    st.sampled_from(ORIENTATIONS),
    st.tuples(*[st.floats(0.3, 5.0)] * 3),
    st.tuples(*[st.floats(-200, 200)] * 3),
)


def _affine(codes, zoom, origin) -> np.ndarray:
    turn = nib.orientations.inv_ornt_aff(
        nib.orientations.axcodes2ornt(codes), (1, 1, 1)
    )  # from the letters to RAS+
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.inv(turn[:3, :3]).T * np.asarray(zoom)
    affine[:3, 3] = origin
    return affine


def _marked(affine: np.ndarray) -> Volume:
    array = np.zeros((4, 5, 6), np.float32)
    array[1, 2, 3] = 7.5
    return make_volume(array, affine, seg=False)


def _place(volume: Volume) -> np.ndarray:
    """World coordinates of the marked voxel."""
    where = np.argwhere(volume.get_array() == 7.5)
    assert len(where) == 1
    return (volume.affine @ [*where[0], 1])[:3]


@pytest.mark.parametrize("name", MEMBERS)
def test_tptbox_has_every_member_and_takes_our_arguments(name: str) -> None:
    ours = vars(Volume).get(name)
    if not inspect.isfunction(ours):
        assert hasattr(make_volume(np.zeros((2, 2, 2)), np.eye(4), seg=False), name)
        return
    parameters = inspect.signature(ours).parameters.values()
    keywords = {p.name: p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    others = [p.name for p in parameters if p.name not in keywords]
    bound = inspect.signature(getattr(NII, name)).bind(*others, **keywords)
    assert bound.arguments == {p.name: p.name for p in parameters}  # none under another name


def test_a_tptbox_image_is_a_volume() -> None:
    assert isinstance(make_volume(np.zeros((2, 3, 4)), np.eye(4), seg=False), Volume)
    assert not isinstance(np.zeros((2, 3, 4)), Volume)


@given(affines)
def test_geometry_is_in_mm_and_letters(affine: np.ndarray) -> None:
    volume = _marked(affine)
    assert volume.shape == (4, 5, 6)
    assert volume.affine == pytest.approx(affine)
    assert volume.orientation == nib.aff2axcodes(affine)
    assert volume.zoom == pytest.approx(nib.affines.voxel_sizes(affine), rel=1e-5)
    assert volume.origin == pytest.approx(affine[:3, 3], abs=1e-6)
    assert volume.rotation * volume.zoom == pytest.approx(affine[:3, :3], rel=1e-5, abs=1e-6)


@given(affines, st.sampled_from(ORIENTATIONS))
def test_voxels_stay_where_they_are_when_turned(affine: np.ndarray, codes) -> None:
    volume = _marked(affine)
    turned = volume.reorient(codes)
    assert turned.orientation == codes
    assert volume.orientation == nib.aff2axcodes(affine)
    assert _place(turned) == pytest.approx(_place(volume), abs=1e-4)


@given(affines)
def test_voxels_stay_where_they_are_when_cropped(affine: np.ndarray) -> None:
    volume = _marked(affine)
    part = volume.apply_crop((slice(1, 3), slice(1, 5), slice(2, 6)))
    assert part.shape == (2, 4, 4)
    assert _place(part) == pytest.approx(_place(volume), abs=1e-4)


def test_rescaling_keeps_the_first_voxel() -> None:
    volume = make_volume(np.ones((10, 10, 10), np.uint8), np.diag([1.0, 1, 3, 1]), seg=True)
    finer = volume.rescale((1.0, 1.0, 1.0))
    assert finer.zoom == (1.0, 1.0, 1.0)
    assert finer.shape == (10, 10, 30)
    assert finer.affine[:3, 3] == pytest.approx(volume.affine[:3, 3])


def test_arrays_are_copies() -> None:
    volume = make_volume(np.zeros((2, 2, 2), np.float32), np.eye(4), seg=False)
    volume.get_array()[:] = 3
    assert not volume.get_array().any()
    other = volume.set_array(np.ones((2, 2, 2), np.float32))
    assert other.get_array().all()
    assert not volume.get_array().any()
    assert not volume.copy().get_array().any()


@pytest.mark.parametrize(
    ("offered", "seg", "kept"),
    [("i8", False, "i4"), ("i8", True, "i4"), ("i2", True, "u1"), ("f4", True, "u1"),
     ("f4", False, "f4"), ("u1", True, "u1")],
)  # fmt: skip
def test_types_of_voxels(offered: str, seg: bool, kept: str) -> None:
    volume = make_volume(np.full((2, 2, 2), 5, offered), np.eye(4), seg=seg)
    assert volume.seg is seg
    assert (volume.get_array() == 5).all()
    assert volume.dtype == np.dtype(kept)


def test_a_label_map_may_be_made_of_an_image() -> None:
    image = make_volume(np.zeros((2, 2, 2), np.float32), np.eye(4), seg=False)
    mask = image.set_array(np.ones((2, 2, 2), np.uint8), seg=True)
    assert mask.seg
    assert not image.seg
