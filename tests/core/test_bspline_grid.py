"""Cubic B-splines on regular grids, beside those of SciPy and sums over scattered points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from spineps_nipype.core.bspline_grid import GridAxis, LatticeFit, evaluate, refine

QUICK = settings(max_examples=25, deadline=None)


@st.composite
def grids(draw: st.DrawFn) -> list[GridAxis]:
    """Three axes with a part in use."""
    axes = []
    for _ in range(3):
        samples, spans = draw(st.integers(2, 9)), draw(st.integers(1, 3))
        start = draw(st.integers(0, samples - 1))
        stop = draw(st.integers(start + 1, samples))
        axes.append(GridAxis(samples, draw(st.floats(0.3, 40)), spans, start, stop))
    return axes


def dense_basis(axis: GridAxis) -> np.ndarray:
    """Weights of all control points at the samples in use, by SciPy: (samples, control points)."""
    knots = np.arange(-3, axis.spans + 4)
    place = np.arange(axis.start, axis.stop) / (axis.samples - 1) * axis.spans
    return BSpline(knots, np.eye(axis.control_points), 3)(np.minimum(place, axis.spans - 1e-12))


@QUICK
@given(grids(), st.integers(0, 2**32 - 1))
def test_field_is_the_spline_of_its_lattice(axes: list[GridAxis], seed: int) -> None:
    shape = [axis.control_points for axis in axes]
    lattice = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    expected = np.einsum("abc,ia,jb,kc->ijk", lattice, *map(dense_basis, axes))
    # The last sample lies a thousandth of a sample before the end.
    np.testing.assert_allclose(evaluate(lattice, axes), expected, atol=2e-2)
    inner = [replace(axis, stop=min(axis.stop, axis.samples - 1)) for axis in axes]
    if all(axis.start < axis.stop for axis in inner):
        expected = np.einsum("abc,ia,jb,kc->ijk", lattice, *map(dense_basis, inner))
        np.testing.assert_allclose(evaluate(lattice, inner), expected, atol=2e-5)


@QUICK
@given(grids(), st.integers(0, 2**32 - 1))
def test_fit_is_that_to_scattered_points(axes: list[GridAxis], seed: int) -> None:
    """Equations 3 to 5 of Lee 1997, point by point, without the last samples."""
    axes = [replace(axis, samples=axis.samples + 1) for axis in axes]
    count = [axis.stop - axis.start for axis in axes]
    values = np.random.default_rng(seed).normal(size=count)
    total, wanted = (np.zeros([axis.control_points for axis in axes]) for _ in range(2))
    basis = [dense_basis(axis) for axis in axes]
    for place in np.ndindex(*count):
        rows = [b[i] for b, i in zip(basis, place, strict=True)]
        weight = np.einsum("a,b,c->abc", *rows)
        alone = weight * values[place] / (weight**2).sum()
        total += weight**2
        wanted += weight**2 * alone
    reached = total > 1e-6
    found = LatticeFit(axes)(values.astype(np.float32).ravel())
    np.testing.assert_allclose(found[reached], wanted[reached] / total[reached], atol=2e-3)
    assert not found[total < 1e-9].any()


@QUICK
@given(grids(), st.integers(0, 2**32 - 1))
def test_finer_spans_give_the_same_field(axes: list[GridAxis], seed: int) -> None:
    shape = [axis.control_points for axis in axes]
    lattice = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    finer = [replace(axis, spans=2 * axis.spans) for axis in axes]
    refined = refine(lattice)
    assert refined.shape == tuple(axis.control_points for axis in finer)
    np.testing.assert_allclose(evaluate(refined, finer), evaluate(lattice, axes), atol=1e-5)


def test_what_is_not_finite_is_left_out() -> None:
    axes = [GridAxis(4, 1.0, 1, 0, 4)] * 3
    values = np.ones(64, np.float32)
    values[0] = np.nan
    assert np.isfinite(LatticeFit(axes)(values)).all()


def test_one_sample_makes_no_spline() -> None:
    with pytest.raises(ValueError, match="needs 2 samples"):
        GridAxis(1, 1.0, 1, 0, 1)
