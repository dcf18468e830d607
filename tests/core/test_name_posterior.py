"""Probabilities of sequences, and what the table of names says of them."""

from __future__ import annotations

import math

import pytest

from spineps_nipype.core.anatomy import L1, L5, T12
from spineps_nipype.core.name_posterior import posterior_of
from spineps_nipype.core.name_table import confidence_columns
from spineps_nipype.core.spine_names import NO_VERTEBRA

SEQUENCES = [((T12, L1), 0.0), ((18, T12), math.log(4)), ((T12, L1), math.log(2))]


def test_ways_to_the_same_names_add_up() -> None:
    posterior = posterior_of(SEQUENCES, 1.0)
    assert posterior is not None
    assert posterior.sequences[0] == ((T12, L1), pytest.approx(6 / 7))
    assert posterior.of_label(1, L1) == pytest.approx(6 / 7)
    assert posterior.of_row(0) == [(T12, pytest.approx(6 / 7)), (18, pytest.approx(1 / 7))]


def test_warmth_makes_unsure() -> None:
    cold, warm = (posterior_of(SEQUENCES[:2], t) for t in (0.5, 2.0))
    assert cold is not None
    assert warm is not None
    assert cold.of_label(0, T12) == pytest.approx(16 / 17)
    assert warm.of_label(0, T12) == pytest.approx(2 / 3)


def test_without_sequences_there_is_nothing() -> None:
    assert posterior_of([], 1.0) is None


def test_columns_tell_the_names_in_force_first() -> None:
    """Also where another sequence is more probable."""
    posterior = posterior_of(SEQUENCES, 1.0)
    assert posterior is not None
    columns = confidence_columns(posterior, (18, T12), 1)
    assert columns == {
        "confidence": pytest.approx(1 / 7),
        "alternative_1": "L1",
        "alternative_1_confidence": pytest.approx(6 / 7),
        "sequences": "T11 to T12 (0.14); T12 to L1 (0.86)",
    }


def test_pieces_without_a_name_are_no_end_of_a_sequence() -> None:
    posterior = posterior_of([((NO_VERTEBRA, L5 - 1, L5, NO_VERTEBRA), 0.0)], 1.0)
    assert posterior is not None
    columns = confidence_columns(posterior, (T12, L5 - 1, L5, None), 0)
    assert columns["confidence"] == 0
    assert columns["alternative_1"] == "none"
    assert columns["sequences"] == "L4 to L5 (1.00)"
