"""Angles of curves are those of TPTBox, whatever bodies and discs are missing."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from TPTBox import POI

from spineps_nipype.core.anatomy import L1, L5, SACRUM, T1, T12
from spineps_nipype.metrics.curves import curvatures
from spineps_nipype.metrics.local_frames import LocalFrame, Points, frame_from

BODY_POINT, DISC_POINT, POSTERIOR_POINT = 50, 100, 128
ARM_MM = 1000.0
"""Length of the arrow that tells TPTBox where posterior is: it rounds the ends of arrows."""
T4 = T1 + 3
NAMES = {"lumbar_lordosis_deg": "lumbar_lordosis", "thoracic_kyphosis_deg": "thoracic_kyphosis"}


def random_spine(seed: int) -> tuple[dict[int, LocalFrame], dict[int, Points]]:
    """Frames and discs of a crooked spine, some of which are missing."""
    rng = np.random.default_rng(seed)
    numbers = range((T1, T4, L1)[seed % 3], L5 + 1)
    places = np.cumsum(rng.normal((0, 30, 0), (6, 2, 3), (len(numbers), 3)), axis=0) + 100
    needed = {L1, L5, T4, T12}
    frames = {
        v: frame_from(place, np.array([0, 1.0, 0]) + rng.normal(0, 0.3, 3), np.array([1.0, 0, 0]))
        for v, place in zip(numbers, places, strict=True)
        if v in needed or rng.random() < 0.8
    }
    discs = {
        v: place + rng.normal((0, 15, 0), 2, 3)
        for v, place in zip(numbers, places, strict=True)
        if rng.random() < 0.6
    }
    return frames, discs


def by_tptbox(frames: dict[int, LocalFrame], discs: dict[int, Points]) -> dict[str, float | None]:
    """What TPTBox makes of the same points.

    Where two vertebrae have no disc between them it tries to take the middle between both bodies,
    but fails to find their points; so the middle is given to it in place of the disc.
    """
    points: dict[tuple[int, int], tuple[float, ...]] = {}
    for v, frame in frames.items():
        points[v, BODY_POINT] = tuple(frame.origin)
        points[v, POSTERIOR_POINT] = tuple(frame.origin + ARM_MM * frame.posterior)
    for upper, lower in pairwise(sorted(frames)):
        points[upper, DISC_POINT] = tuple((frames[upper].origin + frames[lower].origin) / 2)
    points |= {(v, DISC_POINT): tuple(place) for v, place in discs.items()}
    poi = POI(points, orientation=("P", "I", "R"), zoom=(1, 1, 1), shape=(1000, 1000, 1000))
    with warnings.catch_warnings():
        # TPTBox uses names that matplotlib is about to change, and warns about its own enums
        warnings.simplefilter("ignore")
        from TPTBox.spine.spinestats.angles import compute_lordosis_and_kyphosis

        return compute_lordosis_and_kyphosis(poi)


@pytest.mark.parametrize("seed", range(30))
def test_angles_are_those_of_tptbox(seed: int) -> None:
    frames, discs = random_spine(seed)
    found = curvatures(frames, discs, (*frames, SACRUM))
    wanted = by_tptbox(frames, discs)
    for ours, theirs in NAMES.items():
        if wanted[theirs] is None:  # nothing above L1 is in view
            assert math.isnan(found[ours])
        else:
            assert found[ours] == pytest.approx(wanted[theirs], abs=1e-3), (ours, theirs)


def test_curves_that_leave_the_image_have_no_angle() -> None:
    frames, discs = random_spine(0)
    found = curvatures(frames, discs, tuple(v for v in frames if v != L1))
    assert all(math.isnan(angle) for angle in found.values())
    found = curvatures({v: f for v, f in frames.items() if v != T4}, discs, (*frames, SACRUM))
    assert math.isnan(found["thoracic_kyphosis_deg"])
    assert found["lumbar_lordosis_deg"] > 0
