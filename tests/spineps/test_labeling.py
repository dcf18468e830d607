"""Naming vertebrae with a stand-in for the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from TPTBox import NII

from spineps_nipype.core.vertebra_look import DEPTH, HEIGHT, PLANES
from spineps_nipype.spineps.labeling import complete_names, label_vertebrae
from spineps_nipype.spineps.labeling_patches import (
    TURNING_MARGIN,
    cut_patches,
    cut_window,
    normalise,
    spine_angles,
    turn_patch,
)
from spineps_nipype.spineps.settings import LabelingSettings

from .blocks import FIRST, PERIOD, as_nii, spine_of_blocks

WHOLE = (slice(None), slice(None), slice(None))


@dataclass
class Oracle:
    """Names the vertebrae one after the other, from a given class on.

    One name is left out behind the row `gap_behind`.
    """

    first: int = 19
    gap_behind: int = 99
    rotate: bool = False
    final_size: tuple[int, int, int] = (16, 16, 8)
    spacing: float = 1.0
    heads: dict[str, int] = field(default_factory=lambda: {"VERT": 24})
    seen: np.ndarray | None = None
    form: Any = None
    sure: float = 0.9

    @property
    def config(self) -> SimpleNamespace:
        spacing = (self.spacing,) * 3
        return SimpleNamespace(
            orientation=("P", "I", "R"),
            target_spacing=lambda _: spacing,
            anomaly_cost=0.0,
            sacrum_cost=0.0,
        )

    def predict(self, patches: np.ndarray) -> dict[str, np.ndarray]:
        self.seen = patches
        table = np.full((len(patches), 24), (1 - self.sure) / 23, np.float32)
        rows = np.arange(len(patches))
        likely = np.minimum(self.first + rows + (rows > self.gap_behind), 23)
        table[np.arange(len(patches)), likely] = self.sure
        return {"VERT": table}


def image_of(spine: np.ndarray) -> NII:
    mask = as_nii(spine)
    return mask.set_array((spine + 1.0).astype(np.float32), seg=False)


def label(spine: np.ndarray, vert: np.ndarray, oracle: Oracle, numerics="corrected", c1=False):
    return label_vertebrae(
        as_nii(spine),
        as_nii(vert),
        image_of(spine),
        WHOLE,
        oracle,
        LabelingSettings(),
        c1_enabled=c1,
        numerics=numerics,
    )


def test_names_and_table() -> None:
    spine, vert = spine_of_blocks(3)
    oracle = Oracle(first=19)
    result = label(spine, vert, oracle)
    np.testing.assert_array_equal(
        result.vert.get_array(), np.array([0, 20, 21, 22], np.uint16)[vert]
    )
    row = result.table[1]
    assert (row["number"], row["label"], row["name"], row["source"]) == (2, 21, "L2", "network")
    assert 0.4 < row["score"] < 0.5  # smoothed over neighbouring names
    assert row["score"] < row["confidence"] < 1  # neighbours are witnesses, too
    assert row["alternative_1"] in ("L1", "L3")
    assert row["alternative_1_confidence"] < row["confidence"]
    assert len(row["probabilities"]["VERT"]) == 24
    assert oracle.seen.shape == (3, 16, 16, 8)
    assert oracle.seen.dtype == np.float32


@pytest.mark.parametrize(
    ("numerics", "names"),
    [("corrected", ["T4", "T5", "T7", "T8", "T9"]), ("corrected,none_missed", None)],
)
def test_names_leave_out_a_vertebra_that_was_missed(
    numerics: str, names: list[str] | None
) -> None:
    spine, vert = spine_of_blocks(6)
    spine[vert == 3] = 0
    vert[vert == 3] = 0
    vert[vert > 3] -= 1
    found = [row["name"] for row in label(spine, vert, Oracle(10, gap_behind=1), numerics).table]
    assert found == (names or ["T5", "T6", "T7", "T8", "T9"])


def test_names_go_on_where_the_distance_is_usual() -> None:
    """Whatever a network says."""
    spine, vert = spine_of_blocks(5)
    found = [row["label"] for row in label(spine, vert, Oracle(10, gap_behind=1)).table]
    assert found == list(range(found[0], found[0] + 5))


@pytest.mark.parametrize(("numerics", "kept"), [("corrected", 20), ("spineps-2.1.3", 0)])
def test_a_vertebra_without_body_keeps_a_number(numerics: str, kept: int) -> None:
    """The body of the third vertebra lies outside the image; only its arch is seen."""
    spine, vert = spine_of_blocks(3, sacrum=False)
    top = FIRST
    spine[3:10, top : top + 6] = 0
    vert[3:10, top : top + 6] = 0
    result = label(spine, vert, Oracle(first=20), numerics)
    arch = result.vert.get_array()[16, top + 3, 4]
    assert arch == kept
    assert np.unique(result.vert.get_array()[vert > 1]).tolist() == [21, 22]
    assert result.table[0]["source"] == ("neighbour" if kept else "deleted")
    assert result.table[0]["confidence"] is None


@pytest.mark.parametrize(
    ("given", "instances", "expected"),
    [
        ({3: 21, 4: 22}, [1, 2, 3, 4], {1: 19, 2: 20, 3: 21, 4: 22}),
        ({1: 20, 2: 21}, [1, 2, 3, 4], {1: 20, 2: 21, 3: 22, 4: 23}),
        ({1: 20, 3: 22}, [1, 2, 3], {1: 20, 2: 21, 3: 22}),
        ({1: 20, 3: 21}, [1, 2, 3], {1: 20, 2: 20, 3: 21}),  # no name is free: joins above
        ({1: 19, 3: 20}, [1, 2, 3], {1: 19, 2: 19, 3: 20}),  # not a T13
        ({2: 1, 3: 2}, [1, 2, 3], {1: 1, 2: 1, 3: 2}),
        ({1: 24}, [1, 2], {1: 24, 2: 24}),  # not an L6
        ({2: 28}, [1, 2, 3], {1: 19, 2: 28, 3: 20}),
    ],
)
def test_names_from_neighbours(
    given: dict[int, int], instances: list[int], expected: dict[int, int]
) -> None:
    assert complete_names(given, instances) == expected


def test_a_large_dens_decides_where_c2_is() -> None:
    spine, vert = spine_of_blocks(3, sacrum=False)
    top = FIRST + PERIOD
    spine[3:10, top : top + 6, 2:7][:, :, :] = 49
    spine[10:20, top - 1 : top + 5, 2:7] = 51  # 300 mm3
    vert[10:20, top - 1 : top + 5, 2:7] = 2
    result = label(spine, vert, Oracle(first=8), c1=True)
    assert [row["label"] for row in result.table] == [1, 2, 3]
    assert [row["source"] for row in result.table] == ["dens", "dens", "network"]
    assert result.table[0]["confidence"] == 1.0
    without = label(spine, vert, Oracle(first=8), c1=False)
    assert [row["label"] for row in without.table] == [9, 10, 11]


def test_c1_without_a_body_is_named_when_c2_is_there() -> None:
    spine, vert = spine_of_blocks(3, sacrum=False)
    spine[3:10, FIRST : FIRST + 6], vert[3:10, FIRST : FIRST + 6] = 0, 0
    for numerics in ("corrected", "spineps-2.1.3"):
        result = label(spine, vert, Oracle(first=1), numerics, c1=True)
        assert [row["label"] for row in result.table] == [1, 2, 3]


def test_an_empty_mask_stays_empty() -> None:
    spine, vert = spine_of_blocks(2)
    result = label(spine, vert * 0, Oracle())
    assert result.table == []
    assert not result.vert.get_array().any()


def test_without_any_body_the_counting_numbers_stay() -> None:
    spine, vert = spine_of_blocks(2)
    spine[spine == 49] = 41
    result = label(spine, vert, Oracle())
    np.testing.assert_array_equal(result.vert.get_array(), vert)
    assert [row["source"] for row in result.table] == ["count", "count"]


@pytest.mark.parametrize("codes", [("R", "A", "S"), ("S", "P", "L")])
def test_patches_do_not_depend_on_the_orientation_of_the_file(codes: tuple[str, ...]) -> None:
    spine, vert = spine_of_blocks(3)
    image = image_of(spine)
    bodies = as_nii(np.where(spine == 49, vert, 0))
    numbers, patches = cut_patches(image, bodies, Oracle())
    other_numbers, other = cut_patches(image.reorient(codes), bodies.reorient(codes), Oracle())
    assert numbers == other_numbers == [1, 2, 3]
    np.testing.assert_array_equal(patches, other)


def test_patches_are_at_the_spacing_of_the_model() -> None:
    spine, vert = spine_of_blocks(3)
    bodies = as_nii(np.where(spine == 49, vert, 0))
    coarse = cut_patches(image_of(spine), bodies, Oracle(spacing=2.0))[1]
    fine = cut_patches(image_of(spine), bodies, Oracle())[1]
    assert (coarse != 0).sum() < (fine != 0).sum()  # the image ends within the patch


def test_a_window_is_padded_with_zeros() -> None:
    volume = np.arange(1, 28, dtype=np.float32).reshape(3, 3, 3)
    got = cut_window(volume, (0, 1, 2), (4, 2, 2))
    assert got.shape == (4, 2, 2)
    np.testing.assert_array_equal(got[2:, :, :], volume[:2, :2, 1:3])
    assert not got[:2].any()


@pytest.mark.parametrize("angle", [12.5, -30.0])
def test_turning_is_what_scipy_does(angle: float) -> None:
    rng = np.random.default_rng(0)
    patch = rng.random((80, 84, 3)).astype(np.float32)
    m = TURNING_MARGIN
    got = turn_patch(np.moveaxis(patch, 0, 1), angle, (1, 0))
    expected = ndimage.rotate(patch, angle, order=3, reshape=False)[m:-m, m:-m]
    np.testing.assert_allclose(np.moveaxis(got, 0, 1), expected, atol=1e-5)


def test_the_angle_follows_the_spine() -> None:
    labels = np.zeros((40, 40, 5), np.uint8)
    for n, (p, i) in enumerate([(5, 5), (15, 15), (15, 30)], start=1):
        labels[p : p + 2, i : i + 2, 1:3] = n
    angles = spine_angles(labels, [1, 2, 3], ("P", "I", "R"))
    assert angles[1] == pytest.approx(-45)
    assert angles[2] == pytest.approx(-np.degrees(np.arctan2(10, 25)))
    assert angles[3] == pytest.approx(0)
    assert spine_angles(labels, [1], ("P", "I", "R")) == {1: 0.0}


def test_a_turned_spine_is_set_upright() -> None:
    spine, vert = spine_of_blocks(3)
    oracle = Oracle(rotate=True)
    assert label(spine, vert, oracle).table[0]["label"] == 20
    assert oracle.seen.shape == (3, 16, 16, 8)


def test_normalising_ignores_zeros() -> None:
    patch = np.array([0, 2, 4, 6], np.float32)
    normalise(patch)
    np.testing.assert_allclose(patch, [0, -1.2247449, 0, 1.2247449], rtol=1e-6)
    constant = np.array([0, 5, 5], np.float32)
    normalise(constant)
    assert constant.tolist() == [0, 0, 0]
    normalise(empty := np.zeros(3, np.float32))
    assert not empty.any()


def test_more_vertebrae_than_names_go_through() -> None:
    count = 28
    vert = np.zeros((4, 3 * count, 4), np.uint16)
    for k in range(count):
        vert[:, 3 * k : 3 * k + 2] = k + 2 if k + 2 < 26 else k + 10
    spine = np.where(vert > 0, 49, 0).astype(np.uint8)
    result = label(spine, vert, Oracle(first=1))
    assert len(result.table) == count
    assert all(row["label"] in range(1, 29) for row in result.table)


@dataclass
class FormOracle:
    """Knows names by form; keeps the measures and looks that it was shown."""

    first: int
    seen: np.ndarray | None = None
    looks: np.ndarray | None = None

    def predict(self, forms: np.ndarray, looks: np.ndarray) -> dict[str, np.ndarray]:
        self.seen, self.looks = forms, looks
        table = np.full((len(forms), 24), 0.001 / 23, np.float32)
        table[np.arange(len(forms)), self.first + np.arange(len(forms))] = 0.999
        return {"VERT": table}


@pytest.mark.parametrize(("numerics", "shift"), [("corrected", 3), ("spineps-2.1.3", 0)])
def test_the_form_outweighs_an_unsure_image(numerics, shift) -> None:
    spine, vert = spine_of_blocks(3, sacrum=False)
    plain = label(spine, vert, Oracle(8, sure=0.3), numerics=numerics)
    form = FormOracle(11)
    judged = label(spine, vert, Oracle(8, form=form, sure=0.3), numerics=numerics)
    before, after = ([row["label"] for row in found.table] for found in (plain, judged))
    assert [b + shift for b in before] == after
    assert (form.seen is None) == (shift == 0)
    if form.seen is not None:
        assert len(form.seen) == len(before)
        assert form.looks.shape == (len(before), PLANES, DEPTH, HEIGHT)
