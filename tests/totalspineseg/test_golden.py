"""Every rule against the output of TotalSpineSeg 20251028, voxel by voxel."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import EmptyResultError
from spineps_nipype.totalspineseg.alternate import extract_alternate
from spineps_nipype.totalspineseg.canal import fill_canal
from spineps_nipype.totalspineseg.components import largest_component
from spineps_nipype.totalspineseg.crop import crop_to_seg
from spineps_nipype.totalspineseg.grid import sample_nearest
from spineps_nipype.totalspineseg.labeler import label_spine
from spineps_nipype.totalspineseg.labels import PRIORITY_SWAPPED
from spineps_nipype.totalspineseg.levels import extract_levels
from spineps_nipype.totalspineseg.native import to_grid
from spineps_nipype.totalspineseg.preparation import average_4d, resample_iso
from spineps_nipype.totalspineseg.settings import LabelerSettings
from spineps_nipype.totalspineseg.soft import extract_soft

from .block_spine import level_points
from .golden import Vector

CASES = (
    "step1_C2C3_C7T1_12discs",
    "step1_lumbar_L5S",
    "step2_C2C3_only",
    "step2_L4only",
    "step2_L6",
    "step2_loc_lumbar",
    "step2_loc_no_landmark_disc",
    "step2_lumbar_L5S",
    "step2_normal",
)
ERRORS = ("step1_nocanal", "step1_nolandmark")


def settings_of(facts: dict[str, Any]) -> LabelerSettings:
    stated = dict(facts["params"])
    mapped = stated.pop("map_input_dict", {})
    known = {f.name for f in fields(LabelerSettings)}
    assert set(stated) <= known
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in stated.items()}
    pairs = tuple((int(raw), int(label)) for raw, label in mapped.items())
    return LabelerSettings(**values, map_input=pairs)


def labelled(vector: Vector) -> Any:
    localizer = None
    if "in_loc" in vector:
        localizer = sample_nearest(
            vector["in_loc"],
            vector["in_loc_affine"],
            vector["in_seg"].shape,
            vector["in_seg_affine"],
        )
    return label_spine(
        vector["in_seg"], settings_of(vector.facts), localizer=localizer, numerics="original"
    )


def assert_same(found: Any, vector: Vector) -> None:
    assert found.shape == vector["out"].shape
    assert np.array_equal(found, vector["out"])


@pytest.mark.parametrize("case", [*CASES, *ERRORS])
def test_largest_component(case: str) -> None:
    vector = Vector(f"{case}_1_largest")
    assert_same(largest_component(vector["in_seg"], dilation=5), vector)


@pytest.mark.parametrize("case", CASES)
def test_labeller(case: str) -> None:
    vector = Vector(f"{case}_2_iterative")
    assert_same(labelled(vector), vector)


@pytest.mark.parametrize("case", ERRORS)
def test_labeller_refuses(case: str) -> None:
    vector = Vector(f"{case}_2_iterative")
    with pytest.raises(EmptyResultError) as fault:
        labelled(vector)
    assert fault.value.what == vector.facts["error"]


@pytest.mark.parametrize("case", CASES)
def test_fill_canal(case: str) -> None:
    vector = Vector(f"{case}_3_fillcanal")
    assert_same(fill_canal(vector["in_seg"], numerics="original"), vector)


def test_levels() -> None:
    vector = Vector("levels_12discs")
    found = extract_levels(vector["in_seg"], numerics="original")
    assert_same(found, vector)
    points = {str(level): list(voxel) for level, voxel in level_points(found).items()}
    assert points == vector.facts["points"]


@pytest.mark.parametrize(
    ("case", "prioritized"),
    [("alternate_12discs", ()), ("alternate_prio_12discs", PRIORITY_SWAPPED)],
)
def test_alternate(case: str, prioritized: tuple[int, ...]) -> None:
    vector = Vector(case)
    assert_same(extract_alternate(vector["in_seg"], prioritized=prioritized), vector)


def test_soft_cord() -> None:
    vector = Vector("soft_cord")
    assert_same(extract_soft(vector["in_prob_channel9"].T, vector["in_seg"], [1]), vector)


def test_crop() -> None:
    vector = Vector("crop_margin10")
    image = NII.from_numpy(vector["in_image"], vector["in_image_affine"], True)
    found = crop_to_seg(image, vector["in_seg"], margin=10)
    assert_same(found.get_array(), vector)
    assert np.allclose(found.affine, vector["out_affine"], atol=1e-5)


@pytest.mark.parametrize("mode", ["nearest", "label", "linear"])
def test_native_grid(mode: Any) -> None:
    vector = Vector(f"transform_{mode}")
    seg = NII.from_numpy(vector["in_seg"], vector["in_seg_affine"], mode != "linear")
    target = vector["in_target_affine"]
    found = to_grid(seg, vector["in_target_shape"].tolist(), target, mode)
    assert np.allclose(found.affine, vector["out_affine"], atol=1e-4)
    if mode == "linear":
        assert found.get_array().dtype == np.float32
        assert np.abs(found.get_array() - vector["out"]).max() < 1e-6
    else:
        assert_same(found.get_array(), vector)


def test_resample_to_1_mm() -> None:
    vector = Vector("resample_iso1")
    found, affine = resample_iso(vector["in_image"], vector["in_image_affine"], slack=0)
    assert found.shape == vector["out"].shape
    assert np.abs(found - vector["out"]).max() < 1e-6 * np.abs(vector["out"]).max()
    assert np.allclose(affine, vector["out_affine"], atol=1e-4)


def test_average_4d() -> None:
    vector = Vector("average4d")
    assert np.allclose(average_4d(vector["in_image"]), vector["out"], rtol=1e-12)
