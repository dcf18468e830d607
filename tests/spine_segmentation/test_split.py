from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.errors import EmptyResultError, InputError
from spineps_nipype.spine_segmentation.names import CLASS_NAMES
from spineps_nipype.spine_segmentation.planes import below_plane, plane_normals
from spineps_nipype.spine_segmentation.split import (
    _levels_by_all_planes,
    _levels_by_nearest_disc,
    split_instances,
)

from .blocks import BODY, DISC, block_spine, column


def test_vertebrae_and_discs_are_numbered_from_the_top() -> None:
    semantic, _ = block_spine(["T5", "T6", "T7", "T8"])
    split = split_instances(semantic)
    assert column(split.instances) == [1, 2, 3, 4, 5, 6, 7]
    assert column(split.vertebrae) == [1, 2, 3, 4]
    np.testing.assert_array_equal(split.instances > 0, semantic > 0)
    original = split_instances(semantic, numerics="original")
    np.testing.assert_array_equal(original.instances, split.instances)


def test_a_disc_above_the_top_vertebra_leaves_number_one_unused_in_the_original() -> None:
    semantic, _ = block_spine(["T5", "T6", "T7"], disc_above=True)
    assert column(split_instances(semantic, numerics="original").instances) == [2, 3, 4, 5, 6, 7]
    assert column(split_instances(semantic).vertebrae) == [1, 2, 3]


def test_small_disc_parts_mark_no_disc() -> None:
    semantic, _ = block_spine(["T5", "T6", "T7"])
    semantic[1, 15:19, 2:10] = 2
    for numerics in ("corrected", "original"):
        assert split_instances(semantic, numerics=numerics).discs.max() == 2


def test_a_piece_beside_a_disc_parts_nothing() -> None:
    """A speck of a disc in the middle of T6: the original cuts the body there."""
    semantic, _ = block_spine(["T5", "T6", "T7"], slices=30)
    heights = np.flatnonzero(split_instances(semantic).vertebrae[15, 8] == 2)
    semantic[12:22, 10:14, heights[3:6]] = 2
    assert column(split_instances(semantic).vertebrae) == [1, 2, 3]
    assert split_instances(semantic).discs.max() == 2
    assert split_instances(semantic, numerics="original").vertebrae.max() == 4


def test_a_plane_askew_cuts_no_distant_body() -> None:
    """Three discs, the plane of the lowest of which stands upright."""
    bone = np.ones((2, 20, 80), bool)
    centres = np.array([[0.5, 10.0, 60.0], [0.5, 10.0, 40.0], [0.5, 10.0, 20.0]])
    normals = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    near, everywhere = (
        f(bone, centres, normals) for f in (_levels_by_nearest_disc, _levels_by_all_planes)
    )
    assert np.unique(near[..., 60:]).tolist() == [1]
    assert np.unique(near[..., 40:60]).tolist() == [2]
    assert np.unique(everywhere[..., 60:]).tolist() == [1, 2]


def test_one_disc_is_enough() -> None:
    semantic, _ = block_spine(["T5", "T6"])
    assert column(split_instances(semantic).instances) == [1, 2, 3]


def test_the_plane_of_a_single_disc_follows_its_tilt() -> None:
    semantic = np.zeros((4, 40, 60), np.uint8)
    y, z = np.mgrid[:40, :60]
    height = z - (10 + y * 0.7)
    semantic[:, (height > 0) & (height < 25)] = 1
    semantic[:, (height > 10) & (height < 15)] = 2
    split = split_instances(semantic)
    assert split.vertebrae.max() == 2
    bone = semantic == 1
    np.testing.assert_array_equal(
        (split.vertebrae == 1)[bone], np.broadcast_to(height >= 15, bone.shape)[bone]
    )


def test_without_disc_there_is_one_vertebra() -> None:
    semantic, _ = block_spine(["T5"])
    assert column(split_instances(semantic).instances) == [1]
    with pytest.raises(EmptyResultError, match="No disc"):
        split_instances(semantic, numerics="original")


def test_a_missing_disc_parts_vertebrae_all_the_same() -> None:
    semantic, _ = block_spine(["T5", "T6", "T7", "T8"], missing_discs=(1,))
    split = split_instances(semantic)
    assert column(split.vertebrae) == [1, 2, 3, 4]
    # The original loses what does not touch the largest component.
    assert column(split_instances(semantic, numerics="original").vertebrae) == [1, 2]


def test_vertebrae_that_no_disc_parts_are_cut_where_they_are_thin() -> None:
    semantic, _ = block_spine(list(CLASS_NAMES[8:14]), missing_discs=(2,))
    usual = split_instances(semantic).vertebrae
    gap = np.flatnonzero(~(semantic[3, 8] > 0))
    inner = gap[(gap > np.flatnonzero(semantic[3, 8])[0]) & (gap < 70)]
    semantic[2:4, 6:10, inner] = 1
    merged = split_instances(semantic).vertebrae
    assert column(merged) == [1, 2, 3, 4, 5, 6]
    body = usual > 0
    assert (merged[body] == usual[body]).mean() > 0.98
    assert split_instances(semantic, numerics="original").vertebrae.max() == 5


def test_small_vertebrae_of_the_neck_that_no_disc_parts_are_not_lost() -> None:
    """The five uppermost are less than half as wide as the others."""
    semantic, _ = block_spine(list("abcdefghijk"), slices=14, missing_discs=(1,))
    neck = semantic.shape[2] - BODY - 5 * (BODY + DISC)
    semantic[:, 4:7, neck:] = 0
    semantic[:, 11:14, neck:] = 0
    assert column(split_instances(semantic).vertebrae) == list(range(1, 12))


