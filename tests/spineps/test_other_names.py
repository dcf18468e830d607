"""What tables of names of other systems are worth for the names of a session."""

from __future__ import annotations

from typing import Any

import pytest

from spineps_nipype.core.anatomy import L1, L5, L6, SACRUM, T11, T12, T13
from spineps_nipype.core.name_posterior import NamePosterior
from spineps_nipype.core.name_table import confidence_columns
from spineps_nipype.core.spine_names import name_of
from spineps_nipype.spineps.other_names import TRUST, believed, told_names, without_sacrum

L2, L3, L4 = L1 + 1, L1 + 2, L1 + 3
OWN = (T12, L1, L2)


def table(*sequences: tuple[tuple[int, ...], float]) -> list[dict[str, Any]]:
    """Table of names of a scan that has the names of the first sequence."""
    posterior, names = NamePosterior(sequences), sequences[0][0]
    return [
        {"name": name_of(label), **confidence_columns(posterior, names, row)}
        for row, label in enumerate(names)
    ]


def test_sequences_are_found_again_from_the_names_of_each_vertebra() -> None:
    said = ((OWN, 0.7), ((T11, T12, L1), 0.2), ((L1, L2, L3), 0.1))
    assert told_names(OWN, table(*said)) == pytest.approx(dict(said))


def test_names_that_two_sequences_share_count_once() -> None:
    """T11 without T12 is no more probable than what the names below it leave."""
    said = ((OWN, 0.8), ((T11, T12, L1), 0.15), ((T11, L1, L2), 0.05))
    assert told_names(OWN, table(*said)) == pytest.approx(dict(said))


def test_some_of_the_vertebrae_of_a_table_are_told_of() -> None:
    rows = table(((T12, L1, L2, L3), 0.9), ((T11, T12, L1, L2), 0.1))
    assert told_names((L1, L2), rows) == pytest.approx({(L1, L2): 0.9, (T12, L1): 0.1})


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"name": "T12"}, {"name": "L1"}, {"name": "L2"}],
        [{"name": n, "confidence": "many"} for n in ("T12", "L1", "L2")],
        [{"name": n, "confidence": "nan"} for n in ("T12", "L1", "L2")],
        table(((L1, L2, L3), 1.0)),
    ],
)
def test_a_table_that_is_older_or_of_another_mask_tells_nothing(rows: list[Any]) -> None:
    assert told_names(OWN, rows) == {}
    assert told_names((), rows) == {}


def test_pieces_that_are_more_probably_sacrum_are_left_out() -> None:
    names = (L4, L5, L6, SACRUM)
    rows = table((names, 0.2), ((L4, L5, SACRUM, 0), 0.8))
    assert without_sacrum((L4, L5, L6), rows) == (L4, L5)
    assert without_sacrum((L4, L5, L6), []) == (L4, L5, L6)
    assert told_names((L4, L5), rows) == pytest.approx({(L4, L5): 1.0})


def test_names_may_be_one_level_off_whatever_the_table_says() -> None:
    posterior = believed(OWN, {OWN: 1.0})
    assert posterior == believed(OWN, {})
    assert posterior is not None
    assert posterior.of_label(0, T12) == pytest.approx(TRUST)
    assert dict(posterior.sequences) == pytest.approx(
        {OWN: TRUST, (T11, T12, L1): (1 - TRUST) / 2, (L1, L2, L3): (1 - TRUST) / 2}
        | {names: 0 for names, _ in posterior.sequences[3:]}
    )
    ends = believed((L5,), {})
    assert ends is not None
    assert ends.of_label(0, L5) == pytest.approx(TRUST)


def test_what_the_table_leaves_belongs_to_all_others_by_their_anomalies() -> None:
    posterior = believed(OWN, {OWN: 0.5, (T11, T12, L1): 0.3})
    assert posterior is not None
    found = dict(posterior.sequences)
    assert sum(found.values()) == pytest.approx(1)
    assert found[OWN] == pytest.approx(TRUST * 0.5)
    assert found[T12, T13, L1] == pytest.approx(0.03 * found[T11 - 1, T11, T12])
    assert max(found, key=found.__getitem__) == OWN


def test_names_with_gaps_tell_nothing() -> None:
    assert believed((L1, L3), {}) is None
    assert believed((), {}) is None
