"""Pieces of bodies and discs, and where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.core import spine_pieces
from spineps_nipype.core.spine_pieces import canal_line, find_pieces, places_of, steps_between

ZOOM = (1.0, 2.0, 0.5)


def mask(*boxes: tuple[slice, ...]) -> np.ndarray:
    array = np.zeros((80, 60, 40), bool)
    for box in boxes:
        array[box] = True
    return array


def test_pieces_tell_places_sizes_and_kinds_in_mm() -> None:
    body, disc = np.s_[10:30, 10:20, 4:36], np.s_[12:28, 20:22, 4:36]
    pieces = find_pieces(mask(body), mask(disc), ZOOM)
    assert pieces.is_disc.tolist() == [False, True]
    np.testing.assert_allclose(pieces.volumes, [20 * 10 * 32, 16 * 2 * 32])
    np.testing.assert_allclose(pieces.centroids, [[19.5, 29, 9.75], [19.5, 41, 9.75]])
    np.testing.assert_allclose(pieces.lengths(np.tile([0.0, 1, 0], (2, 1))), [20, 4])
    np.testing.assert_allclose(pieces.lengths(np.tile(np.eye(3), (2, 1, 1)))[0], [20, 20, 16])
    assert not pieces.is_cut.any()


def test_numbered_bodies_are_pieces_where_they_touch_and_masks_are_not() -> None:
    upper, lower = np.s_[10:30, 10:20, 4:36], np.s_[10:30, 20:30, 4:36]
    numbers = np.zeros((80, 60, 40), np.uint8)
    numbers[upper], numbers[lower] = 1, 2
    none = mask()
    assert len(find_pieces(numbers, none, ZOOM)) == 2
    assert len(find_pieces(numbers > 0, none, ZOOM)) == 1


@pytest.mark.parametrize(("row", "cut"), [(2, True), (3, False), (46, False), (48, True)])
def test_pieces_near_the_upper_and_lower_border_are_cut(row: int, cut: bool) -> None:
    pieces = find_pieces(mask(np.s_[10:30, row : row + 10, 4:36]), mask(), ZOOM)
    assert pieces.is_cut.tolist() == [cut]


def test_of_many_pieces_the_largest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spine_pieces, "MOST_PIECES", 2)
    boxes = [np.s_[10 : 10 + n, 10:20, 10 * n : 10 * n + 5] for n in (1, 2, 3)]
    pieces = find_pieces(mask(*boxes), mask(), ZOOM)
    np.testing.assert_allclose(pieces.volumes, [3 * 50, 2 * 50])
    assert not pieces.components[boxes[0]].any()


def test_places_are_told_beside_the_canal() -> None:
    canal = mask(np.s_[40:50, 5:55, 15:25])
    body = np.s_[10:30, 20:30, 4:20]
    places = places_of(find_pieces(mask(body), mask(), ZOOM), canal_line(canal, ZOOM))
    # 44.5 is the middle of the canal, 29.5 the rear face; 9.75 and 5.75 the middles across
    np.testing.assert_allclose(places.rear, [44.5 - 29.5], atol=0.01)
    np.testing.assert_allclose(np.abs(places.aside), [4.0])
    np.testing.assert_allclose(places.depths, [20])
    np.testing.assert_allclose(places.heights, [49])


@pytest.mark.parametrize(("rows", "known"), [((35, 40), True), ((50, 55), False)])
def test_beyond_the_canal_nothing_is_known(rows: tuple[int, int], known: bool) -> None:
    canal, body = mask(np.s_[40:50, 5:35, 15:25]), np.s_[10:30, slice(*rows), 15:25]
    places = places_of(find_pieces(mask(body), mask(), ZOOM), canal_line(canal, ZOOM))
    assert np.isfinite(places.rear).tolist() == [known]
    assert np.isfinite(places.aside).tolist() == [known]


def test_the_line_goes_on_through_a_large_sacrum() -> None:
    canal, body = mask(np.s_[40:50, 5:35, 15:25]), np.s_[10:20, 50:55, 15:25]
    speck, sacrum = mask(np.s_[40:44, 35:37, 15:25]), mask(np.s_[30:60, 30:48, 10:30])
    pieces = find_pieces(mask(body), mask(), ZOOM)
    assert np.isnan(places_of(pieces, canal_line(canal, ZOOM, speck)).rear).all()
    line = canal_line(canal, ZOOM, sacrum)
    assert line is not None
    assert line.through_sacrum
    assert line.points[-1, 1] == 47 * ZOOM[1]
    assert places_of(pieces, line).rear[0] > 20


def test_specks_of_canal_and_gaps_in_it_do_not_move_the_line() -> None:
    canal = mask(np.s_[40:50, 5:20, 15:25], np.s_[40:50, 30:55, 15:25], np.s_[2:4, 22:25, 2:4])
    line = canal_line(canal, ZOOM)
    assert line is not None
    np.testing.assert_allclose(line.points[:, 0], 44.5)
    np.testing.assert_allclose(line.points[:, 1], np.arange(5, 55) * 2.0)
    np.testing.assert_allclose(line.directions, np.tile([0.0, 1, 0], (50, 1)))


def test_no_canal_and_one_row_of_it() -> None:
    assert canal_line(mask(), ZOOM) is None
    line = canal_line(mask(np.s_[40:50, 5:6, 15:25]), ZOOM)
    assert line is not None
    np.testing.assert_array_equal(line.directions, [[0, 1, 0]])


def test_steps_tell_gaps_between_boxes() -> None:
    pieces = find_pieces(mask(np.s_[10:30, 10:20, 4:36], np.s_[10:30, 23:30, 4:36]), mask(), ZOOM)
    steps = steps_between(pieces)
    np.testing.assert_allclose(steps.gaps[0, 1], 6)
    np.testing.assert_allclose(steps.distances[0, 1], 23)
    np.testing.assert_allclose(steps.directions[0, 1], [0, 1, 0])
