"""Numbers of discs and endplates, superior and inferior plates."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.spineps.discs import finalize_masks
from spineps_nipype.spineps.endplates import split_endplates

from .blocks import FIRST, PERIOD, as_nii, spine_of_blocks

WHOLE = (slice(None), slice(None), slice(None))
MIDDLE = (6, slice(None), 4)


def finish(spine: np.ndarray, vert: np.ndarray, numerics: str = "corrected", **options: object):
    done = finalize_masks(as_nii(spine), as_nii(vert), WHOLE, numerics=numerics, **options)
    return tuple(mask.get_array() for mask in done)


def named(vert: np.ndarray, *labels: int) -> np.ndarray:
    return np.array([0, *labels], np.uint16)[vert]


def rows(spine: np.ndarray, vert: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of semantic and vertebra label down the middle of the bodies, repeats dropped."""
    pairs = list(zip(spine[MIDDLE].tolist(), vert[MIDDLE].tolist(), strict=True))
    return [p for i, p in enumerate(pairs) if p[0] and (i == 0 or p != pairs[i - 1])]


@pytest.mark.parametrize("numerics", ["corrected", "spineps-2.1.3"])
def test_an_ordinary_lumbar_spine(numerics: str) -> None:
    spine, vert = spine_of_blocks(3)
    got = finish(spine, named(vert, 22, 23, 24), numerics)
    assert rows(*got) == [
        (49, 22),
        (53, 222),
        (100, 122),
        (52, 222),
        (49, 23),
        (53, 223),
        (100, 123),
        (52, 223),
        (49, 24),
        (53, 224),
        (100, 124),
        (52, 224),
        (26, 26),
    ]


@pytest.mark.parametrize(
    ("numerics", "disc", "plate"),
    [("corrected", (100, 119), (52, 219)), ("spineps-2.1.3", (100, 126), (0, 226))],
)
def test_what_lies_above_the_top_vertebra_while_a_sacrum_is_seen(
    numerics: str, disc: tuple[int, int], plate: tuple[int, int]
) -> None:
    spine, vert = spine_of_blocks(2, plate_on_top=True, disc_on_top=True)
    spine, vert = finish(spine, named(vert, 20, 21), numerics)
    assert (spine[6, FIRST - 3, 4], vert[6, FIRST - 3, 4]) == disc
    assert (spine[6, FIRST - 1, 4], vert[6, FIRST - 1, 4]) == plate


@pytest.mark.parametrize(("numerics", "kept"), [("corrected", 101), ("spineps-2.1.3", 0)])
def test_a_disc_above_the_first_vertebra_is_not_lost(numerics: str, kept: int) -> None:
    spine, vert = spine_of_blocks(2, sacrum=False, disc_on_top=True)
    _, got = finish(spine, vert, numerics)
    assert got[6, FIRST - 3, 4] == kept


@pytest.mark.parametrize(
    ("numerics", "disc"), [("corrected", 118), ("corrected,arches_for_bodies", 117)]
)
def test_a_disc_below_a_body_out_of_view_belongs_to_it(numerics: str, disc: int) -> None:
    """The arch of T11, whose body is above the image, lies beside the body of T12."""
    spine, vert = spine_of_blocks(3, disc_on_top=True)
    vert = named(vert, 19, 20, 21)
    arch = np.s_[-1, FIRST : FIRST + 3, 4]
    spine[arch], vert[arch] = 42, 18
    done, got = finish(spine, vert, numerics)
    assert got[6, FIRST - 3, 4] == disc
    assert rows(done, got)[:2] == [(100, disc), (49, 19)]


@pytest.mark.parametrize(
    ("numerics", "remnant"), [("corrected", 0), ("corrected,sacral_discs_numbered", 121)]
)
def test_a_disc_inside_the_sacrum_belongs_to_no_vertebra(numerics: str, remnant: int) -> None:
    spine, vert = spine_of_blocks(2)
    vert = named(vert, 20, 21)
    start = FIRST + 2 * PERIOD
    spine[4:9, start + 4 : start + 6, 3:6] = 100
    done, got = finish(spine, vert, numerics)
    assert got[6, start + 4, 4] == remnant
    assert got[6, start - 3, 4] == 121
    assert done[6, start + 4, 4] == 100


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize(
    ("numerics", "missing", "stays"),
    [("corrected", 0, True), ("corrected", 1, False), ("spineps-2.1.3", 1, True)],
)
def test_less_than_a_quarter_of_a_disc_at_the_border_is_no_disc(
    numerics: str, missing: int, stays: bool, end: int
) -> None:
    spine, vert = spine_of_blocks(2, sacrum=False)
    vert = named(vert, 20, 21)
    spine[3:10, end, 2:7] = 100  # a quarter of the disc between both
    spine[3, end, 2 : 2 + missing] = 0
    done, got = finish(spine, vert, numerics)
    assert (got[6, end, 4] > 0) == stays
    assert done[6, end, 4] == 100


