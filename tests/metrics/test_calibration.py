from __future__ import annotations

import math

import numpy as np
import pytest

from spineps_nipype.metrics.calibration import (
    area_under_curve,
    calibration_curve,
    calibration_error,
)


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


def test_where_all_is_right_there_is_no_curve() -> None:
    assert math.isnan(area_under_curve(np.array([0.9, 0.8]), np.array([True, True])))


def test_bins_hold_their_upper_bound() -> None:
    bins = list(calibration_curve(np.array([0.5, 0.51, 1.0]), np.array([True, False, True])))
    assert [(round(b.low, 1), b.cases, b.right) for b in bins] == [
        (0.4, 1, 1.0),
        (0.5, 1, 0.0),
        (0.9, 1, 1.0),
    ]


def test_a_weight_of_two_is_a_case_twice() -> None:
    confidence = np.array([0.95, 0.55, 0.55])
    right = np.array([True, False, True])
    weights = np.array([2.0, 1.0, 1.0])
    twice = np.array([0, 0, 1, 2])
    for figure in (calibration_error, area_under_curve):
        assert figure(confidence, right, weights) == pytest.approx(
            figure(confidence[twice], right[twice])
        )
