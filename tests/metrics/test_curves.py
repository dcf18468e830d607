"""Angles of the curves beside TPTBox, whose definitions they follow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spineps_nipype.core.anatomy import ANATOMICAL_ORDER, L1, L5, L6, SACRUM, T1, T12, T13
from spineps_nipype.metrics.curves import T4, curvatures
from spineps_nipype.metrics.local_frames import LocalFrame, frame_from

BODY_POINT, DISC_POINT, POSTERIOR_POINT = 50, 100, 128
ARM_MM = 10.0


def _frames(numbers: list[int], rng: np.random.Generator) -> dict[int, LocalFrame]:
    """Bodies on a curved line, each leaning a little to any side."""
    places = np.cumsum(rng.normal((2, 30, 0), (4, 2, 2), (len(numbers), 3)), axis=0)
    leans = rng.normal(0, 0.2, (len(numbers), 2, 3))
    return {
        n: frame_from(place + 200, np.array([0, 1, 0]) + down, np.array([1, 0, 0]) + back)
        for n, place, (down, back) in zip(numbers, places, leans, strict=True)
    }


def _of_tptbox(
    frames: Mapping[int, LocalFrame], discs: Mapping[int, NDArray[np.float64]]
) -> dict[str, float | None]:
    """Angles of TPTBox; where no disc is known, it is given the middle between two bodies."""
    from TPTBox import POI

    points: dict[tuple[int, int], Any] = {}
    for number, frame in frames.items():
        points[number, BODY_POINT] = tuple(frame.origin)
        points[number, POSTERIOR_POINT] = tuple(frame.origin + ARM_MM * frame.posterior)
    for upper, lower in pairwise(sorted(frames, key=ANATOMICAL_ORDER.index)):
        points[upper, DISC_POINT] = tuple((frames[upper].origin + frames[lower].origin) / 2)
    points |= {(number, DISC_POINT): tuple(place) for number, place in discs.items()}
    poi = POI(points, orientation=("P", "I", "R"), zoom=(1, 1, 1), shape=(1000, 1000, 1000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from TPTBox.spine.spinestats.angles import compute_lordosis_and_kyphosis

        found: dict[str, float | None] = compute_lordosis_and_kyphosis(poi)
        return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("numbers", "without_body"),
    [
        ([*range(T4 - 1, L5 + 1)], []),
        ([*range(T4, T12 + 1), T13, *range(L1, L6 + 1)], []),
        ([*range(T4 - 2, L5)], [T4 - 1, T12 + 1]),
        ([*range(L1, L5 + 1)], []),
        ([T12, *range(L1, L5 + 1)], [T12]),
    ],
    ids=["spine", "more-vertebrae", "holes", "lumbar", "disc-above"],
)
def test_angles_are_those_of_tptbox(
    seed: int, numbers: list[int], without_body: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    frames = _frames(numbers, rng)
    known = [n for n in numbers if rng.random() < 0.6]
    discs = {n: frames[n].origin + rng.normal((0, 15, 0), 2) for n in known}
    frames = {n: f for n, f in frames.items() if n not in without_body or n in (T4, L1)}
    ours, theirs = curvatures(frames, discs, {L1, SACRUM}), _of_tptbox(frames, discs)
    for name in ("lumbar_lordosis", "thoracic_kyphosis"):
        wanted = theirs[name]
        if np.isnan(ours[f"{name}_deg"]):
            assert wanted is None
        else:
            assert ours[f"{name}_deg"] == wanted


def test_a_curve_that_ends_outside_is_not_measured() -> None:
    frames = _frames([*range(T1, L5 + 1)], np.random.default_rng(0))
    angles = curvatures(frames, {}, {T12})
    assert all(np.isnan(angle) for angle in angles.values())
