"""Previews and their tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from TPTBox import NII

from spineps_nipype.totalspineseg.preview import (
    LEVEL_TAGS,
    STEP2_LEFT_TAGS,
    VERTEBRA_TAGS,
    draw_preview,
    label_colour,
    save_preview,
)
from spineps_nipype.totalspineseg.preview_tags import place_tag

AFFINE = np.eye(4)


def nii(array: np.ndarray, seg: bool) -> NII:
    return NII.from_numpy(array, AFFINE, seg)


def ramp() -> NII:
    """Brighter towards the top, and a bright corner in front."""
    array = np.zeros((9, 60, 80), dtype=np.float32)
    array += np.arange(80)
    array[:, 50:, 70:] = 200
    return nii(array, False)


def test_front_is_left_and_top_is_above() -> None:
    picture = draw_preview(ramp())
    assert picture.shape == (80, 60, 3)
    assert picture.dtype == np.uint8
    assert (picture[:10, :10] == 255).all()
    assert picture[40, 30, 0] > picture[60, 30, 0]


@pytest.mark.parametrize(("plane", "shape"), [("cor", (80, 9, 3)), ("ax", (60, 9, 3))])
def test_planes(plane: str, shape: tuple[int, ...]) -> None:
    assert draw_preview(ramp(), plane=plane).shape == shape  # type: ignore[arg-type]


def test_constant_image() -> None:
    assert not draw_preview(nii(np.full((4, 5, 6), 7.0, dtype=np.float32), False)).any()


def test_labels_are_opaque_and_have_their_colour() -> None:
    seg = np.zeros((9, 60, 80), dtype=np.uint8)
    seg[4, 10:20, 30:40] = 63
    seg[0] = 64
    picture = draw_preview(ramp(), nii(seg, True))
    painted = (picture == label_colour(63)).all(axis=2)
    assert painted.sum() == 100
    assert painted[40:50, 40:50].all()
    assert not (picture == label_colour(64)).all(axis=2).any()


def test_points_show_from_every_slice() -> None:
    seg = np.zeros((9, 60, 80), dtype=np.uint8)
    seg[0, 20, 40] = 5
    picture = draw_preview(ramp(), nii(seg, True), projected=True)
    assert (picture == label_colour(5)).all(axis=2).sum() == 9


def test_colours() -> None:
    random = np.random.Generator(np.random.MT19937(np.random.SeedSequence(630)))
    assert random is not None
    colours = [label_colour(n) for n in range(1, 101)]
    assert colours == [label_colour(n) for n in range(1, 101)]
    assert len(set(colours)) == 100
    assert all(0 <= c < 255 for colour in colours for c in colour)


def test_tags_stand_on_their_side() -> None:
    seg = np.zeros((9, 160, 160), dtype=np.uint8)
    seg[4, 70:90, 100:130] = 41
    seg[4, 70:90, 85:95] = 92
    seg[4, 70:90, 30:80] = 50
    image = nii(np.zeros(seg.shape, dtype=np.float32), False)
    plain = draw_preview(image, nii(seg, True))
    tagged = draw_preview(image, nii(seg, True), right=VERTEBRA_TAGS, left=STEP2_LEFT_TAGS)
    changed = (plain != tagged).any(axis=2)
    assert changed[30:60, 90:].any()  # the vertebra's name
    assert changed[65:75, :70].any()  # the disc's
    assert changed[80:130, :70].any()  # the sacrum's
    assert not changed[:, 71:89].any()
    assert (tagged[changed] == 255).all(axis=1).any()


def test_tag_names() -> None:
    assert VERTEBRA_TAGS[46] == "L6"
    assert STEP2_LEFT_TAGS[50] == "Sacrum"
    assert STEP2_LEFT_TAGS[63] == "C2C3"
    assert STEP2_LEFT_TAGS[96] == "L5L6"
    assert STEP2_LEFT_TAGS[100] == "L5S"
    assert LEVEL_TAGS[25] == "25"


def test_tags_keep_clear_of_labels_and_of_each_other() -> None:
    labels = np.zeros((40, 60), dtype=np.uint8)
    labels[10:20, 5:10] = 1
    labels[10:20, 10:14] = 2
    taken = np.zeros(labels.shape, dtype=bool)
    box = (slice(10, 20), slice(5, 10))
    row, column = place_tag(labels, taken, box, (6, 12), "right")
    assert (row, column) == (12, 14)
    taken[row : row + 6, column : column + 12] = True
    assert place_tag(labels, taken, box, (6, 12), "right") == (12, 26)
    taken[:, 14:] = True
    taken[22:, :] = False
    assert place_tag(labels, taken, box, (6, 12), "right") == (22, 10)
    taken[22:24, :] = True
    assert place_tag(labels, taken, box, (6, 12), "right") == (24, 10)
    taken[22:26, :] = True  # further than a name may stray
    assert place_tag(labels, taken, box, (6, 12), "right") == (12, 10)
    taken[:, :] = True
    assert place_tag(labels, taken, box, (6, 12), "right") == (12, 10)


def test_tags_stay_inside_the_picture() -> None:
    labels = np.zeros((10, 20), dtype=np.uint8)
    labels[8:10, 15:20] = 1
    taken = np.zeros(labels.shape, dtype=bool)
    row, column = place_tag(labels, taken, (slice(8, 10), slice(15, 20)), (6, 12), "right")
    assert 0 <= row <= 4
    assert 0 <= column <= 8
    assert place_tag(labels, taken, (slice(0, 2), slice(0, 3)), (30, 40), "left") == (0, 0)


def test_saved_picture(tmp_path: Path) -> None:
    path = save_preview(draw_preview(ramp()), tmp_path / "p" / "x_sag_0.5_input.jpg")
    with Image.open(path) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (60, 80)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_name_wider_than_the_picture(side: Any) -> None:
    labels = np.zeros((60, 20), np.uint8)
    labels[20:30, 5:15] = 1
    taken = np.zeros(labels.shape, bool)
    box = (slice(20, 30), slice(5, 15))
    row, column = place_tag(labels, taken, box, (12, 40), side)
    assert 0 <= row <= 48
    assert column == 0
