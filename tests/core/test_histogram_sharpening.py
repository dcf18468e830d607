"""Intensities without blur, guessed from their histogram."""

from __future__ import annotations

import numpy as np

from spineps_nipype.core.histogram_sharpening import _histogram, _lowest, sharpen


def blurred(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log intensities of two tissues under a field, and those of the tissues."""
    random = np.random.default_rng(seed)
    tissue = random.choice([5.0, 6.0], 4000)
    return (tissue + random.normal(0, 0.06, 4000)).astype(np.float32), tissue


def test_tissues_come_closer_together() -> None:
    values, tissue = blurred()
    for level in (5.0, 6.0):
        before, after = values[tissue == level], sharpen(values)[tissue == level]
        assert after.std() < 0.7 * before.std()
        assert abs(after.mean() - level) < 0.01


def test_equal_values_have_no_histogram() -> None:
    """ITK's histogram of no width is empty, and what is expected of an empty one is 0."""
    assert sharpen(np.full(9, 5.5, np.float32)).tolist() == [0] * 9


def test_lowest_value_is_not_looked_for_while_values_rise() -> None:
    assert _lowest(np.array([1, 2, 3, 2.5, 4, 2.2], np.float32)) == (np.float32(2.2), 3)
    assert _lowest(np.array([3, 3, 5], np.float32)) == (3, 1)
    assert _lowest(np.array([1, 2, 3], np.float32)) == (np.finfo(np.float32).max, 3)
    assert _lowest(np.array([1], np.float32)) == (np.finfo(np.float32).max, 1)


def test_values_are_shared_between_two_bins() -> None:
    counts = _histogram(np.array([0, 3, 3, 199]), np.array([0.25, 0.5, 0, 0], np.float32))
    assert counts.shape == (200,)
    assert {int(i): float(counts[i]) for i in np.flatnonzero(counts)} == {
        0: 0.75,
        1: 0.25,
        3: 1.5,
        4: 0.5,
        199: 1,
    }


def test_sums_of_the_first_bin_are_rounded_once() -> None:
    """1 - share has more digits there than a float32."""
    share = np.full(30, 1e-7, np.float32)
    expected = np.float32(0)
    for _ in share:
        expected = np.float32(float(expected) + (1.0 - float(share[0])))
    assert _histogram(np.zeros(30, np.intp), share)[0] == expected
