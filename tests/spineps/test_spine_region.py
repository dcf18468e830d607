"""Tiles at the spine alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.settings import SemanticSettings
from spineps_nipype.spineps.spine_region import MARGIN_MM, find_spine

from .blocks import as_nii, grey, spine_of_blocks
from .stand_ins import CodedSemantic

AT_SPINE = SemanticSettings(tiles="spine")


def wide() -> Any:
    """Image of a spine in voxels of 2 mm, with 60 mm of nothing before it."""
    spine, _ = spine_of_blocks(3)
    image = grey(as_nii(np.pad(spine, ((30, 0), (0, 0), (0, 0)))))
    return NII.from_numpy(image.get_array(), image.affine @ np.diag([2, 2, 2, 1]), False)


def test_the_region_is_the_spine_and_a_margin() -> None:
    image = wide()
    region = find_spine(image, CodedSemantic(), image)
    assert region is not None
    inside = region.get_array() > 0
    spine = image.get_array() > 0
    assert inside[spine].all()
    first = int(np.argwhere(spine)[:, 0].min())
    reached = int(np.argwhere(inside)[:, 0].min())
    assert MARGIN_MM - 4 <= 2 * (first - reached) <= MARGIN_MM + 4


def test_specks_are_no_spine() -> None:
    image = wide()
    array = np.zeros_like(image.get_array())
    array[5:9, 5:9, 5:9] = 49
    assert find_spine(image.set_array(array), CodedSemantic(), image) is None


def test_the_network_gets_the_region_where_it_is_wanted() -> None:
    network, image = CodedSemantic(), wide()
    segment_semantic(image, network, AT_SPINE, scout=CodedSemantic())
    assert network.options["region"].shape == network.seen[0].shape
    segment_semantic(image, network, SemanticSettings())
    assert network.options["region"] is None


def test_the_numerics_of_spineps_compute_all_tiles() -> None:
    network, scout = CodedSemantic(), CodedSemantic()
    segment_semantic(wide(), network, AT_SPINE, scout=scout, numerics="spineps-2.1.3")
    assert network.options["region"] is None
    assert not scout.seen


def test_without_a_network_that_searches_nothing_runs() -> None:
    with pytest.raises(ValueError, match="finds it"):
        segment_semantic(wide(), CodedSemantic(), AT_SPINE)


def test_what_lies_far_beside_the_spine_is_left_out() -> None:
    image = wide()
    array = image.get_array().copy()
    array[2:8, 10:24, 2:7] = 49  # 50 mm before it
    region = find_spine(image.set_array(array), CodedSemantic(), image)
    assert region is not None
    assert not region.get_array()[:8].any()
