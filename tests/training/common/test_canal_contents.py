"""Where training is told that a real canal holds a cord, and where that it holds none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from spineps_nipype.core.anatomy import CANAL, CORD
from training.common import spider_masks
from training.common.canal_contents import (
    CAUDA,
    CORD_SEEN,
    with_cauda,
    with_cord,
)
from training.common.real_scans import RealScan
from training.semantic.marginal_loss import CLASS_OF
from training.semantic.samples import SemanticSamples

SPACING = (1.0, 1.0, 1.0)
T12_TO_L1 = 92
"""Row of the middle of the sixth disc from below."""
L2_TO_L3 = 132
SHAPE = (60, 220, 20)


@pytest.fixture(scope="module")
def scan() -> RealScan:
    """Ten discs before a canal that is 16 mm wide, with a dark cord of 8 mm down to its end."""
    mask = np.zeros(SHAPE, np.uint8)
    for k in range(10):
        mask[10:30, 10 + 20 * k : 15 + 20 * k] = spider_masks.DISC
    p, _, r = np.indices(SHAPE)
    around = (p - 45) ** 2 + (r - 10) ** 2
    mask[around < 64] = spider_masks.CANAL
    image = np.where(around < 16, 0.4, np.where(around < 64, 1.0, 0.1)).astype(np.float32)
    image += np.random.default_rng(0).normal(0, 0.04, SHAPE).astype(np.float32)
    return RealScan("sub-x", image, mask)


def test_below_the_disc_of_l2_all_is_canal(scan: RealScan) -> None:
    found = with_cauda(scan, SPACING).mask
    assert set(np.unique(found[40:50, :L2_TO_L3, 8:12])) == {spider_masks.CANAL}
    assert set(np.unique(found[40:50, L2_TO_L3:, 8:12])) == {CAUDA}
    np.testing.assert_array_equal(found[:30], scan.mask[:30])
    few = replace(scan, mask=np.where(np.arange(220)[None, :, None] < 80, scan.mask, 0))
    assert with_cauda(few, SPACING) is few
    samples = SemanticSamples([with_cauda(scan, SPACING)], 0.0)(0, 0)
    assert any((sample["target"] == CLASS_OF[CANAL]).any() for sample in samples)


@pytest.mark.parametrize("bias", [0.0, 0.01])
def test_above_the_disc_of_t12_the_cord_is_told_by_its_brightness(
    scan: RealScan, bias: float
) -> None:
    """Also where one end of the image is three times as bright as the other."""
    ramp = (1 + bias * np.arange(SHAPE[1], dtype=np.float32))[None, :, None]
    found = with_cord(replace(scan, image=scan.image * ramp), SPACING).mask
    upper, truth = found[:, 10 : T12_TO_L1 - 10], scan.image[:, 10 : T12_TO_L1 - 10] < 0.7
    cord, canal = upper == CORD_SEEN, scan.mask[:, 10 : T12_TO_L1 - 10] == spider_masks.CANAL
    assert cord[canal & truth].mean() > 0.9
    assert not cord[~canal | ~truth].any()
    assert (upper == CAUDA)[canal & ~truth].mean() > 0.9
    lower = np.s_[:, T12_TO_L1:]
    np.testing.assert_array_equal(found[lower], scan.mask[lower])
    assert set(np.unique(found[scan.mask != spider_masks.CANAL])) <= {0, spider_masks.DISC}


def test_a_seen_cord_trains_as_cord(scan: RealScan) -> None:
    samples = SemanticSamples([with_cord(scan, SPACING)], 0.0)(0, 0)
    assert any((sample["target"] == CLASS_OF[CORD]).any() for sample in samples)


def test_nothing_is_told_where_cord_and_fluid_look_alike(scan: RealScan) -> None:
    noise = np.random.default_rng(1).normal(0, 1, SHAPE).astype(np.float32)
    for image in (noise, np.zeros(SHAPE, np.float32)):
        found = with_cord(replace(scan, image=image), SPACING).mask
        assert CORD_SEEN not in found


def test_nothing_is_told_of_what_is_no_cord_by_its_size(scan: RealScan) -> None:
    """A thin dark thread is a root, a broad one blood or metal."""
    p, _, r = np.indices(SHAPE)
    around = (p - 45) ** 2 + (r - 10) ** 2
    for radius in (1.5, 6.8):
        image = np.where(around < radius**2, 0.4, 1.0).astype(np.float32)
        found = with_cord(replace(scan, image=image), SPACING).mask
        assert CORD_SEEN not in found


def test_five_discs_do_not_say_where_t12_is(scan: RealScan) -> None:
    few = replace(scan, mask=np.where(np.arange(220)[None, :, None] > 100, scan.mask, 0))
    assert with_cord(few, SPACING) is few
