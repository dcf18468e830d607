"""Measures of vertebrae: known boxes, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.core.vertebra_form import (
    FEATURES,
    MIN_SPREAD_CM,
    PART_FEATURES,
    PART_LABELS,
    forms_without_border_distance,
    vertebra_forms,
)

SPACING = (1.0, 2.0, 3.0)


def column(count: int = 3, at: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Bodies of 20 x 20 x 15 mm every 30 mm, discs between them, canal behind them."""
    spine = np.zeros((60, 15 * count + 2 * at, 15), np.uint8)
    vert = np.zeros_like(spine)
    for k in range(count):
        rows = slice(at + 15 * k, at + 15 * k + 10)
        spine[10:30, rows, 5:10] = 49
        spine[38:44, rows, 5:10] = 61
        vert[10:30, rows, 5:10] = k + 1
        spine[10:30, rows.stop + 1 : rows.stop + 4, 5:10] = 100
    return spine, vert


def part(forms: np.ndarray, label: int) -> np.ndarray:
    index = next(k for k, labels in enumerate(PART_LABELS) if label in labels)
    return forms[:, PART_FEATURES * index : PART_FEATURES * (index + 1)]


def test_boxes_have_their_sizes() -> None:
    spine, vert = column()
    forms = vertebra_forms(spine, vert, [1, 2, 3], SPACING)
    assert forms.shape == (3, FEATURES)
    body = part(forms, 49)
    assert body[:, 0].tolist() == [1, 1, 1]
    assert np.exp(body[:, 1]) == pytest.approx(2.0 * 2.0 * 1.5, rel=1e-3)
    spread = np.exp(body[:, 5:8]) - MIN_SPREAD_CM
    assert spread[1] == pytest.approx([2.0 / 12**0.5, 2.0 / 12**0.5, 1.5 / 12**0.5], rel=0.03)
    canal = part(forms, 61)
    assert canal[:, 2] == pytest.approx(4.05 - 1.95, abs=0.06)
    surroundings = forms[:, PART_FEATURES * len(PART_LABELS) :]
    assert surroundings[:, 0] == pytest.approx([0, 3, 3])
    assert surroundings[:, 1] == pytest.approx([3, 3, 0])
    assert surroundings[:, 4:8] == pytest.approx(0, abs=1e-9)


def test_discs_belong_to_the_body_above_and_absent_parts_are_zero() -> None:
    spine, vert = column()
    spine[:, -9:] = np.where(spine[:, -9:] == 100, 0, spine[:, -9:])
    spine[spine == 61] = 0
    forms = vertebra_forms(spine, vert, [1, 2, 3], SPACING)
    assert part(forms, 100)[:, 0].tolist() == [1, 1, 0]
    assert not part(forms, 100)[2].any()
    assert not part(forms, 60).any()


def test_a_wedge_and_a_lean_show() -> None:
    spine, vert = column()
    spine[10:20, 20:23], vert[10:20, 20:23] = 0, 0
    forms = vertebra_forms(spine, vert, [1, 2, 3], SPACING)
    assert forms[1, PART_FEATURES * len(PART_LABELS) + 7] > 0.05
    leaning, numbers = np.zeros((90, 55, 15), np.uint8), np.zeros((90, 55, 15), np.uint8)
    for k in range(3):
        box = np.s_[5 + 20 * k : 25 + 20 * k, 5 + 15 * k : 15 + 15 * k, 5:10]
        leaning[box], numbers[box] = 49, k + 1
    lean = vertebra_forms(leaning, numbers, [1, 2, 3], SPACING)[
        :, PART_FEATURES * len(PART_LABELS) + 4
    ]
    assert lean == pytest.approx(np.arctan2(20, 30), abs=0.01)


def test_place_in_the_image_does_not_matter_without_room() -> None:
    spine, vert = column(at=5)
    wide = [np.pad(a, ((3, 1), (7, 0), (2, 2))) for a in (spine, vert)]
    first = forms_without_border_distance(spine, vert, [1, 2, 3], SPACING)
    second = forms_without_border_distance(*wide, [1, 2, 3], SPACING)
    np.testing.assert_allclose(first, second, atol=1e-9)
    with_room = vertebra_forms(spine, vert, [1, 2, 3], SPACING)
    assert not np.allclose(with_room, vertebra_forms(*wide, [1, 2, 3], SPACING))


@pytest.mark.parametrize("count", [1, 2])
def test_few_vertebrae_give_finite_numbers(count: int) -> None:
    spine, vert = column(count)
    assert np.isfinite(vertebra_forms(spine, vert, range(1, count + 1), SPACING)).all()


def test_bodies_at_the_same_place_give_finite_numbers() -> None:
    spine, vert = column(1)
    vert[10:30, :, 7] *= 2
    assert np.isfinite(vertebra_forms(spine, vert, [1, 2], SPACING)).all()
