"""Sequences of names, and their text in the table."""

from __future__ import annotations

import pytest

from spineps_nipype.core.anatomy import L1, L5, L6, SACRUM, T11, T12, T13
from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.spine_names import in_words, names_of_length, read_written, written


@pytest.mark.parametrize("count", [1, 3, 8, 20, 26])
def test_first_and_last_name_and_number_say_everything(count: int) -> None:
    every = names_of_length(count)
    assert len({(n.labels[0], n.labels[-1]) for n in every}) == len(every)
    for names in every:
        text = written(NamePosterior(((names.labels, 0.25),)))
        assert read_written(text, count) == NamePosterior(((names.labels, 0.25),))


def test_anomalies_are_counted_where_they_are_seen() -> None:
    found = {n.labels: n.anomalies for n in names_of_length(3)}
    assert found[T11, T12, L1] == 0
    assert found[T12, T13, L1] == found[T11, L1, L1 + 1] == found[L5 - 1, L5, L6] == 1
    assert (T13, L1, L1 + 1) in found
    assert max(n.anomalies for n in names_of_length(8)) == 2


def test_no_spine_is_longer_than_its_names() -> None:
    assert names_of_length(27) == ()
    assert len(names_of_length(26)) == 1


@pytest.mark.parametrize(
    "text",
    ["", "n/a", "L1 to L3", "L1 to L9 (0.5)", "L1 to L4 (0.5)", "L1 to L3 (0.5); rubbish"],
)
def test_text_that_tells_no_sequences_is_none(text: str) -> None:
    assert read_written(text, 3) is None


def test_names_with_a_gap_are_written_by_their_pieces() -> None:
    labels = (T11, T12, L1 + 1, L1 + 2)
    text = written(NamePosterior(((labels, 0.5),)))
    assert text == "T11 to T12, L2 to L3 (0.5)"
    assert read_written(text, 4) == NamePosterior(((labels, 0.5),))
    assert read_written(text, 5) is None
    assert in_words((T12, T13, L1, L5)) == "T12 to L1, L5"
    assert in_words((T11, L1)) == "T11 to L1"  # some people have no T12
    assert in_words((L5 - 1, SACRUM)) == "L4 to S1"


def test_the_improbable_is_not_written() -> None:
    posterior = NamePosterior((((L1,), 0.9999995), ((L1 + 1,), 0.0000005)))
    assert written(posterior) == "L1 to L1 (1)"
