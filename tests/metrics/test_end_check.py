"""The image ends where the spine does, or a vertebra is missed."""

from __future__ import annotations

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.core.anatomy import SACRUM
from spineps_nipype.metrics.end_check import check_ends, room_beyond
from spineps_nipype.metrics.local_frames import mask_boxes
from spineps_nipype.metrics.spine_metrics import split_masks

from .model_spine import DISC_HEIGHT, HEIGHT, ModelSpine, model_spine, repaint

ZOOM = (1.5, 1.5, 3.0)
UP = np.array([0.0, -1.0, 0.0])


@pytest.fixture(scope="module")
def model() -> ModelSpine:
    return model_spine(zoom=ZOOM)


def ends(spine: NII, vert: NII, scan: NII | None = None) -> list[tuple[str, str]]:
    """Level of each finding, and the first word of its reason."""
    return [(f.level, f.reason.split()[0]) for f in check_ends(split_masks(spine, vert, scan))]


def without(model: ModelSpine, *numbers: int) -> tuple[NII, NII]:
    """Masks that lack vertebrae with their discs."""
    return model.spine, repaint(model.vert, {n + k: 0 for n in numbers for k in (0, 100)})


def test_a_whole_spine_has_no_room(model: ModelSpine) -> None:
    assert ends(model.spine, model.vert) == []


def test_a_vertebra_missed_at_the_top(model: ModelSpine) -> None:
    assert ends(*without(model, 19)) == [("L1", "Above")]


def test_all_but_one_missed(model: ModelSpine) -> None:
    assert ends(*without(model, 19, 20, 21, 23, 24)) == [("L3", "Above")]


def test_nothing_is_missed_below_the_sacrum(model: ModelSpine) -> None:
    spine, vert = without(model, 23, 24)
    assert ends(spine, vert) == []
    assert SACRUM in split_masks(spine, vert).present
    assert ends(spine, repaint(vert, {SACRUM: 0})) == [("L3", "Below")]


def test_nothing_is_missed_above_the_axis() -> None:
    neck = model_spine(zoom=ZOOM, numbers=(2, 3, 4, 5))
    assert ends(*without(neck, 2)) == [("C3", "Above")]
    up, down = repaint(neck.vert, {3: 2, 103: 102, 2: 0, 102: 0}), neck.spine
    assert ends(down, up) == []


def test_emptiness_around_a_scan_is_not_in_view(model: ModelSpine) -> None:
    spine, vert = without(model, 19)
    grey = np.random.default_rng(1).uniform(1, 2, vert.shape)
    first = int(np.flatnonzero((vert.get_array() == 20).any(axis=(0, 2)))[0])
    shown = vert.set_array(grey, seg=False, verbose=False)
    assert ends(spine, vert, shown) == [("L1", "Above")]
    grey[:, : first - 3] = 0
    assert ends(spine, vert, vert.set_array(grey, seg=False, verbose=False)) == []


def test_room_for_a_disc(model: ModelSpine) -> None:
    """Less room is enough where not even the disc is found."""
    spine, vert = without(model, 19)
    first = int(np.flatnonzero((vert.get_array() == 20).any(axis=(0, 2)))[0])
    grey = np.ones(vert.shape)
    pitch = round((HEIGHT + DISC_HEIGHT) / ZOOM[1])
    grey[:, : first - pitch // 2] = 0
    scan = vert.set_array(grey, seg=False, verbose=False)
    [finding] = check_ends(split_masks(spine, vert, scan))
    assert (finding.level, finding.verdict) == ("L1", "look")
    assert "no disc was found" in finding.reason
    with_disc = repaint(model.vert, {19: 0})
    assert ends(spine, with_disc, scan) == []


def test_room_along_a_way_that_leaves_on_a_side() -> None:
    labels = np.zeros((40, 40, 9), np.uint8)
    labels[10:14, 12:16], labels[16:20, 18:22] = 1, 2
    boxes = mask_boxes(labels, np.ones(3))
    low, high = np.full(3, -0.5), np.array(labels.shape) - 0.5
    room, usual = room_beyond([boxes[1], boxes[2]], UP, low, high)
    assert usual == pytest.approx(6 * np.sqrt(2))
    # the middle lies 12 before the front and 14 below the top, and the body reaches 1.5 both ways
    assert room == pytest.approx((12 - 1.5) * np.sqrt(2))


def test_room_beyond_a_single_body() -> None:
    labels = np.zeros((9, 40, 9), np.uint8)
    labels[3:6, 10:20, 3:6] = 1
    low, high = np.full(3, -0.5), np.array(labels.shape) - 0.5
    assert room_beyond([mask_boxes(labels, np.ones(3))[1]], UP, low, high) == (10.5, 9.0)
