"""Probabilities of the names of TotalSpineSeg, on spines of blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spineps_nipype.core.anatomy import L1, L5, T12
from spineps_nipype.totalspineseg.labeler import NumberedSpine, label_spine, number_spine
from spineps_nipype.totalspineseg.labels import ANATOMY, T13, VERTEBRA_NAMES
from spineps_nipype.totalspineseg.name_table import LABEL_COLUMNS, name_rows
from spineps_nipype.totalspineseg.settings import LABELER_STEP1, LABELER_STEP2

from .block_spine import DISCS, VERTEBRAE, disc_slice, raw_spine


def numbered(seg: np.ndarray) -> NumberedSpine:
    found = number_spine(seg, LABELER_STEP2)
    assert found.posterior is not None
    assert sum(p for _, p in found.posterior.sequences) == pytest.approx(1)
    return found


def labels_of(found: NumberedSpine) -> tuple[int, ...]:
    return tuple(ANATOMY[label] for label in found.vertebrae)


def chance(found: NumberedSpine) -> float:
    """Probability of the names in the label map."""
    assert found.posterior is not None
    return dict(found.posterior.sequences).get(labels_of(found), 0.0)


def test_the_names_of_a_whole_spine_are_certain() -> None:
    seg = raw_spine(DISCS)
    found = numbered(seg)
    assert found.vertebrae == VERTEBRAE
    assert np.array_equal(found.labels, label_spine(seg, LABELER_STEP2))
    assert chance(found) > 0.9


def test_the_fewer_landmarks_the_less_certain() -> None:
    both, one = (numbered(raw_spine(DISCS[-8:], marks)) for marks in ((91, 100), (91,)))
    assert both.vertebrae == one.vertebrae == VERTEBRAE[-8:]
    assert chance(both) > chance(one)


def test_a_landmark_that_fills_little_of_its_disc_is_doubted() -> None:
    seg = raw_spine(DISCS[-12:-4], ())
    weak = seg.copy()
    place = disc_slice(3)
    seg[:, :, place][seg[:, :, place] == 1] = 4
    weak[:8, :, place][weak[:8, :, place] == 1] = 4
    sure, unsure = numbered(seg), numbered(weak)
    assert sure.vertebrae == unsure.vertebrae
    assert chance(unsure) < chance(sure)


def test_anomalies_are_among_the_alternatives() -> None:
    found = numbered(raw_spine(DISCS[-9:], (91, 100)))
    assert found.posterior is not None
    whole = [labels for labels, _ in found.posterior.sequences]
    assert any(ANATOMY[T13] in labels for labels in whole)
    assert any(T12 not in labels and L1 in labels for labels in whole)


def test_what_a_user_says_of_the_uppermost_disc_is_certain() -> None:
    told = replace(LABELER_STEP2, default_superior_disc=92)
    found = number_spine(raw_spine(DISCS[-4:], ()), told)
    assert found.posterior is not None
    assert {labels[1] for labels, _ in found.posterior.sequences} == {ANATOMY[42]}
    assert VERTEBRA_NAMES[found.vertebrae[-1]] == "L5"
    assert found.posterior.of_label(len(found.vertebrae) - 1, L5) > 0.5


def test_where_discs_are_counted_names_have_no_probability() -> None:
    assert number_spine(raw_spine(DISCS), LABELER_STEP2, numerics="original").posterior is None
    assert number_spine(raw_spine(DISCS, step=1), LABELER_STEP1).posterior is None


def test_the_table_has_the_columns_that_are_explained() -> None:
    found = numbered(raw_spine(DISCS[-8:], (91,)))
    rows = name_rows(found.vertebrae, found.posterior)
    assert set(rows[0]) <= set(LABEL_COLUMNS)
    assert [row["label"] for row in rows] == list(VERTEBRAE[-8:])
    assert rows[0]["name"] == "T10"
    assert rows[0]["sequences"].startswith("T10 to L5 (")
    assert "confidence" not in name_rows(found.vertebrae, None)[0]
