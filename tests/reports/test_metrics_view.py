from __future__ import annotations

from typing import Any

import pytest

from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.reports.metrics_view import Cell, metrics_view
from spineps_nipype.reports.usual_ranges import FEWEST, UsualRange, UsualRanges, usual_ranges

USUAL = UsualRanges(
    {
        ("L1", "body_height_middle"): UsualRange(20.0, 25.0, 30),
        ("L1", "body_volume"): UsualRange(20000, 30000, 30),
    },
    "of some people",
)
ROWS: list[dict[str, Any]] = [
    {
        "level": "L1",
        "label": 20,
        "body_height_middle": "25.01",
        "body_volume": 19999.6,
        "cut": None,
    },
    {"level": "L2", "label": 21, "body_height_middle": 22.0, "body_volume": None, "cut": "S"},
    {"level": "spine", "label": None, "lumbar_lordosis": 40.04},
]


def test_values_beside_their_ranges() -> None:
    view = metrics_view(ROWS, COLUMNS, USUAL)
    assert view is not None
    assert [(h.title, h.unit) for h in view.heads] == [
        ("Middle body height", "mm"),
        ("Body volume", "mm³"),
        ("Cut by the field of view", ""),
    ]
    assert view.rows == [
        (
            "L1",
            [
                Cell("25.0", "20.0–25.0", "above"),
                Cell("20,000", "20,000–30,000", "below"),
                Cell(""),
            ],
        ),
        ("L2", [Cell("22.0"), Cell(""), Cell("S")]),
    ]
    assert [(h.title, cell.text) for h, cell in view.whole] == [("Lumbar lordosis", "40.0")]
    assert view.whose == "of some people"


def test_without_ranges_nobody_is_named() -> None:
    view = metrics_view(ROWS, COLUMNS, UsualRanges({}, "of some people"))
    assert view is not None
    assert view.whose == ""
    assert metrics_view([], COLUMNS, USUAL) is None


@pytest.mark.parametrize(("value", "side"), [(19.9, "below"), (20, ""), (25, ""), (25.1, "above")])
def test_the_borders_are_usual(value: float, side: str) -> None:
    assert UsualRange(20, 25, 30).side(value) == side


def test_the_table_that_is_shipped() -> None:
    """Each range is of a measure with a unit, of enough scans, and says of whom."""
    usual = usual_ranges()
    assert "SPIDER" in usual.whose
    assert len(usual.ranges) > 10
    for (_, measure), one in usual.ranges.items():
        assert "Units" in COLUMNS[measure]
        assert 0 < one.low < one.high
        assert one.scans >= FEWEST
    low, high = (
        getattr(usual.ranges["L3", "body_height_middle"], side) for side in ("low", "high")
    )
    assert 15 < low < high < 40, "millimetres of an adult"
