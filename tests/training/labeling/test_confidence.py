"""Figures of the confidence of names."""

from __future__ import annotations

from training.labeling.confidence import summary
from training.labeling.evaluate import NamedVertebra


def test_a_view_is_as_sure_as_its_least_vertebra() -> None:
    sure, unsure = NamedVertebra(True, 0.99), NamedVertebra(False, 0.2)
    told = summary([[sure, sure], [sure, unsure]])
    assert "2 views, all names right in 50.0%; 4 vertebrae, 75.0% right" in told
    assert "0.0% of the right views, 100.0% of the wrong ones" in told
