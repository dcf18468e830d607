"""Figures of the confidence of names."""

from __future__ import annotations

import pytest

from training.labeling.confidence import ANOMALIES, View, summary, weight_of
from training.labeling.evaluate import NamedVertebra


def test_a_view_is_as_sure_as_its_least_vertebra() -> None:
    sure, unsure = NamedVertebra(True, 0.99), NamedVertebra(False, 0.2)
    told = summary([View([sure, sure], 1.0), View([sure, unsure], 1.0)])
    assert "2 views, all names right in 50.0%; 4 vertebrae, 75.0% right" in told
    assert "0.0% of the right views, 100.0% of the wrong ones" in told


def test_views_weigh_what_their_spines_are_among_people() -> None:
    """An eighth of the phantoms has each of three anomalies, 3 % of people have."""
    usual, rare = weight_of(None), weight_of(ANOMALIES[1])
    assert usual * 5 / 8 + 3 * rare / 8 == pytest.approx(1)
    assert rare / 8 == pytest.approx(0.03)
    sure, unsure = NamedVertebra(True, 0.99), NamedVertebra(False, 0.2)
    told = summary([View([sure], usual), View([unsure], rare)])
    assert "all names right in 85.8%" in told
