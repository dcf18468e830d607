"""Counting found, missed and invented vertebrae."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from training.instance.evaluate import count_matches


@pytest.fixture
def truth() -> np.ndarray:
    out = np.zeros((4, 30, 4), np.uint8)
    for place, label in enumerate((20, 21, 22)):
        out[:, 10 * place : 10 * place + 8] = label
    return out


def test_perfect_instances_are_found_whatever_their_numbers(truth: np.ndarray) -> None:
    found = np.select([truth == 20, truth == 21, truth == 22], [7, 1, 3], 0)
    counts, dices = count_matches(found, truth, [20, 21, 22])
    assert counts == {"found": 3, "missed": 0, "extra": 0}
    assert dices == [1.0, 1.0, 1.0]


def test_merged_vertebrae_are_missed_and_splits_are_extra(truth: np.ndarray) -> None:
    merged = np.where(np.isin(truth, (20, 21)), 1, np.where(truth == 22, 2, 0))
    merged[:, 0:3] = 0  # the pair overlaps the second vertebra most, still below the limit
    merged[:, 10:14] = 0
    counts, _ = count_matches(merged, truth, [20, 21, 22])
    assert counts == {"found": 2, "missed": 1, "extra": 0}
    split = np.where(truth == 21, 2, 0)
    split[:, 10:12] = 5
    counts, dices = count_matches(split, truth, [21])
    assert counts == {"found": 1, "missed": 0, "extra": 1}
    assert dices[0] == pytest.approx(2 * 6 / (6 + 8))


def test_cut_vertebrae_are_neither_asked_for_nor_held_against(truth: np.ndarray) -> None:
    found = np.where(truth == 21, 1, 0)
    found[:, 0:2] = 2
    counts, _ = count_matches(found, truth, [21])
    assert counts == {"found": 1, "missed": 0, "extra": 0}
    found[0, 9, 0] = 3
    counts, _ = count_matches(found, truth, [21])
    assert counts["extra"] == 1
