"""Probabilities of names over all sequences."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.core.name_posterior import ANOMALY_ODDS
from spineps_nipype.spineps.labeling_costs import SequenceCosts, labels_of
from spineps_nipype.spineps.labeling_path import find_path
from spineps_nipype.spineps.labeling_posterior import TEMPERATURE, name_posterior
from spineps_nipype.spineps.labeling_scores import AXIS_24, AXIS_26, ClassAxis, Scores
from spineps_nipype.spineps.settings import LabelingSettings

FREE = LabelingSettings()


def scores(seed: int, rows: int, axis: ClassAxis = AXIS_24) -> Scores:
    """Random scores."""
    rng = np.random.default_rng(seed)
    return Scores(
        axis,
        rng.random((rows, axis.size)),
        -rng.random((rows, 6)),
        -rng.random(rows),
        np.ones(rows),
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([AXIS_24, AXIS_26]))
@settings(max_examples=40, deadline=None)
def test_the_likeliest_sequence_is_the_path(seed: int, rows: int, axis: ClassAxis) -> None:
    given_scores = scores(seed, rows, axis)
    options = {"c1_enabled": False, "settings": FREE, "anomaly_cost": 0.5}
    posterior = name_posterior(given_scores, **options)
    assert posterior is not None
    assert list(posterior.sequences[0][0]) == find_path(given_scores, **options).labels
    assert sum(p for _, p in posterior.sequences) == pytest.approx(1)
    for row in range(rows):
        marginals = posterior.of_row(row)
        assert sum(p for _, p in marginals) == pytest.approx(1)
        for label, probability in marginals:
            assert posterior.of_label(row, label) == pytest.approx(probability)


def test_it_is_the_sum_over_all_sequences_that_are_allowed() -> None:
    """Against trying all products of states."""
    missed = [{}, {1: -0.5, 2: 0.7}]
    costs = SequenceCosts(
        scores(3, 3), c1_enabled=False, no_anomaly=False, anomaly_cost=0.3, missed=missed
    )
    weights: dict[tuple[int, ...], float] = {}
    for states in product(costs.states(), repeat=3):
        if states[0] not in set(costs.first_states()):
            continue
        ways = [
            [step.cost for step in costs.steps(row, row + 1, above) if step.state == below]
            for row, (above, below) in enumerate(pairwise(states))
        ]
        labels = tuple(labels_of([cls for cls, _ in states], costs.axis))
        cost = sum(costs.of_name(row, state) for row, state in enumerate(states))
        cost += costs.of_end(states[-1])
        for steps in product(*ways):  # T12 may be lacking or missed
            weight = np.exp(-(cost + sum(steps)) / TEMPERATURE)
            weights[labels] = weights.get(labels, 0) + weight
    posterior = name_posterior(
        scores(3, 3), c1_enabled=False, settings=FREE, anomaly_cost=0.3, missed=missed
    )
    assert posterior is not None
    assert {labels for labels, _ in posterior.sequences} == set(weights)
    best = max(weights, key=weights.__getitem__)
    share = weights[best] / sum(weights.values())
    assert posterior.sequences[0][0] == best
    assert posterior.sequences[0][1] == pytest.approx(share)


def test_witnesses_that_contradict_each_other_leave_a_doubt() -> None:
    clear, torn = np.zeros((3, 24)), np.zeros((3, 24))
    for row in range(3):
        clear[row, 19 + row] = 1
        torn[row, [19 + row, 18 + row]] = 0.5
    nothing = {"relative": np.zeros((3, 6)), "t13": np.zeros(3), "visible": np.ones(3)}
    sure, unsure = (
        name_posterior(Scores(AXIS_24, total, **nothing), c1_enabled=False, settings=FREE)
        for total in (clear, torn)
    )
    assert sure is not None
    assert unsure is not None
    assert sure.sequences[0][0] == (20, 21, 22)
    assert sure.sequences[0][1] > 0.9
    assert unsure.sequences[0][1] < 0.6
    assert {label for label, _ in unsure.of_row(0)[:2]} == {19, 20}


def test_more_vertebrae_than_names_have_no_probability() -> None:
    assert name_posterior(scores(0, 30), c1_enabled=False, settings=FREE) is None
    assert name_posterior(scores(0, 0), c1_enabled=False, settings=FREE) is None


def test_the_names_of_the_mask_come_first() -> None:
    posterior = name_posterior(scores(5, 4), c1_enabled=False, settings=FREE)
    assert posterior is not None
    chosen, _ = posterior.sequences[2]
    first, second, *_ = posterior.beside(chosen)
    assert first == posterior.sequences[2]
    assert second == posterior.sequences[0]


def test_an_anomaly_that_nothing_tells_of_has_the_odds_that_it_has_among_people() -> None:
    """Two vertebrae, surely T12 and below it either L1 or a T13."""
    total = np.zeros((2, 24))
    total[0, 18] = 50.0
    plain = Scores(AXIS_24, total, np.zeros((2, 6)), np.zeros(2), np.ones(2))
    posterior = name_posterior(plain, c1_enabled=False, settings=FREE)
    assert posterior is not None
    (_, usual), (labels, rare) = posterior.sequences[:2]
    assert labels == (19, 28)
    assert rare / usual == pytest.approx(ANOMALY_ODDS)
