"""Measures of masks for which the values can be worked out by hand."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.against_truth.measures import (
    Instances,
    Match,
    compare_masks,
    cut_off,
    levels_agree,
    match_instances,
    surface_distances,
)

SPACING = (1.0, 2.0, 5.0)


def box(*sides: tuple[int, int], shape: tuple[int, int, int] = (12, 12, 12)) -> np.ndarray:
    out = np.zeros(shape, bool)
    out[tuple(slice(*side) for side in sides)] = True
    return out


def column(*labels: int, height: int = 6) -> np.ndarray:
    """Instances of equal size one above the other, with room above and below."""
    rows = [0, *(label for label in labels for _ in range(height)), 0]
    return np.broadcast_to(np.array(rows, np.uint8)[:, None], (4, len(rows), 4)).copy()


def test_equal_masks_agree() -> None:
    mask = box((2, 8), (3, 9), (4, 7))
    overlap = compare_masks(mask, mask, SPACING)
    assert (overlap.dice, overlap.assd, overlap.hd95) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(("axis", "distance"), [(0, 3.0), (1, 6.0), (2, 15.0)])
def test_distances_of_single_voxels_are_in_mm(axis: int, distance: float) -> None:
    one, other = np.zeros((2, 9, 9, 9), bool)
    one[4, 4, 4] = True
    place = [4, 4, 4]
    place[axis] += 3
    other[tuple(place)] = True
    overlap = compare_masks(one, other, SPACING)
    assert (overlap.dice, overlap.assd, overlap.hd95) == (0.0, distance, distance)


def test_oblique_distance() -> None:
    one, other = np.zeros((2, 9, 9, 9), bool)
    one[1, 1, 1] = other[4, 3, 2] = True
    assert compare_masks(one, other, SPACING).assd == pytest.approx(sqrt(3**2 + 4**2 + 5**2))


def test_average_counts_both_surfaces_by_their_voxels() -> None:
    one, other = np.zeros((2, 9, 9, 9), bool)
    one[4, 4, 4] = True
    other[4, 4, 4] = other[5, 4, 4] = other[6, 4, 4] = True
    overlap = compare_masks(one, other, SPACING)
    # 0 there; 0, 1 and 2 back
    assert overlap.assd == pytest.approx(3 / 4)
    assert overlap.hd95 == pytest.approx(1.9)
    assert overlap.dice == pytest.approx(2 / 4)


def test_inner_voxels_are_no_surface() -> None:
    there, back = surface_distances(
        box((2, 5), (2, 5), (2, 5)), box((2, 5), (2, 5), (2, 5)), SPACING
    )
    assert len(there) == len(back) == 26


def test_the_border_of_the_image_is_no_surface() -> None:
    """A slab cut on both sides: of the cut sides nothing counts."""
    shape = (10, 10, 3)
    truth, result = (box((0, 10), (0, n), (0, 3), shape=shape) for n in (5, 7))
    overlap = compare_masks(truth, result, SPACING)
    assert overlap.assd == overlap.hd95 == 4.0
    whole = np.ones(shape, bool)
    assert isnan(compare_masks(whole, whole, SPACING).assd)
    assert compare_masks(whole, whole, SPACING).dice == 1.0


def test_empty_masks() -> None:
    nothing, mask = np.zeros((5, 5, 5), bool), box((1, 3), (1, 3), (1, 3), shape=(5, 5, 5))
    for pair in ((nothing, mask), (mask, nothing)):
        overlap = compare_masks(*pair, SPACING)
        assert overlap.dice == 0.0
        assert isnan(overlap.assd)
        assert isnan(overlap.hd95)
    assert isnan(compare_masks(nothing, nothing, SPACING).dice)


def test_perfect_instances_whatever_their_numbers() -> None:
    matching = match_instances(Instances(column(20, 21, 22)), Instances(column(3, 1, 2)))
    assert matching.found == (Match(20, 3, 1.0), Match(21, 1, 1.0), Match(22, 2, 1.0))
    assert matching.right


def test_what_lies_above_the_truth_is_not_judged() -> None:
    """The truth begins at the second of three; below it nothing may be added."""
    truth, result = Instances(column(0, 2, 0)), Instances(column(7, 8, 9))
    matching = match_instances(truth, result)
    assert (matching.above, matching.extra, matching.right) == ((7,), (9,), False)
    assert match_instances(truth, Instances(column(7, 8, 0))).right


def test_a_missed_and_an_extra_instance() -> None:
    truth, result = column(1, 2, 0), column(7, 0, 8)
    matching = match_instances(Instances(truth), Instances(result))
    assert [m.truth for m in matching.found] == [1]
    assert (matching.missed, matching.extra) == ((2,), (8,))
    assert not matching.right


def test_a_merged_pair_is_found_once() -> None:
    """Its Dice with either is 2/3, but it can stand for one only."""
    matching = match_instances(Instances(column(1, 2, 3)), Instances(column(9, 9, 3)))
    assert [m.dice for m in matching.found] == [pytest.approx(2 / 3), 1.0]
    assert len(matching.missed) == 1
    assert matching.merged == (9,)
    assert matching.extra == matching.split == ()


def test_a_split_vertebra() -> None:
    result = column(5, 6)
    result[:, 5:7] = 8  # a third of the first
    matching = match_instances(Instances(column(1, 2)), Instances(result))
    assert [(m.truth, m.result) for m in matching.found] == [(1, 5), (2, 6)]
    assert (matching.extra, matching.split, matching.missed) == ((8,), (1,), ())


def test_the_limit_of_dice_is_half() -> None:
    truth = Instances(column(1, height=6))
    result = column(0, height=6)
    result[:, 1:3] = 4  # 2 of 6 rows: 4 / 8
    assert [m.dice for m in match_instances(truth, Instances(result)).found] == [0.5]
    result[0, 1, 0] = 0
    matching = match_instances(truth, Instances(result))
    assert (matching.found, matching.missed, matching.extra) == ((), (1,), (4,))


def test_pairs_are_the_best_together() -> None:
    """The best partner of one truth goes to another, so that both are found."""
    truth, result = np.zeros((2, 1, 20, 1), np.uint8)
    truth[0, :10], truth[0, 10:20] = 1, 2
    result[0, :5], result[0, 5:20] = 3, 4
    matching = match_instances(Instances(truth), Instances(result))
    assert [(m.truth, m.result) for m in matching.found] == [(1, 3), (2, 4)]


def test_nothing_on_either_side() -> None:
    nothing, some = Instances(np.zeros((2, 2, 2), np.uint8)), Instances(column(4))
    assert match_instances(nothing, nothing).right
    empty = Instances(np.zeros_like(some.labels))
    assert match_instances(some, empty).missed == (4,)
    assert match_instances(empty, some).extra == (4,)


def test_what_is_cut_off_may_be_found_or_not() -> None:
    truth = Instances(column(1, 2), optional=frozenset({1}))
    assert match_instances(truth, Instances(column(0, 5))).right
    assert match_instances(truth, Instances(column(4, 5))).right
    pieces = column(0, 5)
    pieces[:, 1:3] = 7  # a piece of the optional one
    assert match_instances(truth, Instances(pieces)).right
    # the pipeline's own pieces at the border are no extra vertebrae either
    only = Instances(column(0, 2))
    assert match_instances(only, Instances(column(3, 2), optional=frozenset({3}))).right
    assert match_instances(Instances(column(2, 0)), Instances(column(2, 3))).extra == (3,)


def test_levels() -> None:
    truth = Instances(column(20, 21, 22), {20: "L1", 21: "L2"})
    result = Instances(column(20, 22, 23), {20: "L1", 22: "L3", 23: "L4"})
    matching = match_instances(truth, result)
    assert levels_agree(matching, truth, result) == {20: True, 21: False}


def test_cut_off_by_the_upper_or_lower_border() -> None:
    labels = np.zeros((4, 30, 4), np.uint8)
    labels[:, 0:4] = 1  # 4 of 10 rows: cut off
    labels[:, 5:15] = 2
    labels[:, 16:23] = 3
    labels[:, 25:30] = 4  # 5 of its neighbour's 7 rows: in view
    assert cut_off(labels, (1.0, 1.0, 1.0)) == {1}
    labels[:, 27] = 0
    labels[:, 25:28] = 0  # 2 rows
    assert cut_off(labels, (1.0, 1.0, 1.0)) == {1, 4}


def test_without_a_whole_neighbour_nothing_is_cut_off() -> None:
    assert cut_off(np.ones((3, 3, 3), np.uint8), SPACING) == frozenset()
    assert cut_off(np.zeros((3, 3, 3), np.uint8), SPACING) == frozenset()
