"""The tables of the vertebrae: formulas round as they are written, rows make sense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spineps_nipype.phantom import Anomalies, draw_plan
from spineps_nipype.phantom.geometry import Canvas
from spineps_nipype.phantom.lengths import HEIGHT, SIZE, Length, as_length, measure
from spineps_nipype.phantom.measures import MEAN
from spineps_nipype.phantom.tissues import MIRROR_PAIRS, Tissue
from spineps_nipype.phantom.upper_cervical_shapes import ATLAS, AXIS, DENS, TUBERCLE
from spineps_nipype.phantom.vertebra import (
    draw_posterior_elements,
    vertebra_measures,
    vertebra_region,
)
from spineps_nipype.phantom.vertebra_shapes import SHAPES, BonePart, Draw, Shape

ALL_SHAPES = {**SHAPES, "C2": AXIS, "C1": ATLAS}
numbers = st.floats(-100, 100, allow_nan=False)


def parts(shape: Shape) -> list[BonePart]:
    return [*shape.ribs, *shape.sides, *shape.middle]


def all_draws(shape: Shape) -> tuple[Draw, ...]:
    return shape.draws + shape.spinous_draws


@given(numbers, numbers, numbers, numbers, numbers)
def test_a_length_is_the_float_of_its_formula(s: float, h: float, a: float, b: float, c: float):
    measures = {"mm": 1.0, "size": s, "height": h}
    formulas = [
        (a * SIZE + b, a * s + b),
        (b + a * SIZE, b + a * s),
        (-0.5 * HEIGHT - a * SIZE - c, -h / 2 - a * s - c),
        (a * (HEIGHT + b) + c * (SIZE - b), a * (h + b) + c * (s - b)),
        (HEIGHT + (SIZE + b), h + (s + b)),
        (-(HEIGHT - b) * c, -(h - b) * c),
        (2 * (a * SIZE), 2 * (a * s)),
    ]
    for length, value in formulas:
        assert isinstance(length, Length)
        assert length.at(measures) == value


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(KeyError, match="wings"):
        (SIZE + measure("wings")).at({"size": 1.0})


@pytest.mark.parametrize("name", ALL_SHAPES)
def test_names_are_unique_and_draws_are_ranges(name: str) -> None:
    shape = ALL_SHAPES[name]
    names = [part.name for part in parts(shape)]
    assert len(names) == len(set(names))
    drawn = [draw.name for draw in all_draws(shape)]
    assert len(drawn) == len(set(drawn))
    assert all(draw.low < draw.high for draw in all_draws(shape))
    assert not set(drawn) & set(shape.given)


@pytest.mark.parametrize("name", ALL_SHAPES)
def test_tissues_mirror(name: str) -> None:
    mirrored = {a: b for pair in MIRROR_PAIRS for a, b in (pair, pair[::-1])}
    for part in [*parts(ALL_SHAPES[name]), *DENS, TUBERCLE]:
        left, right = part.tissue
        assert mirrored.get(left, left) == right, part.name


def test_every_level_has_its_means() -> None:
    for name in MEAN:
        shape = AXIS if name == "C2" else SHAPES[name[0]]
        for draw in all_draws(shape):
            assert draw.mean is None or name in draw.mean
        assert all(name in levels for levels in shape.given.values())


@pytest.mark.parametrize("level", ["C4", "C7", "T3", "T13", "L2", "L6"])
def test_all_measures_of_a_row_are_known_and_radii_are_positive(level: str) -> None:
    plan = draw_plan(5, Anomalies(thoracic=13, lumbar=6))
    vertebra = next(v for v in plan.vertebrae if v.name == level)
    seen = []

    class Paper:
        """A region on which nothing is painted."""

        def capsule(self, start, end, radii, **_):
            seen.append((start, end, radii))

        def paint(self, capsule, tissue, label) -> None:
            assert capsule is None
            assert label in (0, vertebra.label)
            assert Tissue(tissue & 127)

    shape = SHAPES[vertebra.region]
    draw_posterior_elements(Paper(), plan, vertebra, shape, np.random.default_rng(0))
    ribs = len(shape.ribs)
    least = 2 * len(shape.sides) + len(shape.middle)
    assert len(seen) - least in ((0, ribs, 2 * ribs) if level == "T13" else (2 * ribs,))
    assert all(min(radii) > 0 for _, _, radii in seen)
    assert np.isfinite(np.array(seen)).all()


def test_sides_are_mirror_images() -> None:
    """On a grid that is its own mirror image, a vertebra that stands upright is symmetric."""
    plan = draw_plan(2, Anomalies(scoliosis_deg=0.0))
    vertebra = next(v for v in plan.vertebrae if v.name == "T6")
    frame = replace(
        vertebra.frame,
        origin=np.zeros(3),
        posterior=np.array([1.0, 0, 0]),
        inferior=np.array([0, 1.0, 0]),
        right=np.array([0, 0, 1.0]),
    )
    vertebra = replace(vertebra, frame=frame)
    axes = tuple(np.arange(-n, n + 1, 2, dtype=np.float32) for n in (80, 60, 60))
    still = tuple(np.zeros([len(axis) for axis in axes], np.float32) for _ in range(3))
    canvas = Canvas(axes, (2.0, 2.0, 2.0), still)
    shape = replace(SHAPES["T"], middle=())
    region = vertebra_region(canvas, plan, vertebra)
    draw_posterior_elements(region, plan, vertebra, shape, np.random.default_rng(1))
    assert {*np.unique(canvas.tissue)} >= {Tissue.ARCUS, Tissue.COSTAL_LEFT, Tissue.OTHER_BONE}
    table = np.arange(256)
    for left, right in MIRROR_PAIRS:
        table[left], table[right] = right, left
    # where both sides reach over the middle the right one lies on top
    beside = np.abs(axes[2]) > 10
    assert np.array_equal(canvas.tissue[..., beside], table[canvas.tissue[..., ::-1]][..., beside])


def test_measures_are_those_of_the_vertebra() -> None:
    plan = draw_plan(7)
    vertebra = plan.vertebrae[-1]
    measures = vertebra_measures(plan, vertebra)
    assert as_length(2).at(measures) == 2.0
    assert (0.5 * HEIGHT).at(measures) == vertebra.height / 2
    assert measures["back"] - measures["canal"] == pytest.approx(vertebra.canal_depth / 2)
    assert measures["next"] == vertebra.height / 2 + vertebra.disc_height
