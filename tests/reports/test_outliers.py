from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.reports.box_plots import HEIGHT, box_plot
from spineps_nipype.reports.outliers import MIN_VALUES, number, spreads

LEVELS = ("T12", "L1", "L2")


def rows(values: list[float], level: str = "L1") -> list[dict[str, object]]:
    return [{"scan": i, "level": level, "x": v} for i, v in enumerate(values)]


def test_far_values_are_found_at_their_level_only() -> None:
    usual = [10.0, 10.5, 11.0, 11.5, 12.0, 30.0]
    found = spreads([*rows(usual), *rows([30.0] * 6, "L2")], "x", LEVELS)
    assert [one.level for one in found] == ["L1", "L2"]
    assert found[0].outliers == [(5, 30.0)]
    assert found[0].whiskers == (10.0, 12.0)
    assert found[1].outliers == []


def test_fences_are_those_of_the_source() -> None:
    values = [float(v) for v in range(1, 10)]  # quartiles 3, 5, 7
    (one,) = spreads(rows(values), "x", LEVELS)
    assert one.quartiles == (3.0, 5.0, 7.0)
    assert one.fences == pytest.approx((3 - 2.2 * 4, 7 + 2.2 * 4))


def test_nearly_equal_values_are_not_far() -> None:
    (one,) = spreads(rows([20.0] * 8 + [20.9]), "x", LEVELS)
    assert one.outliers == []
    (one,) = spreads(rows([20.0] * 8 + [21.1]), "x", LEVELS)
    assert one.outliers == [(8, 21.1)]


def test_few_values_have_no_outliers() -> None:
    (one,) = spreads(rows([1.0] * (MIN_VALUES - 2) + [100.0]), "x", LEVELS)
    assert one.outliers == []


def test_levels_stand_in_order_and_unknown_ones_last() -> None:
    mixed = [*rows([1.0], "spine"), *rows([1.0], "L2"), *rows([1.0], "T12")]
    assert [one.level for one in spreads(mixed, "x", LEVELS)] == ["T12", "L2", "spine"]


@pytest.mark.parametrize("cell", [None, "n/a", "", "nan", "inf"])
def test_what_is_no_number(cell: object) -> None:
    assert number(cell) is None
    assert spreads([{"scan": 0, "level": "L1", "x": cell}], "x", LEVELS) == []


def test_places_in_the_drawing() -> None:
    """Larger values stand higher; a box has its median inside; far values are dots."""
    plot = box_plot(spreads([*rows([10, 11, 12, 13, 14, 60]), *rows([5, 6], "L2")], "x", LEVELS))
    first, second = plot.boxes
    assert first.box is not None
    assert first.whiskers is not None
    low, middle, high = first.box
    assert HEIGHT > first.whiskers[0] >= low > middle > high >= first.whiskers[1] > 0
    assert [(dot.scan, dot.outlier) for dot in first.dots] == [(5, True)]
    assert first.dots[0].y < first.whiskers[1]
    assert second.box is None
    assert [dot.outlier for dot in second.dots] == [False, False]
    assert [text for _, text in plot.ticks] == ["5", "23", "42", "60"]
    assert np.all(np.diff([y for y, _ in plot.ticks]) < 0)


def test_equal_values_have_one_tick() -> None:
    plot = box_plot(spreads(rows([31.3]), "x", LEVELS))
    assert [float(text) for _, text in plot.ticks] == [pytest.approx(31.3, abs=0.05)]
