"""Tiles at the spine alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.models.protocols import SemanticPrediction
from spineps_nipype.models.spine_region import (
    BEHIND_MM,
    MARGIN_MM,
    NEAR_MM,
    SPACING,
    find_spine,
)
from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.settings import SemanticSettings

from .blocks import as_nii, grey, spine_of_blocks
from .stand_ins import CodedSemantic

AT_SPINE = SemanticSettings(tiles="spine")
ALL = SemanticSettings(tiles="all")
AUTO = SemanticSettings()
COARSE_MM = max(SPACING)


def wide() -> Any:
    """Image of a spine in voxels of 2 mm, with 60 mm of nothing before it and 40 mm behind."""
    spine, _ = spine_of_blocks(3)
    image = grey(as_nii(np.pad(spine, ((30, 20), (0, 0), (0, 0)))))
    return NII.from_numpy(image.get_array(), image.affine @ np.diag([2, 2, 2, 1]), False)


def test_the_region_is_the_spine_and_a_margin() -> None:
    image = wide()
    region = find_spine(image, CodedSemantic())
    assert region is not None
    assert region.shape == image.shape
    inside = region.get_array() > 0
    spine = image.get_array() > 0
    assert inside[spine].all()
    first, last = np.argwhere(spine)[:, 0].min(), np.argwhere(spine)[:, 0].max()
    reached = np.argwhere(inside)[:, 0].min(), np.argwhere(inside)[:, 0].max()
    # a voxel of the coarse grid counts where it holds a part of the spine
    before, behind = 2 * (first - reached[0]), 2 * (reached[1] - last)
    assert MARGIN_MM - COARSE_MM <= before <= MARGIN_MM + 1.5 * COARSE_MM
    assert behind >= MARGIN_MM + BEHIND_MM - COARSE_MM


def test_specks_are_no_spine() -> None:
    image = wide()
    array = np.zeros_like(image.get_array())
    array[5:9, 5:9, 5:9] = 49
    assert find_spine(image.set_array(array), CodedSemantic()) is None


class Unsure(CodedSemantic):
    """Finds the same with a low probability."""

    def predict(self, image: NII, **options: Any) -> SemanticPrediction:
        found = super().predict(image, **options)
        assert found.probabilities is not None
        soft = 0.4 * found.probabilities
        soft[0] = 1 - soft[1:].sum(axis=0)
        return SemanticPrediction(found.labels, soft, found.class_labels)


def test_low_probabilities_are_not_trusted() -> None:
    assert find_spine(wide(), Unsure()) is None


class Graded(CodedSemantic):
    """Is sure of bodies (49), and finds processes (42) likely, but no more."""

    def predict(self, image: NII, **options: Any) -> SemanticPrediction:
        found = super().predict(image, **options)
        array = found.labels.get_array()
        spine = np.where(array == 49, 0.9, np.where(array == 42, 0.3, 0)).astype(np.float32)
        return SemanticPrediction(found.labels, np.stack([1 - spine, spine]), (0, 1))


def graded(behind_mm: int) -> tuple[NII, np.ndarray]:
    """Image of a body with a likely block behind it, voxels of 5 mm, and that block."""
    array = np.zeros((60, 30, 12), np.float32)
    array[25:33, 8:22, 3:9] = 49
    block = np.zeros(array.shape, bool)
    first = 33 + behind_mm // 5
    block[first : first + 2, 12:16, 4:8] = True
    array[block] = 42
    turned = wide().affine @ np.diag([2.5, 2.5, 2.5, 1])
    return NII.from_numpy(array, turned, False), block


def test_what_is_likely_counts_near_the_column_only() -> None:
    image, block = graded(round(NEAR_MM) - 10)
    region = find_spine(image, Graded())
    assert region is not None
    assert region.get_array()[block].all()
    image, block = graded(2 * round(NEAR_MM) + 20)
    region = find_spine(image, Graded())
    assert region is not None
    assert not region.get_array()[block].any()


def test_what_is_likely_makes_no_column_of_its_own() -> None:
    image, block = graded(10)
    only = np.where(block, 42, 0).astype(np.float32)
    assert find_spine(image.set_array(only), Graded()) is None


def test_as_much_beside_the_spine_as_in_it_is_not_trusted() -> None:
    array = np.zeros((90, 40, 12), np.uint8)
    for first in (5, 35, 65):
        array[first : first + 10, 5:35] = 49
    image = NII.from_numpy(array.astype(np.float32), wide().affine, False)
    assert find_spine(image, CodedSemantic()) is None
    array[35:] = 0
    assert find_spine(image.set_array(array), CodedSemantic()) is not None


@pytest.mark.parametrize("turned", [("R", "P", "I"), ("L", "A", "S")])
def test_axes_do_not_matter(turned: tuple[str, str, str]) -> None:
    image = wide()
    region, other = (find_spine(i, CodedSemantic()) for i in (image, image.reorient(turned)))
    assert region is not None
    assert other is not None
    assert other.orientation == turned
    np.testing.assert_array_equal(other.reorient(("P", "I", "R")).get_array(), region.get_array())


def test_the_network_gets_the_region_where_it_is_wanted() -> None:
    network, image = CodedSemantic(), wide()
    for settings in (AT_SPINE, AUTO):
        segment_semantic(image, network, settings, scout=CodedSemantic())
        assert network.options["region"].shape == network.seen[0].shape
    segment_semantic(image, network, ALL, scout=CodedSemantic())
    assert network.options["region"] is None
    segment_semantic(image, network, AUTO)
    assert network.options["region"] is None


def test_the_numerics_of_spineps_compute_all_tiles_unless_told_otherwise() -> None:
    network, scout = CodedSemantic(), CodedSemantic()
    segment_semantic(wide(), network, AUTO, scout=scout, numerics="spineps-2.1.3")
    assert network.options["region"] is None
    assert not scout.seen
    segment_semantic(wide(), network, AT_SPINE, scout=scout, numerics="spineps-2.1.3")
    assert network.options["region"] is not None


def test_without_a_network_that_searches_nothing_runs() -> None:
    with pytest.raises(ValueError, match="finds it"):
        segment_semantic(wide(), CodedSemantic(), AT_SPINE)


def test_what_lies_far_beside_the_spine_is_left_out() -> None:
    image = wide()
    array = image.get_array().copy()
    array[2:8, 10:24, 2:7] = 49  # 50 mm before it
    region = find_spine(image.set_array(array), CodedSemantic())
    assert region is not None
    assert not region.get_array()[:8].any()
