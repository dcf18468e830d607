"""Routine slices as samples, by what SPINEPS makes of them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from spineps_nipype.core.anatomy import CANAL, CORPUS_BORDER, L5, SACRUM
from spineps_nipype.core.anatomy import DISC as DISC_LABEL
from spineps_nipype.spine_segmentation.names import DISC, VERTEBRA
from training.common.surely_named import SureScan
from training.spine_segmentation.phantom_slices import CLASS_OF
from training.spine_segmentation.routine_slices import middle_slices, sure_targets
from training.spine_segmentation.sliced_scan import IGNORED, PIXEL

SPACING = (PIXEL, PIXEL, 4.0)


@pytest.fixture
def scan() -> SureScan:
    """L4 and L5 with their discs, a canal, a sacrum, and a body at the top without a name."""
    spine, bodies = np.zeros((40, 80, 3), np.uint8), np.zeros((40, 80, 3), np.uint8)
    spine[24:30] = CANAL
    for label, rows in ((0, slice(0, 6)), (23, slice(10, 28)), (L5, slice(34, 52))):
        spine[4:22, rows], bodies[4:22, rows] = CORPUS_BORDER, label
    for rows in (slice(29, 33), slice(53, 57)):
        spine[4:22, rows] = DISC_LABEL
    spine[10:24, 58:76] = SACRUM
    return SureScan("sub-x", spine.astype(np.int16), spine, bodies, SPACING, [23, L5])


def test_bodies_and_discs_are_known(scan: SureScan) -> None:
    semantic, classes = (target[..., 1] for target in sure_targets(scan))
    assert (semantic[4:22, 10:28] == VERTEBRA).all()
    assert (semantic[4:22, 53:57] == DISC).all()
    assert (classes[4:22, 10:28] == CLASS_OF["L4"]).all()
    assert (classes[4:22, 34:52] == CLASS_OF["L5"]).all()
    assert (semantic[24:30, 10:52] == 0).all()


def test_what_spineps_does_not_tell_is_unknown(scan: SureScan) -> None:
    semantic, classes = (target[..., 1] for target in sure_targets(scan))
    assert (semantic[10:24, 58:76] == IGNORED).all()  # the body of S1 is in it
    assert (semantic[30:, :10] == IGNORED).all()  # above the first name
    assert (semantic[:4, 60:] == IGNORED).all()  # in front of the sacrum
    assert (classes[10:24, 58:76] == IGNORED).all()


def test_all_slices_are_the_middle_one(scan: SureScan) -> None:
    sample = middle_slices(scan)
    assert sample.image.shape == (3, 40, 80)
    assert (sample.semantic == sample.semantic[:1]).all()
    # posterior to anterior, inferior to superior
    assert sample.semantic[0, 40 - 10, 80 - 20] == VERTEBRA
    assert sample.classes[0, 40 - 10, 80 - 40] == CLASS_OF["L5"]
