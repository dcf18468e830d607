"""Votes of up to three views of a vertebra."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.errors import EmptyResultError, ErrCode
from spineps_nipype.spineps.instance_cutouts import Key, Prediction
from spineps_nipype.spineps.instance_merge import couple_predictions, dice_of, merge_couples

SHAPE = (1, 100, 1)


def rows(start: int, stop: int) -> Prediction:
    """A prediction of some rows of a column."""
    mask = np.ones((1, stop - start, 1), bool)
    return Prediction((slice(0, 1), slice(start, stop), slice(0, 1)), mask, stop - start)


def merged(predictions: dict[Key, Prediction]) -> list[int]:
    return merge_couples(couple_predictions(predictions), predictions, SHAPE).ravel().tolist()


def test_dice_of_boxes() -> None:
    assert dice_of(rows(0, 10), rows(0, 10)) == 1
    assert dice_of(rows(0, 10), rows(5, 15)) == 0.5
    assert dice_of(rows(0, 10), rows(10, 20)) == 0


def test_three_views_of_one_vertebra_are_one_couple() -> None:
    # Seen from the seed below, from its own, and from the seed above.
    views = {(0, 0): rows(0, 10), (1, 1): rows(0, 10), (2, 2): rows(1, 11)}
    (couple,) = couple_predictions(views).items()
    assert couple[0] == ((0, 0), (1, 1), (2, 2))
    means = [np.mean([1, 0.9]), np.mean([1, 0.9]), 0.9]
    assert couple[1] == pytest.approx(np.mean(means))


def test_two_of_three_votes_decide() -> None:
    views = {(0, 0): rows(0, 10), (1, 1): rows(0, 10), (2, 2): rows(2, 14)}
    assert merged(views) == [1] * 10 + [0] * 90


def test_views_that_hardly_agree_need_one_vote_only() -> None:
    views = {(0, 0): rows(0, 10), (1, 1): rows(6, 16), (2, 2): rows(3, 13)}
    couples = couple_predictions(views)
    best = next(iter(couples))
    assert len(best) == 3
    assert merge_couples({best: 0.44}, views, SHAPE).ravel().tolist() == [1] * 16 + [0] * 84
    strict = merge_couples({best: 0.46}, views, SHAPE).ravel().tolist()
    assert strict == [0] * 3 + [1] * 10 + [0] * 87


def test_views_of_one_cutout_or_of_distant_seeds_are_no_partners() -> None:
    views = {(0, 0): rows(0, 10), (0, 1): rows(0, 10), (3, 1): rows(0, 10)}
    assert set(couple_predictions(views)) == {((0, 0),), ((0, 1),), ((3, 1),)}


def test_a_second_partner_that_does_not_fit_the_first_is_left_out() -> None:
    views = {(0, 2): rows(0, 10), (1, 1): rows(6, 16), (2, 0): rows(12, 22)}
    # (1, 1) shares 4 rows with each of the others, which share none.
    assert ((0, 2), (1, 1)) in couple_predictions(views)
    assert all(len(couple) <= 2 for couple in couple_predictions(views))


def test_better_agreement_comes_first_and_keeps_its_voxels() -> None:
    views = {
        (0, 1): rows(40, 50),
        (1, 2): rows(41, 51),
        (2, 0): rows(10, 20),
        (3, 1): rows(10, 20),
        (9, 1): rows(18, 26),
    }
    labels = merged(views)
    assert labels[10:20] == [1] * 10
    assert labels[40:51] == [2] * 11
    assert labels[20:26] == [3] * 6


def test_a_couple_that_is_mostly_taken_is_dropped() -> None:
    views = {(0, 1): rows(0, 20), (1, 2): rows(0, 20), (8, 1): rows(6, 26), (20, 1): rows(60, 62)}
    labels = merged(views)
    assert labels[20:26] == [0] * 6  # 14 of its 20 rows are taken
    assert labels[60:62] == [2, 2]


def test_nothing_to_merge_is_empty() -> None:
    with pytest.raises(EmptyResultError) as caught:
        merge_couples({}, {}, SHAPE)
    assert caught.value.code is ErrCode.EMPTY
    views = {(0, 1): rows(0, 5), (1, 1): rows(10, 15), (2, 1): rows(20, 25)}
    with pytest.raises(EmptyResultError, match="do not overlap"):
        merge_couples({((0, 1), (1, 1), (2, 1)): 0.9}, views, SHAPE)