def test_a_low_disc_away_from_the_border_stays() -> None:
    spine, vert = spine_of_blocks(2)
    spine[:, FIRST + 2 * PERIOD - 5 : FIRST + 2 * PERIOD - 2] = 0
    _, got = finish(spine, named(vert, 23, 24))
    assert np.count_nonzero(got == 124) == np.count_nonzero(got == 123) / 4


def test_above_t13_stands_t12() -> None:
    spine, vert = spine_of_blocks(2, disc_on_top=True)
    _, got = finish(spine, named(vert, 28, 20))
    assert got[6, FIRST - 3, 4] == 119


def test_a_t13_keeps_its_endplates() -> None:
    spine, vert = spine_of_blocks(4)
    vert = named(vert, 19, 28, 20, 21)
    corrected = finish(spine, vert)
    assert rows(*corrected)[:9] == [
        (49, 19),
        (53, 219),
        (100, 119),
        (52, 219),
        (49, 28),
        (53, 228),
        (100, 128),
        (52, 228),
        (49, 20),
    ]
    assert not (corrected[0] == 62).any()
    assert ((corrected[0] == 52) | (corrected[0] == 53)).sum() == (spine == 62).sum()
    upstream = finish(spine, vert, "spineps-2.1.3")
    assert (upstream[0] > 0).sum() < (spine > 0).sum()


def test_missing_numbers_between_vertebrae_do_no_harm() -> None:
    spine, vert = spine_of_blocks(3)
    spine, vert = finish(spine, named(vert, 19, 21, 24))
    assert [p for p in rows(spine, vert) if p[0] in (52, 53)] == [
        (53, 219),
        (52, 219),
        (53, 221),
        (52, 221),
        (53, 224),
        (52, 224),
    ]


def test_plates_far_from_every_vertebra_stay_undecided() -> None:
    vert = np.zeros((3, 60, 3), np.uint16)
    vert[:, :5], vert[:, 50:] = 20, 220
    plates = np.nonzero(vert == 220)
    assert set(split_endplates(vert, plates).tolist()) == {62}
    assert split_endplates(vert, tuple(p[:0] for p in plates)).size == 0


def test_plates_that_are_split_already_join_their_vertebra() -> None:
    spine, vert = spine_of_blocks(2, plate_on_top=True)
    plates = spine == 62
    rows_of = np.indices(spine.shape)[1]
    inferior = plates & ((rows_of - FIRST) % PERIOD == 6)
    spine[plates], spine[inferior] = 52, 53
    spine_done, vert_done = finish(spine, named(vert, 20, 21))
    np.testing.assert_array_equal(spine_done, spine)
    assert rows(spine_done, vert_done) == [
        (52, 20),
        (49, 20),
        (53, 20),
        (100, 120),
        (52, 21),
        (49, 21),
        (53, 21),
        (100, 121),
        (52, 26),
        (26, 26),
    ]


def test_sacrum_metal_and_dens_are_painted() -> None:
    spine, vert = spine_of_blocks(2)
    spine[20, 10, 4], spine[21, 10, 4], spine[22, 10, 4] = 80, 51, 70
    _, got = finish(spine, named(vert, 2, 3), sacrum_ids=(26, 70))
    assert got[20:23, 10, 4].tolist() == [80, 2, 26]
    assert got.dtype == np.uint16


@pytest.mark.parametrize("codes", [("R", "A", "S"), ("S", "L", "P")])
def test_the_orientation_of_the_file_does_not_matter(codes: tuple[str, ...]) -> None:
    spine, vert = spine_of_blocks(3, plate_on_top=True)
    vert = named(vert, 19, 28, 20)
    expected = finish(spine, vert)
    turned = finalize_masks(as_nii(spine, codes), as_nii(vert, codes), WHOLE)
    for mask, array in zip(turned, expected, strict=True):
        np.testing.assert_array_equal(mask.reorient(("P", "I", "R")).get_array(), array)


def test_only_the_box_changes() -> None:
    spine, vert = spine_of_blocks(3)
    box = (slice(0, 26), slice(0, FIRST + PERIOD), slice(0, 9))
    done = finalize_masks(as_nii(spine), as_nii(named(vert, 22, 23, 24)), box)
    np.testing.assert_array_equal(done[0].get_array()[:, FIRST + PERIOD :], spine[:, 20:])


def test_without_vertebrae_nothing_is_numbered() -> None:
    spine, vert = spine_of_blocks(2)
    _, got = finish(spine, vert * 0)
    assert np.unique(got).tolist() == [0, 26]
