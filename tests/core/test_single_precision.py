"""exp and log in single precision."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.core import single_precision
from spineps_nipype.core.single_precision import exp32, log32


@pytest.mark.parametrize("at_hand", [True, False])
def test_results_are_within_one_digit_of_double_precision(
    at_hand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the C library and without it."""
    if not at_hand:
        monkeypatch.setattr(single_precision, "_c_function", {}.get)
    values = np.random.default_rng(0).uniform(0.1, 80, (40, 50)).astype(np.float32)
    for found, exact in ((exp32(-values), np.exp(-values.astype(float))), (log32(values), None)):
        exact = np.log(values.astype(float)) if exact is None else exact
        assert found.dtype == np.float32
        assert found.shape == values.shape
        assert (np.abs(found - exact) <= np.spacing(np.abs(found))).all()


def test_equal_values_have_equal_logarithms() -> None:
    values = np.array([[3, 1, 3], [1500, 3, 1]], np.float32)
    assert log32(values).tolist() == np.log(values.astype(float)).astype(np.float32).tolist()


def test_nothing_has_no_logarithm() -> None:
    assert log32(np.zeros(0, np.float32)).shape == (0,)
