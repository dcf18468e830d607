"""Scores and the path through them."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.errors import ModelError
from spineps_nipype.spineps.labeling_costs import labels_of
from spineps_nipype.spineps.labeling_greedy import IMPOSSIBLE, greedy_path
from spineps_nipype.spineps.labeling_path import find_path
from spineps_nipype.spineps.labeling_scores import (
    AXIS_24,
    AXIS_26,
    Scores,
    favour_last_lumbar,
    score_vertebrae,
)
from spineps_nipype.spineps.settings import LabelingSettings

FREE = LabelingSettings()
FORCED = LabelingSettings(proc_lab_force_no_tl_anomaly=True)
UPSTREAM = "spineps-2.1.3"


def peaks(classes: list[int], size: int = 24, height: float = 0.9) -> np.ndarray:
    table = np.full((len(classes), size), (1 - height) / (size - 1))
    table[np.arange(len(classes)), classes] = height
    return table


def path(heads: dict[str, np.ndarray], c1: bool = False, options=FREE, numerics="corrected"):
    scores = score_vertebrae(heads, numerics=numerics)
    return find_path(scores, c1_enabled=c1, settings=options, numerics=numerics)


@pytest.mark.parametrize("numerics", ["corrected", UPSTREAM])
@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        ([15, 16, 17, 18, 19], [16, 17, 18, 19, 20]),
        ([17, 18, 18, 19], [18, 19, 28, 20]),
        ([16, 17, 19], [17, 18, 20]),
        ([21, 22, 23, 23], [22, 23, 24, 25]),
        ([1, 2, 3], [2, 3, 4]),
    ],
)
def test_clear_scores_give_their_names(
    classes: list[int], labels: list[int], numerics: str
) -> None:
    found = path({"VERT": peaks(classes)}, numerics=numerics)
    assert found.classes == classes
    assert found.labels == labels


@pytest.mark.parametrize("numerics", ["corrected", UPSTREAM])
def test_c1_is_a_start_only_when_enabled(numerics: str) -> None:
    heads = {"VERT": peaks([0, 1, 2])}
    assert path(heads, c1=True, numerics=numerics).labels == [1, 2, 3]
    assert path(heads, numerics=numerics).labels == [2, 3, 4]


def test_no_vertebrae_have_no_names_at_no_cost() -> None:
    none = Scores(AXIS_24, np.zeros((0, 24)), np.zeros((0, 6)), np.zeros(0), np.zeros(0))
    found = find_path(none, c1_enabled=False, settings=FREE)
    assert (found.classes, found.labels, found.cost) == ([], [], 0.0)


def test_a_spine_that_has_names_is_searched_once(caplog: pytest.LogCaptureFixture) -> None:
    assert path({"VERT": peaks([15, 16, 17])}).labels == [16, 17, 18]
    assert not caplog.text


def test_only_the_last_two_l5_are_l5_and_l6() -> None:
    assert labels_of([20, 21, 22, 23, 23], AXIS_24) == [21, 22, 23, 24, 25]
    assert labels_of([23, 23], AXIS_24) == [24, 25]
    assert labels_of([17, 18, 18], AXIS_24) == [18, 19, 28]
    assert labels_of([18, 19], AXIS_26) == [19, 28]


def test_an_l6_with_a_class_of_its_own_costs_what_an_anomaly_does() -> None:
    scores = score_vertebrae({"VERTEX": peaks([23, 24, 25], 26, height=0.3)})
    free = find_path(scores, c1_enabled=False, settings=FREE)
    assert free.labels == [23, 24, 25]
    dear = find_path(scores, c1_enabled=False, settings=FREE, anomaly_cost=1.0)
    assert 25 not in dear.labels


def cost_of(scores: Scores, classes: list[int]) -> float:
    """Cost that SPINEPS gives to a sequence, term by term."""
    axis, cost = scores.axis, 0.0
    for row, cls in enumerate(classes):
        region, relative = axis.region(cls), scores.relative[row]
        cost -= scores.total[row, cls]
        if region and cls == axis.regions[region]:
            cost += relative[2 * region]
        if row + 1 == len(classes):
            continue
        after = classes[row + 1]
        if axis.region(after) > region:
            cost += relative[2 * region + 1]
        if axis.labels[cls] == 19 and after == cls:
            cost += scores.t13[row + 1]
    return float(cost)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([AXIS_24, AXIS_26]))
def test_the_search_of_spineps_costs_what_its_names_cost(seed: int, force: bool, axis) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 9))
    middle = int(rng.integers(4, 19))
    total = rng.random((rows, axis.size))
    total[np.arange(rows), (middle + np.arange(rows)) % axis.size] += 2.0
    scores = Scores(axis, total, -rng.random((rows, 6)), -rng.random(rows), np.ones(rows))
    classes, cost = greedy_path(scores, 1, force)
    assert cost < IMPOSSIBLE / 2
    assert cost == pytest.approx(cost_of(scores, classes))
    assert classes[0] >= 1


def test_the_search_of_spineps_takes_two_t12_and_no_third() -> None:
    total = np.zeros((4, 24))
    total[:, 18] = 1.0
    scores = Scores(AXIS_24, total, np.zeros((4, 6)), np.zeros(4), np.ones(4))
    assert greedy_path(scores, 1, False) == ([16, 17, 18, 18], pytest.approx(-2))


def test_the_search_of_spineps_asks_the_lower_of_two_t12_whether_it_is_a_t13() -> None:
    total = np.zeros((2, 24))
    total[:, 18] = 1.0
    t13 = np.array([0.0, -0.5])
    scores = Scores(AXIS_24, total, np.zeros((2, 6)), t13, np.ones(2))
    assert greedy_path(scores, 1, False) == ([18, 18], pytest.approx(-2.5))


def test_no_anomaly_means_neither_a_t13_nor_a_missing_t12() -> None:
    assert path({"VERT": peaks([17, 18, 18, 19, 20])}, options=FORCED).labels in (
        [17, 18, 19, 20, 21],
        [18, 19, 20, 21, 22],
    )
    assert path({"VERT": peaks([16, 17, 19, 20])}, options=FORCED).labels == [18, 19, 20, 21]


@pytest.mark.parametrize(
    ("numerics", "labels"),
    [("corrected", [17, 18, 19, 20, 21]), (UPSTREAM, [18, 19, 28, 20, 21])],
)
def test_no_anomaly_with_26_classes_does_not_make_a_t13(numerics: str, labels: list[int]) -> None:
    """Clear scores for T10, T11, T12, L1, L2."""
    heads = {"VERTEX": peaks([16, 17, 18, 20, 21], 26)}
    assert path(heads, options=FORCED, numerics=numerics).labels == labels
    assert path(heads, numerics=numerics).labels == [17, 18, 19, 20, 21]


def test_26_classes_know_t13_and_l6() -> None:
    assert path({"VERTEX": peaks([18, 19, 20], 26)}).labels == [19, 28, 20]
    assert path({"VERTEXACT": peaks([24, 25], 26)}).labels == [24, 25]
    assert path({"VERTEX": peaks([17, 20, 21], 26)}).labels == [18, 20, 21]
    both = {"VERT": peaks([18, 18, 19]), "VERTEX": peaks([18, 19, 20], 26)}
    assert path(both).labels == [19, 28, 20]


@pytest.mark.parametrize(("numerics", "used"), [("corrected", True), (UPSTREAM, False)])
def test_the_t13_head_is_used_under_the_name_it_is_trained_with(numerics: str, used: bool) -> None:
    unsure = peaks([17, 18, 19, 20], height=0.5)
    unsure[2] = peaks([18], height=0.45)[0]
    t13 = np.array([[1.0, 0], [1, 0], [0.02, 0.98], [1, 0]])
    plain = score_vertebrae({"VERT": unsure}, numerics=numerics)
    scores = score_vertebrae({"VERT": unsure, "VT13": t13}, numerics=numerics)
    assert bool(scores.t13.any()) == used
    assert not plain.t13.any()
    named = score_vertebrae({"VERT": unsure, "VERTT13": t13}, numerics=UPSTREAM)
    np.testing.assert_allclose(named.t13, [0, 0, -0.4, 0], atol=1e-6)


def test_a_faint_t13_stays_faint() -> None:
    heads = {"VERT": peaks([17, 18, 19]), "VT13": np.array([[0.99, 0.01]] * 3)}
    assert np.abs(score_vertebrae(heads).t13).max() < 0.01


def test_more_vertebrae_than_names(caplog: pytest.LogCaptureFixture) -> None:
    """27 rows of a spine of 24 with three strangers in it."""
    classes = list(range(1, 24))
    rows = peaks(classes)
    strangers = np.full((4, 24), 1 / 24)
    table = np.concatenate([rows[:5], strangers[:2], rows[5:15], strangers[2:], rows[15:]])
    for numerics in ("corrected", UPSTREAM):
        found = path({"VERT": table}, numerics=numerics)
        assert len(found.labels) == 27
        named = [label for label in found.labels if label is not None]
        assert len(named) == 25
        assert named == sorted(named, key=lambda v: 19.5 if v == 28 else v)
        assert "more than a spine has names for" in caplog.text


@pytest.mark.parametrize("rows", [1, 24, 25, 26, 40])
def test_any_number_of_rows_has_an_answer(rows: int) -> None:
    rng = np.random.default_rng(rows)
    table = rng.dirichlet(np.ones(24), rows)
    found = path({"VERT": table})
    assert len(found.labels) == rows
    assert sum(label is not None for label in found.labels) == min(rows, 25)


def brute_force(scores: Scores, start: int, force: bool) -> float:
    """Cheapest of all allowed sequences, tried one by one."""
    axis = scores.axis
    best = np.inf
    for classes in product(range(start, axis.size), repeat=len(scores.total)):
        cost = -sum(scores.total[r, c] for r, c in enumerate(classes))
        legal = not (axis is AXIS_26 and force and 19 in classes)
        for r, c in enumerate(classes):
            rel = scores.relative[r]
            cost += rel[2] if c == axis.regions[1] else rel[4] if c == axis.regions[2] else 0
            if r + 1 == len(classes):
                cost += rel[5] if axis.labels[c] in (24, 25) else 0
                continue
            after = classes[r + 1]
            cost += rel[2 * axis.region(c) + 1] if axis.region(after) > axis.region(c) else 0
            legal = legal and allowed(axis, c, after, force)
            if (axis is AXIS_24 and c == after == 18) or (axis is AXIS_26 and after == 19):
                cost += scores.t13[r + 1]
        if axis is AXIS_24:
            legal = legal and classes.count(18) <= 2 and classes.count(23) <= 2
        if legal:
            best = min(best, cost)
    return float(best)


def allowed(axis, one: int, two: int, force: bool) -> bool:
    if two == one + 1:
        return True
    if axis is AXIS_24:
        return (one == two == 23) or (not force and ((one == two == 18) or (one, two) == (17, 19)))
    return (one, two) == (18, 20) or (not force and (one, two) == (17, 20))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([AXIS_24, AXIS_26]))
def test_no_cheaper_path_exists(seed: int, force: bool, axis) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 5))
    total = rng.random((rows, axis.size)) * (rng.random((rows, axis.size)) < 0.3)
    scores = Scores(axis, total, -rng.random((rows, 6)), -rng.random(rows), np.ones(rows))
    start = 15  # keeps the list of sequences short, and holds all that is special
    found = find_path(
        Scores(axis, np.where(np.arange(axis.size) < start, -9.0, total), *rest(scores)),
        c1_enabled=False,
        settings=FORCED if force else FREE,
    )
    assert found.cost == pytest.approx(brute_force(scores, start, force))


def rest(scores: Scores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return scores.relative, scores.t13, scores.visible


def test_three_t12_are_avoided_at_the_least_cost() -> None:
    """A choice of the best continuation first would end in a dead end here."""
    total = np.zeros((4, 24))
    total[:, 18] = 1.0
    scores = Scores(AXIS_24, total, np.zeros((4, 6)), np.zeros(4), np.ones(4))
    found = find_path(scores, c1_enabled=False, settings=FREE)
    assert found.classes.count(18) == 2
    assert found.cost == pytest.approx(-2)


def test_the_end_of_the_lumbar_spine_counts() -> None:
    """Equal scores; the relative head sees the last lumbar vertebra at the bottom."""
    heads = {"VERT": np.full((2, 24), 1 / 24), "VERTREL": np.zeros((2, 6))}
    heads["VERTREL"][:, 0], heads["VERTREL"][1, 5] = 1, 1
    assert path(heads).labels == [23, 24]


def test_forced_rows_are_certain() -> None:
    scores = score_vertebrae({"VERT": peaks([5, 6, 7])}, forced={0: 1})
    assert find_path(scores, c1_enabled=True, settings=FREE).labels == [2, 3, 4]


def test_a_model_must_name_vertebrae() -> None:
    with pytest.raises(ModelError, match="REGION"):
        score_vertebrae({"REGION": np.ones((2, 3)) / 3})


def test_groups_and_regions_alone_can_name() -> None:
    groups = np.zeros((4, 12))
    groups[[0, 1, 2, 3], [7, 8, 9, 9]] = 1
    assert path({"VERTGRP": groups}).labels == [18, 19, 20, 21]


@pytest.mark.parametrize(
    "classes",
    [[17, 18, 18, 19, 20], [20, 21, 22, 23, 23], [16, 17, 19, 20, 21]],
    ids=["T13", "L6", "no T12"],
)
def test_an_anomaly_must_gain_what_it_costs(classes: list[int]) -> None:
    scores = score_vertebrae({"VERT": peaks(classes, height=0.3)})
    free = find_path(scores, c1_enabled=False, settings=FREE)
    assert free.classes == classes
    dear = find_path(scores, c1_enabled=False, settings=FREE, anomaly_cost=1.0)
    assert 28 not in dear.labels
    assert 25 not in dear.labels
    assert all(b - a == 1 for a, b in pairwise(dear.classes))
    clear = score_vertebrae({"VERT": peaks(classes, height=1.0)})
    kept = find_path(clear, c1_enabled=False, settings=FREE, anomaly_cost=0.3)
    assert kept.classes == classes


def test_the_last_lumbar_vertebra_stands_on_the_sacrum() -> None:
    scores = score_vertebrae({"VERT": peaks([18, 19, 20, 21, 22], height=0.3)})
    on_sacrum = favour_last_lumbar(scores, 2.0)
    assert find_path(scores, c1_enabled=False, settings=FREE).labels[-1] == 23
    found = find_path(on_sacrum, c1_enabled=False, settings=FREE, anomaly_cost=1.0)
    assert found.labels == [20, 21, 22, 23, 24]
    assert np.array_equal(on_sacrum.total[:-1], scores.total[:-1])
