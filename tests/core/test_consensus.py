from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.core.canonical import to_canonical
from spineps_nipype.core.consensus import Reading, compare, dice, surface_distance

SPACING = (2.0, 1.0, 1.0)


def tss(labels: np.ndarray, name: str = "a") -> Reading:
    return Reading(name, "totalspineseg", to_canonical("totalspineseg", labels))


def column(numbers: list[int]) -> np.ndarray:
    """Blocks of four voxels above each other, from the bottom."""
    out = np.zeros((4, 6, 5 * len(numbers)), np.uint8)
    for place, number in enumerate(numbers):
        out[:, 1:5, 5 * place : 5 * place + 4] = number
    return out


LUMBAR = column([50, 100, 45, 95, 44, 94, 43])
SHIFTED = column([50, 95, 44, 94, 43, 93, 42])


def test_equal_results_agree() -> None:
    found = compare([tss(LUMBAR), tss(LUMBAR, "b")], SPACING)
    assert {row.dice for row in found.agreements} == {1.0}
    assert {row.centroid_mm for row in found.agreements} == {0.0}
    assert found.disagreements == ()
    assert found.line == "a and b: same name for 6 of 6 vertebrae and discs, median Dice 1.00."


def test_a_shift_by_one_level_is_said_once() -> None:
    found = compare([tss(LUMBAR), tss(SHIFTED, "b")], SPACING)
    names = {(row.name_a, row.name_b) for row in found.disagreements}
    assert ("vertebra_L5", "vertebra_L4") in names
    assert ("disc_L4_L5", "disc_L3_L4") in names
    assert "b names 6 of them 1 level higher (L3 of a is L2 of b)" in found.line
    assert all(row.share == 1 for row in found.disagreements)


def test_distances_are_in_mm() -> None:
    moved = np.roll(LUMBAR, 1, axis=0)
    moved[0] = 0
    one, other = LUMBAR.copy(), moved
    one[3] = 0
    rows = compare([tss(one), tss(other, "b")], SPACING).agreements
    assert {row.centroid_mm for row in rows} == {2.0}
    assert all(0 < (row.surface_mm or 0) <= 2 for row in rows)


def test_bodies_are_compared_with_bodies() -> None:
    """SPINEPS knows the parts of a vertebra; spine-segmentation has bodies only."""
    vert = np.zeros((4, 12, 4), np.uint8)
    vert[:, :10] = 24
    spine = np.where(vert > 0, 41, 0).astype(np.uint8)
    spine[:, 5:10] = 49
    body = np.where(spine == 49, 45, 0).astype(np.uint8)
    first = Reading(
        "SPINEPS", "spineps", to_canonical("spineps", vert, spine=spine, numbering="anatomical")
    )
    second = Reading("S", "spine_segmentation", to_canonical("spine_segmentation", body))
    (row,) = compare([first, second], SPACING).agreements
    assert (row.structure, row.dice, row.comparable) == ("vertebra_L5", 1.0, True)


def test_whole_bones_and_bodies_are_not_judged_by_overlap() -> None:
    second = Reading(
        "S", "spine_segmentation", to_canonical("spine_segmentation", column([49, 0, 45]))
    )
    found = compare([tss(column([50, 0, 45])), second], SPACING)
    row = next(r for r in found.agreements if r.structure == "vertebra_L5")
    assert not row.comparable
    assert "Dice" not in found.line


def test_results_that_do_not_touch() -> None:
    apart = np.concatenate([np.zeros_like(LUMBAR), LUMBAR], axis=1)
    here = np.concatenate([LUMBAR, np.zeros_like(LUMBAR)], axis=1)
    found = compare([tss(here), tss(apart, "b")], SPACING)
    assert "no vertebra or disc" in found.line
    assert {row.dice for row in found.agreements} == {0.0}


def test_a_structure_that_one_system_lacks() -> None:
    less = np.where(LUMBAR == 43, 0, LUMBAR)
    row = next(
        r
        for r in compare([tss(LUMBAR), tss(less, "b")], SPACING).agreements
        if r.structure == "vertebra_L3"
    )
    assert (row.voxels_b, row.dice, row.centroid_mm, row.surface_mm) == (0, 0.0, None, None)


masks = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random((5, 6, 4)) < 0.4
)


@settings(max_examples=30, deadline=None)
@given(masks, masks)
def test_measures_are_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    assert dice(a, b) == dice(b, a)
    assert 0 <= dice(a, b) <= 1
    there, back = surface_distance(a, b, SPACING), surface_distance(b, a, SPACING)
    assert there == pytest.approx(back)
    assert dice(a, a) == float(a.any())
    assert surface_distance(a, a, SPACING) == (0.0 if a.any() else None)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 4), st.permutations([0, 1, 2]))
def test_order_of_systems_does_not_matter(step: int, order: list[int]) -> None:
    moved = column([50, *([95, 44, 94, 43, 93, 42][step : step + 3])])
    maps = [tss(LUMBAR, "x"), tss(SHIFTED, "y"), tss(np.resize(moved, LUMBAR.shape), "z")]
    usual = compare(maps, SPACING)
    other = compare([maps[i] for i in order], SPACING)
    found = [
        {(frozenset((r.system_a, r.system_b)), r.structure, r.dice) for r in one.agreements}
        for one in (usual, other)
    ]
    assert found[0] == found[1]
