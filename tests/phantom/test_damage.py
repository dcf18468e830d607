"""Graded damage: the same twice, worse with its grade, masks and places go with the image."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.phantom.damage import DAMAGES, LEVELS, Scan, damaged

SPACING = (1.0, 2.0, 1.5)
KEEPS_MASKS = (
    *("noise", "blur", "bias", "ghosts", "bright", "dark", "inversion", "missing"),
    "metal",
)


def scan(slices: int = 16) -> Scan:
    """Five bodies one below the other, bright on a grey ground."""
    levels = np.zeros((40, 60, slices), np.uint8)
    for number in range(5):
        levels[10:30, 5 + 11 * number : 12 + 11 * number] = number + 1
    image = np.where(levels > 0, 800.0, 200.0) + np.linspace(0, 100, 40)[:, None, None]
    image[:3] = 0
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = 5.0, -7.0, 2.0
    masks = {LEVELS: levels, "truth": (levels > 0).astype(np.uint8)}
    return Scan(image.astype(np.float32), affine, masks)


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_same_three_give_the_same_scan(kind: str) -> None:
    for grade in DAMAGES[kind].grades:
        if kind in ("thick", "gaps") and grade < 2 * SPACING[2]:
            continue  # the slices are that thick already
        one, other = damaged(scan(), kind, grade, 3), damaged(scan(), kind, grade, 3)
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.affine, other.affine)
        assert {mask.shape for mask in one.masks.values()} == {one.image.shape}
        assert np.isfinite(one.image).all()
        changed = one.image.shape != scan().image.shape or not np.array_equal(
            one.image, scan().image
        )
        assert changed, f"{kind} {grade} changes nothing"


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_was_given_stays_as_it_is(kind: str) -> None:
    given = scan()
    damaged(given, kind, DAMAGES[kind].grades[-1])
    assert np.array_equal(given.image, scan().image)
    assert all(np.array_equal(given.masks[name], mask) for name, mask in scan().masks.items())


@pytest.mark.parametrize("kind", ["noise", "bias", "ghosts", "blur", "inversion", "dark"])
def test_higher_grades_are_further_from_the_scan(kind: str) -> None:
    far = [
        float(np.abs(damaged(scan(), kind, grade, 1).image - scan().image).mean())
        for grade in DAMAGES[kind].grades
    ]
    assert far == sorted(far)


def test_seeds_differ() -> None:
    one, other = (damaged(scan(), "noise", 0.1, seed).image for seed in (1, 2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KEEPS_MASKS)
def test_damage_of_grey_values_leaves_masks_and_grid(kind: str) -> None:
    made = damaged(scan(), kind, DAMAGES[kind].grades[1])
    assert np.array_equal(made.affine, scan().affine)
    assert np.array_equal(made.masks[LEVELS], scan().masks[LEVELS])


@pytest.mark.parametrize("kind", ["thick", "gaps"])
def test_thick_slices_lie_where_the_thin_ones_did(kind: str) -> None:
    made = damaged(scan(), kind, 4.5)  # three slices of 1.5 mm
    assert made.spacing == pytest.approx((*SPACING[:2], 4.5))
    assert made.image.shape[2] in (5, 6)
    ground = scan()
    for place in range(made.image.shape[2]):
        world = made.affine @ (0, 0, place, 1)
        there = np.linalg.solve(ground.affine, world)[2]
        assert there == pytest.approx(round(there))
        assert np.array_equal(
            made.masks[LEVELS][..., place], ground.masks[LEVELS][..., round(there)]
        )


def test_a_thick_slice_is_the_mean_of_thin_ones() -> None:
    given = scan()
    given.image[..., :] += np.arange(16)[None, None] * 10
    made = damaged(given, "thick", 4.5)
    first = round(np.linalg.solve(given.affine, made.affine @ (0, 0, 0, 1))[2])
    mean = given.image[..., first - 1 : first + 2].mean(axis=2)
    assert np.allclose(made.image[..., 0], mean)


def test_rotation_turns_image_and_mask_together() -> None:
    made = damaged(scan(), "rotation", 20.0)
    bone = made.masks["truth"] > 0
    assert made.image[bone].mean() > 2 * made.image[~bone & (made.image > 0)].mean()
    upright = np.nonzero(scan().masks["truth"])
    turned = np.nonzero(bone)
    slope = np.polyfit(turned[1] * SPACING[1], turned[0] * SPACING[0], 1)[0]
    assert abs(np.polyfit(upright[1], upright[0], 1)[0]) < 0.01
    assert abs(slope) == pytest.approx(np.tan(np.radians(20)), abs=0.1)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_crop_leaves_so_many_vertebrae_where_they_were(count: int) -> None:
    made = damaged(scan(), "crop", count, 5)
    numbers = [n for n in np.unique(made.masks[LEVELS]) if n]
    sizes = {n: np.count_nonzero(scan().masks[LEVELS] == n) for n in numbers}
    whole = [n for n in numbers if np.count_nonzero(made.masks[LEVELS] == n) == sizes[n]]
    assert len(whole) == count
    place = made.affine @ (*np.argwhere(made.masks[LEVELS] == whole[0])[0], 1)
    before = scan().affine @ (*np.argwhere(scan().masks[LEVELS] == whole[0])[0], 1)
    assert place == pytest.approx(before)


def test_cut_ends() -> None:
    top, bottom = damaged(scan(), "top", 20.0), damaged(scan(), "bottom", 20.0)
    assert 1 not in top.masks[LEVELS] or (top.masks[LEVELS] == 1).sum() < 20 * 7 * 16
    assert 5 in top.masks[LEVELS]
    assert 1 in bottom.masks[LEVELS]
    assert bottom.image.shape[1] < 60
    assert top.affine[1, 3] > scan().affine[1, 3]
    assert np.array_equal(bottom.affine, scan().affine)


def test_metal_is_dark_within_a_bright_rim() -> None:
    made = damaged(scan(), "metal", 6.0, 2)
    assert (made.image == 0).sum() > (scan().image == 0).sum()
    assert made.image.max() > scan().image.max()


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(ValueError, match="no damage is called 'rust'"):
        damaged(scan(), "rust", 1)
    with pytest.raises(ValueError, match="slices would be left"):
        damaged(scan(slices=3), "thick", 6)
    with pytest.raises(ValueError, match="'levels' has to show"):
        damaged(Scan(scan().image, scan().affine), "crop", 2)
    with pytest.raises(ValueError, match="nothing of the scan"):
        damaged(scan(), "top", 500)
