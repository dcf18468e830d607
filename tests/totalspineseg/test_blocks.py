"""The small rules: components, canal, alternate discs, soft maps, crop, mapping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from TPTBox import NII

from spineps_nipype.totalspineseg.alternate import extract_alternate
from spineps_nipype.totalspineseg.canal import fill_canal
from spineps_nipype.totalspineseg.components import bridged_components, largest_component
from spineps_nipype.totalspineseg.crop import crop_to_seg
from spineps_nipype.totalspineseg.labels import LEVEL_OF_DISC
from spineps_nipype.totalspineseg.masks import grow_through_faces, label_mask
from spineps_nipype.totalspineseg.soft import extract_soft

maps = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=9),
    elements=st.sampled_from([0, 0, 0, 1, 2, 7]),
)


@settings(deadline=None)
@given(maps, st.integers(0, 3))
def test_grown_is_dilation_through_faces(seg: np.ndarray, voxels: int) -> None:
    mask = seg > 0
    faces = ndimage.generate_binary_structure(3, 1)
    expected = ndimage.binary_dilation(mask, faces, voxels) if voxels else mask
    assert np.array_equal(grow_through_faces(mask, voxels), expected)


@settings(deadline=None)
@given(maps, st.integers(0, 2))
def test_components_are_numbered_by_their_first_voxel(seg: np.ndarray, dilation: int) -> None:
    mask = seg > 0
    wide = grow_through_faces(mask, dilation)
    expected, count = ndimage.label(wide, np.ones((3, 3, 3)))
    for layout in (np.ascontiguousarray, np.asfortranarray):
        found, n = bridged_components(layout(mask), dilation)
        assert n == count
        assert np.array_equal(found, expected * mask)


@settings(deadline=None)
@given(maps)
def test_label_mask(seg: np.ndarray) -> None:
    assert np.array_equal(label_mask(seg, (1, 7, 999)), np.isin(seg, (1, 7)))
    assert np.array_equal(label_mask(seg.astype(np.int64), (1, 7)), np.isin(seg, (1, 7)))


def test_largest_component_bridges_gaps_and_drops_what_is_far() -> None:
    seg = np.zeros((40, 3, 3), dtype=np.uint8)
    seg[0:4, 1, 1] = 3
    seg[13:15, 1, 1] = 4  # a gap of nine voxels: five and five meet
    seg[30:35, 1, 1] = 5
    out = largest_component(seg)
    assert np.unique(out).tolist() == [0, 3, 4]
    assert np.unique(largest_component(seg, dilation=4)).tolist() == [0, 5]
    assert np.array_equal(largest_component(seg, binarize=False), seg)


def test_largest_component_of_equals_is_the_first() -> None:
    seg = np.zeros((30, 1, 1), dtype=np.uint8)
    seg[2:4], seg[20:22] = 1, 1
    expected = seg.copy()
    expected[20:] = 0
    assert np.array_equal(largest_component(seg), expected)


@settings(deadline=None)
@given(maps, st.booleans(), st.integers(0, 3))
def test_largest_component_only_deletes(seg: np.ndarray, binarize: bool, dilation: int) -> None:
    out = largest_component(seg, binarize=binarize, dilation=dilation)
    assert (out[out > 0] == seg[out > 0]).all()
    assert out.any() == seg.any()
    again = largest_component(out, binarize=binarize, dilation=dilation)
    assert np.array_equal(again, out)
    if not binarize:
        assert set(np.unique(out)) == set(np.unique(seg)) | {0} or seg.all()


def ring(size: int = 12) -> np.ndarray:
    """A canal that is open in front, with cord inside and bone in the gap between."""
    seg = np.zeros((size, size, 4), dtype=np.uint8)
    seg[2, 2:9] = 2
    seg[9, 2:9] = 2
    seg[2:10, 2] = 2
    seg[3:6, 5] = 1
    seg[4, 4] = 50
    return seg


def test_canal_is_filled_where_it_is_empty() -> None:
    seg = ring()
    out = fill_canal(seg)
    assert (out[4, 4] == 50).all()
    assert (out[5, 5] == 1).all()
    assert (out[3:6, 3] == 2).all()
    assert (out[7, 5] == 0).all()
    assert not out[:, 9:].any()
    assert (fill_canal(seg, numerics="original")[4, 4] == 2).all()


def test_stray_cord_becomes_canal_and_stray_canal_goes() -> None:
    seg = ring()
    seg[3, 3, 0] = 1  # touches the canal
    seg[11, 11, 3] = 2
    out = fill_canal(seg)
    assert out[3, 3, 0] == 2
    assert out[11, 11, 3] == 0
    kept = fill_canal(seg, largest_canal=False, largest_cord=False)
    assert kept[3, 3, 0] == 1
    assert kept[11, 11, 3] == 2


@settings(deadline=None)
@given(maps, st.sampled_from(["corrected", "original"]))
def test_filling_changes_nothing_but_canal_and_cord(seg: np.ndarray, numerics: str) -> None:
    out = fill_canal(seg, numerics=numerics)  # type: ignore[arg-type]
    changed = out != seg
    assert set(np.unique(out[changed]).tolist()) <= {0, 2}
    if numerics == "corrected":
        assert not np.isin(seg[changed], [7]).any()


def test_filling_without_canal_and_cord() -> None:
    seg = np.full((3, 3, 3), 7, dtype=np.uint8)
    assert np.array_equal(fill_canal(seg), seg)


@pytest.mark.parametrize(
    ("present", "prioritized", "marked"),
    [
        ((63, 64, 65, 66), (), (63, 65)),
        ((64, 65, 66), (), (64, 66)),
        ((63, 65, 100), (), (63, 100)),  # a missing disc does not count
        ((63, 64, 65), (64, 66), (64,)),
        ((63, 64, 65), (65, 64), (63, 65)),
        ((63, 64, 65), (99,), (63, 65)),
        ((), (64,), ()),
    ],
)
def test_alternate(
    present: tuple[int, ...], prioritized: tuple[int, ...], marked: tuple[int, ...]
) -> None:
    seg = np.array([[[0, 50, *present]]], dtype=np.uint8)
    out = extract_alternate(seg, prioritized=prioritized)
    assert out.dtype == np.uint8
    assert np.array_equal(out, np.isin(seg, marked))


def test_soft_map_reaches_one_voxel_beyond_the_label() -> None:
    seg = np.zeros((7, 7, 7), dtype=np.uint8)
    seg[3, 3, 3] = 1
    seg[0, 0, 0] = 2
    soft = extract_soft(np.full(seg.shape, 0.25), seg, (1,))
    assert soft.dtype == np.float32
    assert np.count_nonzero(soft) == 7
    assert soft[3, 3, 4] == 0.25
    assert np.count_nonzero(extract_soft(np.ones(seg.shape), seg, (1, 2), dilation=0)) == 2
    largest = extract_soft(np.ones(seg.shape), seg, (1, 2), dilation=0, largest=True)
    assert np.count_nonzero(largest) == 1
    assert not extract_soft(np.ones(seg.shape), seg, (9,)).any()


def test_crop_moves_the_origin() -> None:
    affine = np.array([[0, -2, 0, 5], [3, 0, 0, 6], [0, 0, 4, 7], [0, 0, 0, 1.0]])
    array = np.arange(10 * 8 * 6, dtype=np.float32).reshape(10, 8, 6)
    image = NII.from_numpy(array, affine, False)
    seg = np.zeros(array.shape, dtype=np.uint8)
    seg[5:7, 0, 4] = 9
    out = crop_to_seg(image, seg, margin=2)
    assert np.array_equal(out.get_array(), array[3:9, 0:3, 2:6])
    assert np.allclose(out.affine[:3, 3], (affine @ [3, 0, 2, 1])[:3])
    assert crop_to_seg(image, np.zeros_like(seg)) is image


def test_levels_follow_the_convention_of_the_spinal_cord_toolbox() -> None:
    assert LEVEL_OF_DISC[63] == 3
    assert LEVEL_OF_DISC[71] == 8
    assert LEVEL_OF_DISC[91] == 20
    assert LEVEL_OF_DISC[100] == 25
