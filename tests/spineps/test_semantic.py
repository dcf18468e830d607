"""The semantic phase around a network that needs no weights."""

from __future__ import annotations

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import EmptyResultError, ErrCode, ModelError
from spineps_nipype.spineps.semantic import (
    continued,
    normalised_entropy,
    segment_semantic,
    to_model_grid,
)
from spineps_nipype.spineps.settings import SemanticSettings

from .blocks import as_nii, grey, spine_of_blocks
from .stand_ins import CodedSemantic

SETTINGS = SemanticSettings()


@pytest.mark.parametrize("orientation", [("P", "I", "R"), ("R", "A", "S"), ("S", "L", "P")])
def test_the_network_sees_its_own_orientation_and_spacing(orientation: tuple[str, ...]) -> None:
    spine, _ = spine_of_blocks(3)
    image = grey(as_nii(spine, orientation))
    network = CodedSemantic(spacing=(1.0, 2.0, 1.0))
    result = segment_semantic(image, network, SETTINGS)
    seen = network.seen[0]
    assert seen.orientation == ("P", "I", "R")
    assert seen.get_array().dtype == np.float32
    np.testing.assert_allclose(seen.zoom, (1, 2, 1))
    assert result.mask.shape == seen.shape == (26, round(spine.shape[1] / 2), 9)


def test_the_mask_is_that_of_the_network() -> None:
    spine, _ = spine_of_blocks(4)
    result = segment_semantic(grey(as_nii(spine)), CodedSemantic(), SETTINGS)
    np.testing.assert_array_equal(result.mask.get_array(), spine)
    assert result.probabilities is None
    assert result.uncertainty is None


def test_a_range_of_spacings_keeps_what_lies_inside() -> None:
    spine, _ = spine_of_blocks(3)
    image = grey(as_nii(spine))
    same = to_model_grid(image, CodedSemantic(spacing=[[0.8, 0.8, 0.8], [1.2, 1.2, 1.2]]))
    assert same.shape == image.shape
    finer = to_model_grid(image, CodedSemantic(spacing=[[0.5, 0.5, 0.5], [0.5, 2, 2]]))
    assert finer.shape == (52, *image.shape[1:])


def _bright_slab() -> NII:
    """Four slices of 1 mm whose values rise, in empty space."""
    array = np.full((20, 20, 12), -5, np.float32)
    array[3:17, 3:17, 4:8] = [10, 20, 30, 40]
    return NII.from_numpy(array, as_nii(array.astype(np.uint8)).affine, False)


def test_the_border_is_continued_as_far_as_there_is_room() -> None:
    slab = _bright_slab()
    row = continued(slab, 2.4).get_array()[10, 10]
    np.testing.assert_array_equal(row, [-5, -5, 10, 10, 10, 20, 30, 40, 40, 40, -5, -5])
    row = continued(slab, 100).get_array()[10, 10]
    np.testing.assert_array_equal(row, [10] * 5 + [20, 30] + [40] * 5)
    assert continued(slab, 1.2).get_array()[2, 2, 3] == 10  # edges as well
    assert continued(slab, 1.2).get_array()[1, 2, 3] == -5
    np.testing.assert_array_equal(continued(slab, 1.0).get_array(), slab.get_array())
    empty = slab.set_array(np.zeros(slab.shape, np.float32), seg=False)
    assert not continued(empty, 2).get_array().any()
    assert continued(slab, 2).seg is False


def test_slices_at_the_border_are_not_mixed_with_what_is_empty() -> None:
    slab = _bright_slab()
    slab = slab.set_array(np.where(slab.get_array() > 0, 10, -5).astype(np.float32), seg=False)
    coarse = {"spacing": (1.0, 1.0, 1.6)}
    inside = slice(3, 5)  # the middles of these slices lie 4.8 and 6.4 mm from that of the first
    mixed = to_model_grid(slab, CodedSemantic(**coarse)).get_array()[10, 10]
    assert abs(mixed[inside] - 10).max() > 1
    network = CodedSemantic(**coarse, border_mm=2.0)
    sharp = to_model_grid(slab, network).get_array()[10, 10]
    np.testing.assert_allclose(sharp[inside], 10, atol=0.3)
    same = to_model_grid(slab, network, own_keys=False).get_array()[10, 10]
    np.testing.assert_array_equal(same, mixed)


def test_options_reach_the_network() -> None:
    spine, _ = spine_of_blocks(3)
    network = CodedSemantic()
    steps: list[tuple[int, int]] = []
    segment_semantic(
        grey(as_nii(spine)),
        network,
        SemanticSettings(proc_sem_step_size=0.7, tta=False),
        numerics="spineps-2.1.3",
        progress=lambda done, of: steps.append((done, of)),
    )
    assert network.options["step_size"] == 0.7
    assert network.options["tta"] is False
    assert network.options["half_precision"] is True
    assert network.options["own_keys"] is False
    network.options["progress"](1, 2)
    assert steps == [(1, 2)]


def test_probabilities_and_uncertainty_of_a_certain_network() -> None:
    spine, _ = spine_of_blocks(3)
    result = segment_semantic(grey(as_nii(spine)), CodedSemantic(), SETTINGS, probabilities=True)
    assert result.class_labels == (0, 26, 41, 49, 62, 100)
    assert result.probabilities is not None
    assert result.probabilities.shape == (6, *spine.shape)
    assert result.uncertainty is not None
    array = result.uncertainty.get_array()
    assert array.dtype == np.float32
    assert not array.any()
    np.testing.assert_allclose(result.uncertainty.affine, result.mask.affine)


def test_entropy_runs_from_0_to_1_and_keeps_fractions() -> None:
    soft = np.zeros((4, 1, 1, 3), np.float32)
    soft[0, ..., 0] = 1
    soft[:, ..., 1] = 0.25
    soft[:2, ..., 2] = 0.5
    out = normalised_entropy(soft)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.ravel(), [0, 1, 0.5], atol=1e-6)


def test_nothing_found() -> None:
    image = grey(as_nii(np.zeros((8, 8, 8), np.uint8)))
    with pytest.raises(EmptyResultError, match="found no structure") as caught:
        segment_semantic(image, CodedSemantic(), SETTINGS)
    assert caught.value.code is ErrCode.EMPTY
    assert caught.value.remedy


def test_nothing_left_after_cleaning() -> None:
    array = np.zeros((8, 8, 8), np.uint8)
    array[3, 3, 3] = 49
    with pytest.raises(EmptyResultError, match="after cleaning"):
        segment_semantic(grey(as_nii(array)), CodedSemantic(), SETTINGS)


def test_models_with_several_images_are_refused() -> None:
    network = CodedSemantic(expected_inputs=["water", "fat"])
    with pytest.raises(ModelError, match="several images"):
        segment_semantic(grey(as_nii(spine_of_blocks(2)[0])), network, SETTINGS)
