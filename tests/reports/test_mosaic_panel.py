from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont
from TPTBox import NII

from spineps_nipype.reports.mosaic import draw_mosaic
from spineps_nipype.reports.mosaic_layout import read_layout
from spineps_nipype.reports.mosaic_panel import (
    FONT_SIZE,
    LABEL_HEIGHT,
    Cut,
    disc_lines,
    disc_names,
    draw_panel,
)
from spineps_nipype.reports.thumbnail import shrink_picture


def cut_of(number: np.ndarray, title: str = "middle", sides: tuple[str, str] = ("A", "P")) -> Cut:
    tissue = np.where(number > 100, 100, np.where(number > 0, 49, 0))
    return Cut(title, np.full(number.shape, 0.5), tissue, number, (1.0, 1.0), sides)


@pytest.fixture
def tilted() -> np.ndarray:
    """A disc (L4) that falls by half a row a column, between two bodies."""
    number = np.zeros((60, 60), np.uint8)
    for column in range(10, 30):
        row = 25 + column // 2
        number[row - 12 : row - 2, column] = 23
        number[row - 2 : row + 2, column] = 123
        number[row + 2 : row + 12, column] = 24
    return number


def test_names_of_discs() -> None:
    volume = np.array([19, 119, 20, 120, 22, 24, 124, 26], np.uint8)
    assert disc_names(volume) == {19: "T12/L1", 20: "L1/3", 24: "L5/S1"}
    assert disc_names(np.array([123], np.uint8)) == {23: "L4/"}


def test_the_line_follows_the_disc(tilted: np.ndarray) -> None:
    """It lies in the long axis of the disc and reaches further to the back than to the front."""
    ((name, front, back),) = disc_lines(cut_of(tilted), disc_names(tilted))
    assert name == "L4/5"
    slope = (back[0] - front[0]) / (back[1] - front[1])
    assert slope == pytest.approx(0.5, abs=0.05)
    assert 4 < front[1] < 8, "4 mm before the disc"
    assert 46 < back[1] < 52, "22 mm behind it, through the canal"


def test_both_sides_of_a_coronal_cut(tilted: np.ndarray) -> None:
    cut = cut_of(tilted, sides=("R", "L"))
    ((_, right, left),) = disc_lines(cut, disc_names(tilted))
    assert 10 - right[1] == pytest.approx(left[1] - 29, abs=1.5)


def test_a_long_title_is_not_clipped() -> None:
    number = np.zeros((40, 8), np.uint8)
    title = "coronal along the bodies"
    panel = draw_panel(cut_of(number, title), "vert", 0.8)
    assert panel.width >= ImageFont.load_default(FONT_SIZE).getlength(title)


def test_what_no_mask_covers_stays_grey(tilted: np.ndarray) -> None:
    panel = np.asarray(draw_panel(cut_of(tilted), "spine", 1.0)).astype(int)
    coloured = np.ptp(panel, axis=2) > 8
    assert coloured[LABEL_HEIGHT:].mean() == pytest.approx((tilted > 0).mean(), abs=0.05)


def test_right_is_on_the_left(tmp_path: Path) -> None:
    """In the coronal cut the right side of the patient is on the left, whatever the image says."""
    shape = (40, 30, 20)  # right, anterior, superior
    vert, spine = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    vert[4:36, 10:20, 5:15], spine[4:36, 10:20, 5:15] = 20, 49
    grey = np.zeros(shape, np.float32)
    grey[30:] = 1  # bright on the left side of an image whose first axis goes to the left
    affine = np.diag([-1.0, 1, 1, 1])
    parts = [
        NII.from_numpy(a, affine, seg) for a, seg in ((grey, False), (spine, True), (vert, True))
    ]
    path = draw_mosaic(*parts, tmp_path / "m.png")
    with Image.open(path) as opened:
        picture = np.asarray(opened.convert("L")).astype(int)
    layout = read_layout(path)
    assert layout is not None
    panel, (_, top, _, bottom) = layout.panels[-1], layout.row("image")
    coronal = picture[top : bottom - 40, panel.left : panel.left + panel.width]
    half = coronal.shape[1] // 2
    assert coronal[:, half:].mean() > coronal[:, :half].mean() + 10


def test_small_pictures(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.new("RGB", (400, 200), "red").save(large)
    with Image.open(shrink_picture(large, tmp_path / "s.png", 50)) as small:
        assert small.size == (100, 50)
    with Image.open(shrink_picture(large, tmp_path / "s.png", 500)) as same:
        assert same.size == (400, 200)
    with Image.open(shrink_picture(large, tmp_path / "s.png", 50, (0, 0, 100, 200))) as part:
        assert part.size == (25, 50)
