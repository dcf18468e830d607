"""The instance phase around a network that needs no weights."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from spineps_nipype.errors import EmptyResultError, ErrCode
from spineps_nipype.spineps.instance import finish_instances, segment_instances
from spineps_nipype.spineps.settings import InstanceSettings

from .blocks import FIRST, PERIOD, as_nii, spine_of_blocks
from .stand_ins import RowwiseInstances

SETTINGS = InstanceSettings()
SMALL = {"corpus_size_cleaning": 10, "vert_size_threshold": 10, "seed_erosion": 1}
"""Thresholds for bodies of a few hundred voxels."""


def in_order(labels: np.ndarray) -> np.ndarray:
    """Instances renumbered from the top."""
    numbers = [n for n in np.unique(labels) if n]
    numbers.sort(key=lambda n: np.argwhere(labels == n)[:, 1].mean())
    table = np.zeros(labels.max() + 1, np.uint16)
    table[numbers] = np.arange(1, len(numbers) + 1)
    return table[labels]


@pytest.mark.parametrize("codes", [("P", "I", "R"), ("L", "A", "S"), ("S", "R", "P")])
@pytest.mark.parametrize("batch", [1, 4])
def test_every_vertebra_is_one_instance(codes: tuple[str, ...], batch: int) -> None:
    spine, vert = spine_of_blocks(5)
    network = RowwiseInstances(**SMALL)
    settings = replace(SETTINGS, proc_inst_batch_size=batch)
    seen: list[tuple[int, int]] = []
    result = segment_instances(
        as_nii(spine, codes), network, settings, progress=lambda *at: seen.append(at)
    )
    assert result.orientation == ("P", "I", "R")
    np.testing.assert_array_equal(in_order(result.get_array()), vert)
    assert network.batches == ([1] * 5 if batch == 1 else [4, 1])
    assert seen[-1] == (5, 5)


def test_the_result_has_the_spacing_of_the_model() -> None:
    kept = replace(SETTINGS, proc_inst_corpus_clean=False)
    spine, _ = spine_of_blocks(3)
    result = segment_instances(
        as_nii(spine), RowwiseInstances(spacing=[1.0, 2.0, 1.0], **SMALL), kept
    )
    np.testing.assert_allclose(result.zoom, (1, 2, 1))
    assert np.unique(result.get_array()).tolist() == [0, 1, 2, 3]


def test_a_network_with_axes_of_its_own_sees_them() -> None:
    spine, vert = spine_of_blocks(3)

    class Turned(RowwiseInstances):
        def predict(self, cutouts, **options):  # type: ignore[no-untyped-def]
            upright = [np.flip(c.transpose(1, 0, 2), 1) for c in cutouts]
            found = super().predict(upright, **options)
            return [np.flip(f, 1).transpose(1, 0, 2) for f in found]

    network = Turned(model_expected_orientation=["S", "P", "R"], **SMALL)
    result = segment_instances(as_nii(spine), network, SETTINGS)
    np.testing.assert_array_equal(in_order(result.get_array()), vert)


def test_intermediate_masks_have_the_names_of_spineps_and_lie_in_their_place() -> None:
    spine, _ = spine_of_blocks(2)
    steps: dict[str, object] = {}
    segment_instances(as_nii(spine), RowwiseInstances(**SMALL), SETTINGS, debug=steps)
    assert set(steps) == {
        "sem_raw",
        "inst_uncropped_Subreg_nii_a_PIR",
        "inst_uncropped_Subreg_nii_b_zms",
        "inst_cropped_Subreg_nii_b",
        *(f"inst_cutout_vert_nii_{i}_{s}" for i in (0, 1) for s in ("cut", "pred", "proc")),
        "inst_crop_vert_arr_a_raw",
        "inst_cropped_vert_arr_c_proc",
        "inst_uncropped_vert_arr_a",
        "vert_arr_return_final",
    }
    # The lowest body is seed 0: in the world its label 2 lies where the body is.
    cut, whole = steps["inst_cutout_vert_nii_0_proc"], steps["sem_raw"]
    voxel = np.append(np.argwhere(cut.get_array() == 2).min(axis=0), 1)  # type: ignore[attr-defined]
    place = np.linalg.inv(whole.affine) @ cut.affine @ voxel  # type: ignore[attr-defined]
    np.testing.assert_allclose(place[1], FIRST + PERIOD, atol=1e-6)


@pytest.mark.parametrize("label", [0, 41])
def test_a_mask_without_bodies_is_empty(label: int) -> None:
    mask = as_nii(np.full((9, 9, 9), label, np.uint8))
    with pytest.raises(EmptyResultError) as caught:
        segment_instances(mask, RowwiseInstances(), SETTINGS)
    assert caught.value.code is ErrCode.EMPTY
    assert caught.value.remedy


def test_instances_that_are_all_too_small_are_empty() -> None:
    spine, _ = spine_of_blocks(2)
    network = RowwiseInstances(**{**SMALL, "vert_size_threshold": 100_000})
    with pytest.raises(EmptyResultError, match="--no-proc-inst-clean-small-cc-artifacts"):
        segment_instances(as_nii(spine), network, SETTINGS)
    kept = replace(SETTINGS, proc_inst_clean_small_cc_artifacts=False)
    found = segment_instances(as_nii(spine), network, kept)
    assert np.unique(found.get_array()).tolist() == [0, 1, 2]


def test_fewer_instances_than_bodies_are_told(caplog: pytest.LogCaptureFixture) -> None:
    spine, _ = spine_of_blocks(3)

    class Blind(RowwiseInstances):
        def predict(self, cutouts, **options):  # type: ignore[no-untyped-def]
            return [np.where(f == 2, f, 0) for f in super().predict(cutouts, **options)][:1] + [
                np.zeros_like(c) for c in cutouts[1:]
            ]

    with caplog.at_level(logging.WARNING):
        segment_instances(as_nii(spine), Blind(**SMALL), SETTINGS)
    assert "3 vertebral bodies were found, but 1 instances" in caplog.text


def test_small_parts_go_holes_close_and_numbers_have_no_gaps() -> None:
    merged = np.zeros((9, 9, 9), np.uint16)
    merged[1:6, 1:6, 1:6] = 3
    merged[3, 3, 3] = 0
    merged[8, 8, 8] = 3
    merged[8, 0, 0] = 2
    done = finish_instances(merged, 5, SETTINGS)
    assert np.unique(done).tolist() == [0, 1]
    assert (done == 1).sum() == 125
    raw = replace(SETTINGS, proc_inst_clean_small_cc_artifacts=False, proc_fill_3d_holes=False)
    kept = finish_instances(merged, 5, raw)
    assert [(kept == n).sum() for n in (1, 2)] == [1, 125]
