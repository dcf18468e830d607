"""Reconciling both masks on small spines of blocks."""

from __future__ import annotations

import logging
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.core.geometry import to_input_grid
from spineps_nipype.errors import EmptyResultError, SpinepsError
from spineps_nipype.spineps.frames import pir_view
from spineps_nipype.spineps.instance_order import number_from_top
from spineps_nipype.spineps.missing_parts import assign_missing_parts, unify_articular_processes
from spineps_nipype.spineps.postprocess import reconcile, to_image_grid
from spineps_nipype.spineps.settings import PostSettings

from .blocks import AFFINE_PIR, as_nii, grey, spine_of_blocks

ORIENTATIONS = [codes for axes in permutations(("PA", "IS", "RL")) for codes in product(*axes)]


def run(spine: NII, vert: NII, image: NII | None = None, **options: object):
    numerics = options.pop("numerics", "corrected")
    return reconcile(
        spine,
        vert,
        image or grey(spine),
        PostSettings(**options),
        has_c1=False,
        is_ct=False,
        numerics=numerics,
    )


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_pir_view_is_what_reorientation_gives(codes: tuple[str, ...]) -> None:
    array = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)
    turned = as_nii(array, codes)
    own = turned.get_array()
    view = pir_view(own, codes)
    np.testing.assert_array_equal(view, array)
    view[...] = 7
    assert (own == 7).all()


@pytest.mark.parametrize("codes", ORIENTATIONS[::5], ids="".join)
def test_a_clean_spine_is_only_numbered(codes: tuple[str, ...]) -> None:
    spine, vert = spine_of_blocks(4)
    shuffled = np.array([0, 3, 1, 4, 2], np.uint16)[vert]
    result = run(as_nii(spine, codes), as_nii(shuffled, codes))
    np.testing.assert_array_equal(
        result.vert.reorient(("P", "I", "R")).get_array(), np.where(vert > 0, vert + 1, 0)
    )
    np.testing.assert_array_equal(result.spine.reorient(("P", "I", "R")).get_array(), spine)


@pytest.mark.parametrize("numerics", ["spineps-2.1.3", "seed"])
def test_masks_come_back_with_smooth_borders_but_as_in_spineps_with_steps(numerics: str) -> None:
    ball = ((np.indices((9, 9, 9)) - 4) ** 2).sum(axis=0) < 12
    mask = NII.from_numpy(ball.astype(np.uint8) * 49, np.diag([2.0, 2.0, 2.0, 1.0]), True)
    image = NII.from_numpy(np.zeros((17, 17, 17), np.float32), np.eye(4), False)
    stepped = to_image_grid(mask, image, numerics).get_array()  # type: ignore[arg-type]
    theirs = mask.resample_from_to(image, verbose=False).get_array()
    np.testing.assert_array_equal(stepped, theirs)
    smooth = to_image_grid(mask, image).get_array()
    np.testing.assert_array_equal(smooth, to_input_grid(mask, image, smooth=True).get_array())
    assert (smooth != stepped).any()


def test_inputs_stay_as_they_are() -> None:
    spine, vert = (as_nii(a) for a in spine_of_blocks(3))
    spine[spine.get_array() == 49] = 50
    before = spine.get_array(), vert.get_array()
    result = run(spine, vert)
    assert 50 not in np.unique(result.spine.get_array())
    np.testing.assert_array_equal(spine.get_array(), before[0])
    np.testing.assert_array_equal(vert.get_array(), before[1])


def test_the_crop_box_holds_the_spine() -> None:
    spine, vert = spine_of_blocks(3)
    result = run(as_nii(spine), as_nii(vert))
    outside = np.ones(spine.shape, bool)
    outside[result.crop] = False
    assert not spine[outside].any()
    assert [(s.start, s.stop) for s in result.crop] == [(2, 21), (7, 53), (1, 8)]


@pytest.mark.parametrize(("numerics", "smeared"), [("corrected", False), ("spineps-2.1.3", True)])
def test_masks_of_a_cropped_image_are_not_continued_beyond_it(
    numerics: str, smeared: bool
) -> None:
    """A raw mask that ends within the sacrum."""
    spine, vert = spine_of_blocks(3)
    end = 8 + 3 * 12 + 4
    part = AFFINE_PIR.copy()
    raw = [NII(nib.Nifti1Image(a[:, :end], part), True) for a in (spine, vert)]
    result = run(*raw, image=grey(as_nii(spine)), numerics=numerics)
    array = result.spine.get_array()
    assert bool(array[:, end:].any()) == smeared
    np.testing.assert_array_equal(array[:, :end], spine[:, :end])


@pytest.mark.parametrize("codes", [("P", "I", "R"), ("R", "A", "S"), ("L", "P", "S")])
@pytest.mark.parametrize("numerics", ["corrected", "spineps-2.1.3"])
def test_a_split_top_vertebra_is_joined(codes: tuple[str, ...], numerics: str) -> None:
    spine, vert = spine_of_blocks(3)
    vert[vert > 0] += 1
    vert[:, : 8 + 2][vert[:, : 8 + 2] == 2] = 1
    result = run(as_nii(spine, codes), as_nii(vert, codes), numerics=numerics)
    numbers = np.unique(result.vert.get_array())
    joined = numerics == "corrected" or codes == ("P", "I", "R")
    assert numbers.tolist() == ([0, 2, 3, 4] if joined else [0, 2, 3, 4, 5])


