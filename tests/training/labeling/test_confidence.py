"""Views of phantoms whose masks lack vertebrae."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from training.labeling.confidence import draw_missed

LABELS = list(range(14, 22))


@pytest.mark.parametrize("count", [1, 2])
def test_vertebrae_between_others_are_missed(count: int) -> None:
    for seed in range(20):
        missed = list(draw_missed(LABELS, count, seed))
        assert missed == list(range(missed[0], missed[0] + count))
        assert set(missed) <= set(LABELS[1:-1])
    assert draw_missed(LABELS, count, 3) == draw_missed(LABELS, count, 3)


def test_too_small_a_view_lacks_none() -> None:
    assert draw_missed(LABELS[:2], 1, 0) == ()
    assert draw_missed(LABELS, 0, 0) == ()