def test_two_long_pieces_beside_each_other_are_both_cut() -> None:
    semantic, _ = block_spine(list("abcdefghij"))
    step = BODY + DISC
    top = semantic.shape[2] - BODY
    for upper in (2, 4):
        gap = slice(top - upper * step - step, top - upper * step - BODY)
        semantic[1:-1, 4:14, gap] = 0
        semantic[1:-1, 7:11, gap] = 1
    assert column(split_instances(semantic).vertebrae) == list(range(1, 11))


def test_an_axis_with_its_dens_is_one_vertebra() -> None:
    semantic, _ = block_spine(list("abcdef"))
    top = semantic.shape[2] - BODY
    semantic[1:-1, 8:12, top : top + 5] = 1
    assert column(split_instances(semantic).vertebrae) == list(range(1, 7))


def test_what_lies_side_by_side_is_one_vertebra() -> None:
    """T7 in a front and a back half, which do not touch."""
    semantic, _ = block_spine(["T5", "T6", "T7", "T8"])
    rows = np.flatnonzero(split_instances(semantic).vertebrae[3, 8] == 3)
    semantic[:, 8:10, rows] = 0
    split = split_instances(semantic)
    assert split.vertebrae.max() == 4
    assert set(np.unique(split.vertebrae[:, 4:14, rows])) == {0, 3}


def test_a_second_column_far_beside_the_spine_is_none() -> None:
    """Bone and a piece of disc far in front of T7."""
    semantic, _ = block_spine(["T5", "T6", "T7", "T8"], slices=12)
    wide = np.zeros((len(semantic), 60, semantic.shape[2]), semantic.dtype)
    wide[:, : semantic.shape[1]] = semantic
    usual = split_instances(wide)
    heights = np.flatnonzero(usual.vertebrae[3, 8] == 3)
    wide[2:4, 46:54, heights[2:-2]] = 1
    middle = heights[len(heights) // 2]
    wide[8:10, 44:56, middle - 3 : middle + 2] = 2
    split = split_instances(wide)
    np.testing.assert_array_equal(split.vertebrae, usual.vertebrae)
    assert split.discs.max() == 3


def test_fragments_are_deleted_and_slivers_return() -> None:
    semantic, _ = block_spine(["T5", "T6", "T7"])
    semantic[2:4, 17:19, 10:14] = 1
    split = split_instances(semantic)
    assert (split.vertebrae[:, 17:19] == 0).all()
    assert column(split.vertebrae) == [1, 2, 3]
    tilted = semantic.copy()
    # A corner of T6 that reaches above the disc plane stays with T6.
    z = int(np.argwhere(split.discs == 1)[:, 2].max())
    tilted[2, 14:16, z - 8 : z] = 1
    part = split_instances(tilted).vertebrae[2, 14:16, z - 8 : z]
    assert (part == 2).all()


def test_bad_masks_are_refused() -> None:
    with pytest.raises(InputError, match=r"\[3\]"):
        split_instances(np.full((2, 2, 2), 3, np.uint8))
    with pytest.raises(EmptyResultError, match="No vertebra"):
        split_instances(np.zeros((2, 2, 2), np.uint8))


@given(count=st.integers(1, 8), slices=st.integers(3, 7))
@settings(max_examples=15, deadline=None)
def test_as_many_vertebrae_as_blocks(count: int, slices: int) -> None:
    semantic, _ = block_spine(list(CLASS_NAMES[:count]), slices=slices + 2)
    split = split_instances(semantic)
    assert column(split.vertebrae) == list(range(1, count + 1))
    assert column(split.discs) == list(range(1, count))


def test_normals_follow_the_curve() -> None:
    straight = np.array([[0.0, 0, 30], [0, 0, 20], [0, 0, 10]])
    np.testing.assert_allclose(plane_normals(straight), [[0, 0, 1]] * 3, atol=1e-9)
    slanted = np.array([[0.0, 10, 10], [0, 0, 0]])
    np.testing.assert_allclose(plane_normals(slanted), [[0, 0.5**0.5, 0.5**0.5]] * 2, atol=1e-9)
    np.testing.assert_allclose(plane_normals(straight[:1]), [[0, 0, 1]])
    assert plane_normals(np.zeros((0, 3))).shape == (0, 3)


def test_a_parabola_is_continued() -> None:
    t = np.arange(6.0)
    points = np.stack([0 * t, t**2, -10 * t], axis=1)
    # Continued by (0, 1, 10) above the first point, whose lower neighbour is (0, 1, -10).
    np.testing.assert_allclose(plane_normals(points)[0], [0, 0, 1], atol=1e-9)


def test_voxel_centres_decide_the_side() -> None:
    points = np.array([[0, 0, 9], [0, 0, 10]])
    below = below_plane(points, np.array([0.0, 0, 10]), np.array([0.0, 0, 1]))
    assert below.tolist() == [True, False]


@pytest.mark.parametrize("tip", [11, 9])
def test_discs_that_meet_at_the_tip_of_a_wedge_are_two(tip: int) -> None:
    """The third of five bodies ends before its discs do; in front of it they are one."""
    semantic, _ = block_spine(list("abcde"))
    usual = split_instances(semantic)
    top = semantic.shape[2] - BODY - 2 * (BODY + DISC)
    semantic[1:-1, tip:14, top - BODY : top] = 2
    split = split_instances(semantic)
    assert column(split.vertebrae) == [1, 2, 3, 4, 5]
    assert column(split.discs) == [1, 2, 3, 4]
    body = split.vertebrae > 0
    np.testing.assert_array_equal(split.vertebrae[body], usual.vertebrae[body])