def test_a_small_top_vertebra_above_a_disc_stays() -> None:
    spine, vert = spine_of_blocks(3)
    spine[:, :12], vert[:, :12] = 0, 0
    result = run(as_nii(spine), as_nii(vert))
    assert np.unique(result.vert.get_array()).tolist() == [0, 2, 3, 4]


def test_articular_processes_go_to_the_instance_that_clearly_has_them() -> None:
    spine, vert = np.zeros((3, 10, 3), np.uint8), np.zeros((3, 10, 3), np.uint16)
    spine[1, :, 1] = 45
    vert[1, :7, 1], vert[1, 7:, 1] = 1, 2  # 7 to 3
    spine[1, :, 2], vert[1, :, 2] = 46, 1
    vert[1, :6, 2] = 2  # 6 to 4: not clear
    expected = vert.copy()
    expected[1, :, 1] = 1
    unify_articular_processes(vert, spine)
    np.testing.assert_array_equal(vert, expected)


def test_background_wins_an_articular_process_too() -> None:
    spine, vert = np.full((1, 9, 1), 47, np.uint8), np.zeros((1, 9, 1), np.uint16)
    vert[0, :2] = 5
    unify_articular_processes(vert, spine)
    assert not vert.any()


def line(*values: int) -> np.ndarray:
    return np.array(values, np.uint16).reshape(1, -1, 1)


def test_instances_grow_two_voxels_and_lower_numbers_first() -> None:
    vert = line(2, 0, 0, 0, 0, 0, 1)
    spine = np.full(vert.shape, 49, np.uint8)
    assert assign_missing_parts(vert, spine, assign=True, fast=False) == 0
    # The middle touches both alike: the lower number takes it.
    assert vert.ravel().tolist() == [2, 2, 2, 1, 1, 1, 1]


def test_parts_without_neighbour_are_deleted_from_both_masks() -> None:
    vert = line(1, 1, 0, 0, 0)
    spine = line(49, 49, 0, 41, 41).astype(np.uint8)
    assert assign_missing_parts(vert, spine, assign=True, fast=False) == 2
    assert spine.ravel().tolist() == [49, 49, 0, 0, 0]
    assert vert.ravel().tolist() == [1, 1, 0, 0, 0]


def test_numbers_outside_vertebra_tissue_are_deleted() -> None:
    vert = line(1, 1, 1, 2)
    spine = line(49, 49, 100, 61).astype(np.uint8)
    assign_missing_parts(vert, spine, assign=True, fast=False)
    assert vert.ravel().tolist() == [1, 1, 0, 0]


def test_without_assignment_gaps_stay() -> None:
    vert = line(1, 0, 0)
    assign_missing_parts(vert, np.full(vert.shape, 49, np.uint8), assign=False, fast=False)
    assert vert.ravel().tolist() == [1, 0, 0]


@pytest.mark.parametrize(("numerics", "middle"), [("corrected", 1), ("spineps-2.1.3", 2)])
def test_the_fast_option_spreads_all_the_way(numerics: str, middle: int) -> None:
    vert = line(2, 0, 0, 0, 0, 0, 0, 0, 1)
    spine = np.full(vert.shape, 49, np.uint8)
    assign_missing_parts(vert, spine, assign=False, fast=True, numerics=numerics)
    assert vert.ravel().tolist() == [2, 2, 2, 2, middle, 1, 1, 1, 1]


def test_missing_vertebrae_are_told(caplog: pytest.LogCaptureFixture) -> None:
    spine, vert = spine_of_blocks(3)
    vert[vert == 2] = 0
    with caplog.at_level(logging.WARNING):
        run(as_nii(spine), as_nii(vert))
    assert "has no instance" in caplog.text


def test_a_detached_spinous_process_returns_to_its_vertebra() -> None:
    spine, vert = spine_of_blocks(3)
    # The upper half of the second arch carries the number of the first vertebra.
    stolen = (slice(14, 20), slice(21, 23), slice(2, 7))
    vert[stolen] = 1
    result = run(as_nii(spine), as_nii(vert), proc_vertebra_inconsistency=False)
    np.testing.assert_array_equal(result.vert.get_array()[stolen], 3)


@pytest.mark.parametrize("which", ["spine", "vert", "apart"])
def test_empty_masks_have_a_reason(which: str) -> None:
    spine, vert = spine_of_blocks(2)
    if which == "spine":
        spine[:] = 0
    else:
        vert[:] = 0
    if which == "apart":
        vert[0, 0, 0] = 1
    with pytest.raises(EmptyResultError):
        run(as_nii(spine), as_nii(vert))


def test_after_25_vertebrae_numbers_skip_the_sacrum() -> None:
    vert = np.arange(1, 31, dtype=np.uint16).reshape(1, -1, 1)
    number_from_top(vert, 2)
    assert vert.ravel().tolist() == [*range(2, 26), *range(34, 40)]
    vert = np.arange(1, 31, dtype=np.uint16).reshape(1, -1, 1)
    number_from_top(vert, 2, "spineps-2.1.3")
    assert vert.ravel().tolist() == list(range(2, 32))


def test_too_many_instances_are_refused() -> None:
    vert = np.arange(1, 101, dtype=np.uint16).reshape(1, -1, 1)
    with pytest.raises(SpinepsError, match="100 vertebra instances"):
        number_from_top(vert, 2)
