"""Pieces of vertebrae at the border of the image."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spine_segmentation.slivers import instances_without_slivers


def column(*heights: int, below: int = 0, above: int = 0) -> np.ndarray:
    """Blocks from the top with gaps of two rows, inside rows that show nothing."""
    rows = [0] * above
    for number, height in enumerate(heights, 1):
        rows += [number] * height + [0] * 2 * (number < len(heights))
    rows += [0] * below
    # the last axis runs from inferior to superior
    return np.broadcast_to(np.array(rows[::-1], np.uint8), (3, 8, len(rows))).copy()


@pytest.mark.parametrize(
    ("heights", "kept"),
    [
        ((20, 20, 20), slice(0, 3)),
        ((3, 20, 20), slice(1, 3)),
        ((20, 20, 3), slice(0, 2)),
        ((3, 20, 3), slice(1, 2)),
        ((8, 20, 8), slice(0, 3)),
        ((3, 20), slice(1, 2)),
        ((3,), slice(0, 1)),
    ],
)
def test_small_pieces_at_the_border_are_left_out(heights, kept) -> None:
    assert instances_without_slivers(column(*heights)) == kept


def test_small_pieces_inside_the_image_stay() -> None:
    assert instances_without_slivers(column(3, 20, 3, below=5, above=5)) == slice(0, 3)
    assert instances_without_slivers(column(3, 20, 3, below=5)) == slice(1, 3)


def test_nothing_is_nothing() -> None:
    assert instances_without_slivers(np.zeros((3, 4, 5), np.uint8)) == slice(0, 0)
