"""Sizes: faults of masks are found, and short vertebrae are told from them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from spineps_nipype.core.anatomy import VERTEBRA_NAMES
from spineps_nipype.core.volume import make_volume
from spineps_nipype.metrics.findings import Finding
from spineps_nipype.metrics.size_check import check_sizes, disc_spaces, short_vertebrae
from spineps_nipype.metrics.spine_metrics import Scene, measure_spine, split_masks
from spineps_nipype.phantom.generate import Phantom
from spineps_nipype.phantom.views import phantom_in_view

from .model_spine import DISC_HEIGHT, HEIGHT, model_spine

L1, L2, L3, L4 = NUMBERS = (20, 21, 22, 23)
LABELS = {name: label for label, name in VERTEBRA_NAMES.items()}
PITCH = HEIGHT + DISC_HEIGHT
SEED = 1010
"""Of a phantom whose view shows a fractured body, and that set no constant."""


@cache
def fractured() -> Phantom:
    return phantom_in_view(SEED, "fractures", (1.0, 1.0, 2.0))


def sizes(phantom: Phantom, vert: np.ndarray) -> list[Finding]:
    scene = scene_of(phantom, vert)
    return check_sizes(scene, {row["label"]: row for row in measure_spine(scene)})


def scene_of(phantom: Phantom, vert: np.ndarray) -> Scene:
    affine = np.asarray(phantom.affine)
    masks = (make_volume(array, affine, seg=True) for array in (phantom.spine, vert))
    return split_masks(*masks)


@pytest.mark.parametrize(
    ("space", "short"),
    [
        (PITCH - 12, {L2}),  # a fracture: the space is as much lower as the body
        (PITCH - 6, set()),  # discs that reach 6 mm into the body from both sides
        (PITCH, set()),  # a mask that misses bone
    ],
)
def test_a_short_vertebra_has_less_room(space: float, short: set[int]) -> None:
    heights, spaces = dict.fromkeys(NUMBERS, HEIGHT), dict.fromkeys(NUMBERS, PITCH)
    heights[L2], spaces[L2] = HEIGHT - 12, space
    assert short_vertebrae(heights, spaces) == short


def test_nothing_is_short_without_discs_on_both_sides() -> None:
    heights = dict.fromkeys(NUMBERS, HEIGHT) | {L2: HEIGHT - 12}
    assert short_vertebrae(heights, {L2: PITCH - 12}) == set()
    assert short_vertebrae(heights, {L1: PITCH, L3: PITCH}) == set()


def test_spaces_are_the_distances_of_discs() -> None:
    model = model_spine(bend=0.01, turn=0.0)
    spaces = disc_spaces(split_masks(model.spine, model.vert))
    assert list(spaces) == [20, 21, 22, 23, 24]
    assert list(spaces.values()) == pytest.approx([PITCH] * 5, abs=0.5)


def test_a_fracture_is_told_and_no_reason_to_look() -> None:
    phantom = fractured()
    compressed = {v.name for v in phantom.plan.vertebrae if v.fractured}
    found = sizes(phantom, phantom.vert)
    assert found
    assert {f.level for f in found} <= compressed
    assert all(f.verdict == "pass" and "as after a fracture" in f.reason for f in found)


def test_a_mask_that_misses_half_of_a_body_is_found() -> None:
    phantom = fractured()
    vert = phantom.vert.copy()
    rows = np.flatnonzero(((vert == L4) & (phantom.spine == 49)).any(axis=(0, 2)))
    upper = vert[:, : int(rows.mean())]
    upper[upper == L4] = 0
    found = {f.level: f for f in sizes(phantom, vert) if f.verdict != "pass"}
    assert "L4" in found
    assert "fracture" not in found["L4"].reason


def test_bodies_of_the_neck_are_not_compared_with_the_axis() -> None:
    neck = phantom_in_view(SEED, "neck", (1.0, 1.0, 2.0))
    scene = scene_of(neck, neck.vert)
    assert {LABELS["C2"], LABELS["C3"]} <= set(scene.bodies)
    assert [f for f in sizes(neck, neck.vert) if f.level in ("C2", "C3")] == []
