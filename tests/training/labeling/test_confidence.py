"""Figures of the confidence of names."""

from __future__ import annotations

import numpy as np
import pytest

from training.labeling.confidence import area_under_curve, calibration_error, summary
from training.labeling.evaluate import NamedVertebra


def test_calibration_error() -> None:
    confidence = np.repeat([0.95, 0.55], 100)
    right = np.concatenate([np.arange(100) < 95, np.arange(100) < 55])
    assert calibration_error(confidence, right) == pytest.approx(0)
    assert calibration_error(confidence, ~right) == pytest.approx((0.9 + 0.1) / 2)


def test_area_under_curve() -> None:
    right = np.array([True, True, False, False])
    assert area_under_curve(np.array([0.9, 0.8, 0.2, 0.1]), right) == 1
    assert area_under_curve(np.array([0.5, 0.5, 0.5, 0.5]), right) == 0.5
    assert area_under_curve(np.array([0.1, 0.2, 0.8, 0.9]), right) == 0


def test_a_view_is_as_sure_as_its_least_vertebra() -> None:
    sure, unsure = NamedVertebra(True, 0.99), NamedVertebra(False, 0.2)
    told = summary([[sure, sure], [sure, unsure]])
    assert "2 views, all names right in 50.0%; 4 vertebrae, 75.0% right" in told
    assert "0.0% of the right views, 100.0% of the wrong ones" in told
