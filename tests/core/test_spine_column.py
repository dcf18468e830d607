"""Bodies and discs of one column are told from what lies beside it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from spineps_nipype.core.spine_column import MISPLACED, OUT_OF_LINE, Column, find_column
from spineps_nipype.core.spine_pieces import Pieces, canal_line, find_pieces

SHAPE = (150, 300, 60)
BODY, DISC = 20, 8
"""Heights in mm, which are voxels."""
STEP = BODY + DISC
TOP, LEFT = 12, 15


class Drawing:
    """A spine of boxes: eight bodies with discs below them, the canal behind."""

    def __init__(self, turn: float = 0.0, curve: float = 0.0) -> None:
        """Lean to the side by `turn` and to the front by `curve`, mm a mm and mm a mm2."""
        self.bodies = np.zeros(SHAPE, np.uint8)
        self.discs = np.zeros(SHAPE, bool)
        self.canal = np.zeros(SHAPE, bool)
        self.turn, self.curve = turn, curve
        for number in range(8):
            top = TOP + number * STEP
            self.box(self.bodies, top, top + BODY, number + 1)
            self.box(self.discs, top + BODY, top + STEP, 1)
        self.box(self.canal, 4, TOP + 8 * STEP + 10, 1, front=30, depth=12, width=12, left=9)

    def box(
        self,
        array: np.ndarray,
        first: int,
        last: int,
        value: int,
        *,
        front: int = 0,
        depth: int = 26,
        width: int = 30,
        left: int = 0,
    ) -> None:
        for row in range(first, last):
            p = 45 + front + round(self.curve * (row - 120) ** 2)
            r = LEFT + left + round(self.turn * (row - 120))
            array[p : p + depth, row, max(r, 0) : r + width] = value

    def pieces(self) -> Pieces:
        return find_pieces(self.bodies, self.discs, (1, 1, 1))

    def column(self, *, canal: bool = True) -> Column:
        line = canal_line(self.canal, (1, 1, 1)) if canal else None
        return find_column(self.pieces(), line)


def places(pieces: Pieces, kinds: Iterable[bool]) -> list[tuple[bool, int]]:
    """Kind and height of pieces."""
    rows = np.flatnonzero(list(kinds))
    return sorted((bool(pieces.is_disc[n]), round(pieces.centroids[n, 1])) for n in rows)


@pytest.mark.parametrize("canal", [True, False])
@pytest.mark.parametrize(
    "spine",
    [Drawing(), Drawing(turn=0.12), Drawing(turn=-0.12), Drawing(curve=0.002)],
    ids=["straight", "to the right", "to the left", "bent"],
)
def test_every_piece_of_a_spine_belongs_to_it(spine: Drawing, canal: bool) -> None:
    column = spine.column(canal=canal)
    assert column.members.all()
    assert not column.strays.any()
    assert set(column.reasons) == {""}


@pytest.mark.parametrize("canal", [True, False])
@pytest.mark.parametrize("like_disc", [True, False])
@pytest.mark.parametrize(
    "place",
    [(5, 60, 20), (115, 100, 20), (20, 285, 45), (120, 275, 5), (10, 180, 5)],
    ids=["belly", "skin", "before the sacrum", "pelvis", "beside"],
)
def test_a_stray_does_not(place: tuple[int, int, int], like_disc: bool, canal: bool) -> None:
    spine = Drawing()
    p, row, r = place
    box = np.s_[p : p + 22, row : row + (7 if like_disc else 14), r : r + 14]
    (spine.discs if like_disc else spine.bodies)[box] = 1
    pieces, column = spine.pieces(), spine.column(canal=canal)
    stray = pieces.components[p + 4, row + 2, r + 4] - 1
    assert np.flatnonzero(column.strays).tolist() == [stray]
    assert column.reasons[stray] in (MISPLACED, OUT_OF_LINE)
    assert column.probability[stray] < 0.2


def test_the_reason_names_the_canal_where_it_is_known() -> None:
    spine = Drawing()
    spine.bodies[5:20, 60:75, 20:40] = 1
    assert MISPLACED in spine.column().reasons
    assert OUT_OF_LINE in spine.column(canal=False).reasons


@pytest.mark.parametrize("canal", [True, False])
@pytest.mark.parametrize("damage", ["fracture", "fused", "body missed", "discs missed", "hole"])
def test_damage_does_not_break_the_column(damage: str, canal: bool) -> None:
    spine = Drawing()
    top = TOP + 3 * STEP
    if damage == "fracture":
        spine.bodies[45:58, top : top + BODY // 2] = 0
    elif damage == "fused":
        spine.bodies[:, top : top + 2 * STEP - DISC][
            spine.discs[:, top : top + 2 * STEP - DISC]
        ] = 4
        spine.bodies[spine.bodies == 5] = 4
        spine.discs &= spine.bodies == 0
    elif damage == "body missed":
        spine.bodies[spine.bodies == 4] = 0
    elif damage == "discs missed":
        spine.discs[:, top : top + 2 * STEP] = False
    else:
        hole = np.s_[:, top : top + 2 * STEP]
        spine.bodies[hole], spine.discs[hole], spine.canal[hole] = 0, False, False
    assert spine.column(canal=canal).members.all()


@pytest.mark.parametrize("canal", [True, False])
def test_what_the_border_cuts_off_belongs_to_it(canal: bool) -> None:
    spine = Drawing(turn=0.1)
    first = TOP + BODY - 4
    for name in ("bodies", "discs", "canal"):
        setattr(spine, name, getattr(spine, name)[:, first:])
    assert spine.column(canal=canal).members.all()


def test_a_crumb_on_a_body_is_a_part_of_it() -> None:
    spine = Drawing()
    top = TOP + 2 * STEP
    spine.bodies[44:45, top + 5 : top + 9, 20:25] = 9
    pieces, column = spine.pieces(), spine.column()
    crumb = pieces.components[44, top + 6, 21] - 1
    told = (column.parts[crumb], column.members[crumb], column.strays[crumb])
    assert told == (True, False, False)


def test_of_two_columns_the_heavier_is_the_spine() -> None:
    spine = Drawing()
    for number in range(3):
        spine.box(
            spine.bodies, 40 + number * STEP, 40 + number * STEP + 10, 20, front=70, depth=14
        )
    column, pieces = spine.column(canal=False), spine.pieces()
    assert len(places(pieces, column.strays)) == 3
    assert column.members.sum() == 16


def test_nothing_and_one_piece() -> None:
    nothing = np.zeros(SHAPE, bool)
    pieces = find_pieces(nothing, nothing, (1, 1, 1))
    assert not len(pieces)
    assert find_column(pieces, None).reasons == ()
    spine = Drawing()
    spine.bodies[spine.bodies != 3] = 0
    spine.discs[:] = False
    assert spine.column().members.all()
    assert spine.column(canal=False).members.all()
