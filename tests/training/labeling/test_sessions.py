"""Sessions of phantoms: stations that overlap, and what is counted of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from training.labeling.sessions import (
    MOTION_MM,
    OVERLAP,
    STATIONS,
    moved,
    sessions_of,
    shifts_of,
    summary,
)


@pytest.mark.parametrize("seed", range(20))
def test_stations_cover_the_spine_and_overlap(seed: int) -> None:
    found = sessions_of(24, np.random.default_rng(seed))
    for kind, count in STATIONS.items():
        stations = found[kind]
        assert len(stations) == count
        assert stations[0].first == 0
        assert stations[-1].first + stations[-1].size == 24
        for upper, lower in pairwise(stations):
            assert OVERLAP[0] <= upper.first + upper.size - lower.first <= OVERLAP[1]
    small, large = found["small and large"]
    assert large.first <= small.first
    assert small.first + small.size <= large.first + large.size


def test_no_two_scans_are_further_apart_than_a_patient_moves() -> None:
    shifts = shifts_of(3, np.random.default_rng(1))
    assert max(np.linalg.norm(a - b) for a in shifts for b in shifts) <= MOTION_MM
    points = np.arange(12.0).reshape(4, 3) * 20
    after = moved(points, shifts[1], np.random.default_rng(2))
    assert after.mean(axis=0) == pytest.approx(points.mean(axis=0) + shifts[1])


def test_names_are_counted_by_session() -> None:
    def row(scan: str, alone: int, together: int, kind: str = "two stations") -> dict[str, object]:
        said = {"confidence_alone": 0.5, "confidence_together": 1.0, "size": 9, "joined": 1}
        names = {"vertebra": 20, "alone": alone, "together": together}
        return {"phantom": 1, "weight": 1.0, "kind": kind, "scan": scan, **names, **said}

    rows = [row("a", 20, 20), row("b", 21, 20), row("a", 20, 21, "two stations, other x")]
    text = summary([*rows, {**row("c", 20, 20), "size": 5}]).splitlines()
    assert "1 sessions, 3 scans, 3 vertebrae" in text[0]
    assert "alone 66.67% of names right, 0.0% of sessions" in text[0]
    assert "together 100.00% of names right, 100.0% of sessions" in text[0]
    assert "together 0.00% of names right" in text[-1]
