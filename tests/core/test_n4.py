"""N4 beside that of ITK (through SimpleITK), which is the truth here."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import prod
from typing import Final, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.n4_speed import itk_log_field
from spineps_nipype.core.bspline_grid import ORDER, GridAxis, evaluate
from spineps_nipype.core.n4 import _running_spread, estimate_bias

MORE: Final = os.environ.get("N4_EXAMPLES")
EXAMPLES: Final = int(MORE or "6")
"""Random images, always the same ones unless more are asked for; every one costs a second, nearly
all of it in ITK."""
LEAST_VOXELS: Final = 30
"""In images of a dozen voxels the last digit decides which values share a bin, and
the fields are noise: 2 x 3 x 2 voxels of a smooth field differed by 0.03."""
LIMIT: Final = 2e-5
"""Of the difference of log fields (root mean square)."""


class Scan(NamedTuple):
    """An image and the box in it that N4 looks at."""

    image: np.ndarray
    box: tuple[slice, slice, slice]
    spacing: tuple[float, float, float]
    spans: tuple[int, int, int]


def two_tissues(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Two tissues with noise under a field along the first axis."""
    field = np.exp(np.linspace(0, 1, shape[0]))[:, None, None]
    return random.choice([200, 600], shape) * field * random.normal(1, 0.03, shape)


def smooth(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Nothing but a field, which rises along all axes."""
    return 300 * np.exp(np.indices(shape).sum(axis=0) / 9)


KINDS: Final[dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]]] = {
    "tissues": two_tissues,
    "smooth": smooth,
    "noise": lambda random, shape: random.normal(300, 60, shape),
    "any value": lambda random, shape: random.random(shape) * 1500,
    "zeros": lambda random, shape: np.where(random.random(shape) < 0.2, 0, smooth(random, shape)),
    "below zero": lambda random, shape: random.normal(50, 60, shape),
    "two values": lambda random, shape: random.choice([100, 400], shape),
    "few values": lambda random, shape: random.choice([0, 1, 50, 400, 401], shape),
    "saturated": lambda random, shape: np.minimum(random.normal(300, 60, shape), 330),
    "constant": lambda random, shape: np.full(shape, random.integers(1, 900)),
}


def scan(
    kind: str,
    seed: int,
    shape: tuple[int, int, int] = (8, 9, 5),
    *,
    whole: bool = True,
    rounded: bool = False,
) -> Scan:
    """Make an image of a kind; `whole` or a random box of it is looked at."""
    random = np.random.default_rng(seed)
    image = KINDS[kind](random, shape)
    box = []
    for size in shape:
        start = 0 if whole else int(random.integers(0, size))
        box.append(slice(start, size if whole else int(random.integers(start + 1, size + 1))))
    spacing, spans = random.uniform(0.4, 6, 3).round(3).tolist(), random.integers(1, 4, 3).tolist()
    image = np.round(image) if rounded else image
    return Scan(image.astype(np.float32), tuple(box), tuple(spacing), tuple(spans))


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    """Small images of all kinds."""
    return scan(
        draw(st.sampled_from(sorted(KINDS))),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.tuples(*[st.integers(2, 8)] * 3).filter(lambda n: prod(n) >= LEAST_VOXELS)),
        whole=draw(st.booleans()),
        rounded=draw(st.booleans()),
    )


def our_log_field(case: Scan, iterations: tuple[int, ...] = (50, 50, 50, 50)) -> np.ndarray:
    """Log field of the whole image."""
    image, box, spacing, spans = case
    axes = [
        GridAxis(n, z, s, part.start, part.stop)
        for n, z, s, part in zip(image.shape, spacing, spans, box, strict=True)
    ]
    lattice = estimate_bias(image[box], axes, iterations=iterations)
    whole = [
        GridAxis(n, z, points - ORDER, 0, n)
        for n, z, points in zip(image.shape, spacing, lattice.shape, strict=True)
    ]
    return evaluate(lattice, whole)


def its_log_field(case: Scan, iterations: tuple[int, ...] = (50, 50, 50, 50)) -> np.ndarray:
    """The same by ITK."""
    mask = np.zeros(case.image.shape, np.uint8)
    mask[case.box] = 1
    return itk_log_field(case.image, mask, case.spacing, case.spans, iterations=iterations)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=MORE is None)
@given(scans())
@example(scan("zeros", 1))
@example(scan("tissues", 2, (2, 8, 8)))
def test_field_is_that_of_itk(case: Scan) -> None:
    ours, theirs = our_log_field(case), its_log_field(case)
    difference = (ours - theirs)[case.box].astype(float)
    assert np.sqrt((difference**2).mean()) <= LIMIT


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_first_iterations_are_those_of_itk_digit_for_digit(kind: str) -> None:
    """Of every level, on whole images and on parts."""
    for whole in (True, False):
        case = scan(kind, 3, whole=whole)
        ours, theirs = (f(case, (4, 3, 3, 2)) for f in (our_log_field, its_log_field))
        np.testing.assert_array_equal(ours, theirs)


def test_a_single_voxel() -> None:
    case = scan("tissues", 0)._replace(box=(slice(2, 3), slice(4, 5), slice(1, 2)))
    ours, theirs = (f(case, (5, 5)) for f in (our_log_field, its_log_field))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_field_is_found() -> None:
    """Against the truth instead of ITK."""
    random = np.random.default_rng(0)
    true = np.indices((24, 24, 6))[0] / 40
    tissue = np.where(np.indices((24, 24, 6)).sum(axis=0) // 3 % 2, 300.0, 600.0)
    image = tissue * np.exp(true) * random.normal(1, 0.01, tissue.shape)
    box = (slice(0, 24), slice(0, 24), slice(0, 6))
    found = our_log_field(Scan(image.astype(np.float32), box, (4, 4, 4), (1, 1, 1)))
    assert true.std() > 0.17
    assert (found - true).std() < 0.03


def one_by_one(factors: np.ndarray) -> np.float32:
    """Coefficient of variation, every step rounded to float32 (`_running_spread` in plain)."""
    mean, squares = np.float32(0), 0.0
    for number, factor in enumerate(factors, start=1):
        deviation = factor - mean
        squares += float(deviation * deviation) * (number - 1) / number
        addend = float(factor / np.float32(number))
        mean = np.float32(float(mean) * (1 - 1 / number) + addend)
    return np.float32(np.sqrt(squares / (len(factors) - 1))) / mean


@given(st.integers(2, 400), st.floats(0, 3e-6), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_running_spread(count: int, spread: float, seed: int) -> None:
    factors = np.random.default_rng(seed).normal(1, spread, count).astype(np.float32)
    np.testing.assert_allclose(_running_spread(factors), one_by_one(factors), rtol=1e-5)
