"""Faults of the version before 2.1.3: each shown beside what replaced it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spineps_nipype.core.geometry import PIR
from spineps_nipype.errors import ModelError
from spineps_nipype.spineps.discs import finalize_arrays
from spineps_nipype.spineps.instance_cutouts import Prediction
from spineps_nipype.spineps.instance_merge import couple_predictions
from spineps_nipype.spineps.instance_order import join_split_top
from spineps_nipype.spineps.instance_split import CannotSplitError, split_component
from spineps_nipype.spineps.labeling_patches import cut_patches, swap_axes
from spineps_nipype.spineps.labeling_scores import score_vertebrae
from spineps_nipype.spineps.semantic_cleanup import clean_far_components
from spineps_nipype.spineps.settings import Numerics

from .blocks import PERIOD, as_nii, spine_of_blocks
from .test_instance_split import dumbbell
from .test_labeling import Oracle, image_of

OTHERS: tuple[Numerics, ...] = ("corrected", "spineps-2.1.3")


def spread_out() -> np.ndarray:
    """A large component, one near it that is chained on, and one beside it, at 1 mm."""
    mask = np.zeros((30, 60, 30), np.uint8)
    mask[10:20, 10:30, 10:20] = 49
    mask[10:20, 36:40, 10:20] = 49  # chained on, but beyond the box of the largest
    mask[21, 15, 15] = 100  # in the box of the largest
    return mask


def test_far_components_are_cut_at_the_box_of_the_largest() -> None:
    mask = as_nii(spread_out())
    seed = clean_far_components(mask, "seed").get_array()
    assert not seed[:, 36:].any()
    assert seed[21, 15, 15] == 100
    for numerics in OTHERS:
        np.testing.assert_array_equal(
            clean_far_components(mask, numerics).get_array(), spread_out()
        )


def test_a_component_beside_the_largest_stays_if_its_box_is_inside() -> None:
    """The box decides, not whether the component belongs to the spine: its rest is cut off."""
    mask = np.zeros((30, 60, 30), np.uint8)
    mask[10:20, 10:30, 10:20] = 49
    mask[22:26, 15, 15] = 100
    seed = clean_far_components(as_nii(mask), "seed").get_array()
    assert seed[22, 15, 15] == 100
    assert not seed[23:].any()


def test_the_plane_follows_the_grown_parts() -> None:
    """At the border of the crop a part can grow to one side only, which tilts the plane."""
    body = dumbbell(shift=6)[2:, 2:, 2:]
    lower = {n: split_component(body, n) for n in (*OTHERS, "seed")}
    np.testing.assert_array_equal(lower["corrected"], lower["spineps-2.1.3"])
    assert (lower["seed"] != lower["corrected"]).any()
    assert lower["seed"][6:14, 18:22, :8].all()  # the bodies are parted all the same
    assert not lower["seed"][:8, :4, :8].any()


@pytest.mark.parametrize("numerics", ["corrected", "spineps-2.1.3", "seed"])
def test_what_erosion_deletes_before_it_parts_it_stays_whole(numerics: Numerics) -> None:
    """A body with a thin tail: erosion leaves one piece, then none."""
    body = np.zeros((8, 40, 8), bool)
    body[2:6, 2:6, 2:6] = True
    body[3:5, 6:36, 3:5] = True
    with pytest.raises(CannotSplitError, match="leaves nothing"):
        split_component(body, numerics)


def test_an_odd_second_partner_stays() -> None:
    """Both neighbours overlap the middle one, but not each other."""

    def rows(start: int, stop: int) -> Prediction:
        mask = np.ones((1, stop - start, 1), bool)
        return Prediction((slice(0, 1), slice(start, stop), slice(0, 1)), mask, stop - start)

    views = {(0, 0): rows(0, 10), (1, 1): rows(5, 16), (2, 2): rows(11, 21)}
    assert ((0, 0), (1, 1), (2, 2)) in couple_predictions(views, "seed")
    for numerics in OTHERS:
        assert ((0, 0), (1, 1), (2, 2)) not in couple_predictions(views, numerics)


def split_top(gap: int) -> tuple[np.ndarray, np.ndarray]:
    """A small piece above a body, `gap` rows away, and a disc below."""
    spine, vert = np.zeros((20, 40, 20), np.uint8), np.zeros((20, 40, 20), np.uint16)
    for number, rows in ((1, (4, 7)), (2, (7 + gap, 17 + gap))):
        spine[4:14, slice(*rows), 4:14] = 49
        vert[4:14, slice(*rows), 4:14] = number
    spine[4:14, 18 + gap : 21 + gap, 4:14] = 100
    return spine, vert


def test_a_small_top_is_joined_whether_it_touches_or_not() -> None:
    for gap, numerics, joined in [
        (0, "corrected", True),
        (0, "seed", True),
        (3, "corrected", False),
        (3, "spineps-2.1.3", False),
        (3, "seed", True),
    ]:
        spine, vert = split_top(gap)
        assert join_split_top(vert, spine, (1.0, 1.0, 1.0), numerics) is joined  # type: ignore[arg-type]
        assert (1 in vert) is not joined


def test_endplates_that_are_told_apart_get_no_number() -> None:
    spine, vert = spine_of_blocks(3)
    spine[spine == 62] = 53
    for numerics in (*OTHERS, "seed"):
        named, labels = vert.copy(), spine.copy()
        finalize_arrays(labels, named, PIR, numerics=numerics)  # type: ignore[arg-type]
        assert (named[spine == 53] == 0).all() == (numerics == "seed")
        np.testing.assert_array_equal(labels, spine)


def test_metal_is_not_painted() -> None:
    for numerics, painted in (("corrected", True), ("spineps-2.1.3", True), ("seed", False)):
        spine, vert = spine_of_blocks(2)
        spine[0, 0, 0] = 80
        finalize_arrays(spine, vert, PIR, numerics=numerics)  # type: ignore[arg-type]
        assert bool(vert[0, 0, 0] == 80) is painted


def test_a_head_of_26_names_is_not_read() -> None:
    heads: dict[str, Any] = {"VERTEX": np.eye(26)[3:7]}
    for numerics in OTHERS:
        assert score_vertebrae(heads, numerics=numerics).axis.size == 26
    with pytest.raises(ModelError, match="VERTEX"):
        score_vertebrae(heads, numerics="seed")


def patches_of(slant: int, rotate: bool, numerics: Numerics) -> np.ndarray:
    """Patches of three bodies, each `slant` voxels further back than the one above."""
    spine, vert = (np.roll(a, 3, axis=0) for a in spine_of_blocks(3, sacrum=False))
    for row in range(spine.shape[1]):
        move = slant * row // PERIOD
        spine[:, row] = np.roll(spine[:, row], move, axis=0)
        vert[:, row] = np.roll(vert[:, row], move, axis=0)
    bodies = as_nii(np.where(spine == 49, vert, 0))
    return cut_patches(image_of(spine), bodies, Oracle(rotate=rotate), numerics)[1]  # type: ignore[arg-type]


def test_patches_are_turned_whatever_the_model_says() -> None:
    plain = patches_of(3, rotate=False, numerics="spineps-2.1.3")
    turning = patches_of(3, rotate=True, numerics="spineps-2.1.3")
    assert np.abs(plain - turning).max() > 0.1
    np.testing.assert_array_equal(patches_of(3, rotate=False, numerics="seed"), turning)


def test_a_patch_at_an_angle_of_exactly_0_has_its_axes_swapped() -> None:
    plain = patches_of(0, rotate=True, numerics="spineps-2.1.3")
    seed = patches_of(0, rotate=True, numerics="seed")
    for one, other in zip(plain, seed, strict=True):
        np.testing.assert_allclose(other, one.transpose(1, 0, 2)[..., ::-1], atol=1e-6)


def test_swapping_takes_the_axes_for_i_p_l() -> None:
    patch = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(swap_axes(patch, PIR), patch.transpose(1, 0, 2)[..., ::-1])
