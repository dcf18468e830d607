"""Findings on a model spine with one fault at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.metrics.checks import HEADER_CHECK, REMEDIES, check_masks
from spineps_nipype.metrics.findings import OVERALL, Finding
from spineps_nipype.metrics.spine_metrics import measure_spine, split_masks

from .model_spine import ModelSpine, model_spine, repaint

ZOOM = (1.5, 1.5, 3.0)
NAMES = {19: "T12", 20: "L1", 21: "L2", 22: "L3", 23: "L4", 24: "L5"}
SURE = [{"name": name, "confidence": 0.9} for name in NAMES.values()]


@pytest.fixture(scope="module")
def model() -> ModelSpine:
    return model_spine(zoom=ZOOM)


def findings(
    spine: NII, vert: NII, labels: Sequence[dict[str, Any]] | None = SURE
) -> list[Finding]:
    scene = split_masks(spine, vert)
    return check_masks(scene, measure_spine(scene), labels)


def serious(found: list[Finding]) -> set[tuple[str, str, str]]:
    """What does not pass; each of it says what to do, and nothing else does."""
    told = [f for f in found if f.check != OVERALL]
    assert all(bool(f.remedy) == (f.verdict != "pass") for f in told)
    return {(f.check, f.verdict, f.level) for f in told if f.verdict != "pass"}


def test_a_good_spine_passes(model: ModelSpine) -> None:
    found = findings(model.spine, model.vert)
    assert serious(found) == set()
    assert found[0] == Finding(OVERALL, "pass", "", "All checks pass.")
    assert {f.check for f in found[1:]} == {
        *("vertebrae", "order", "discs", "sizes", "ends", "canal", "counts"),
        *("field of view", "names"),
    }


def test_an_odd_header_is_a_finding(model: ModelSpine) -> None:
    scene = split_masks(model.spine, model.vert)
    found = check_masks(scene, measure_spine(scene), SURE, ["Both positions differ."])
    assert found[0] == Finding(OVERALL, "look", "", "Both positions differ.")
    remedy = REMEDIES[HEADER_CHECK]
    assert found[-1] == Finding(HEADER_CHECK, "look", "", "Both positions differ.", remedy)


def test_masks_are_not_changed(model: ModelSpine) -> None:
    before = model.spine.get_array().copy(), model.vert.get_array().copy()
    findings(model.spine, model.vert)
    assert np.array_equal(before[0], model.spine.get_array())
    assert np.array_equal(before[1], model.vert.get_array())


def test_a_name_left_out(model: ModelSpine) -> None:
    vert = repaint(model.vert, {21: 20, 20: 19, 19: 18, 121: 120, 120: 119, 119: 118})
    assert ("order", "fail", "L3") in serious(findings(model.spine, vert))


def test_names_in_the_wrong_order(model: ModelSpine) -> None:
    vert = repaint(model.vert, {21: 22, 22: 21, 121: 122, 122: 121})
    found = serious(findings(model.spine, vert))
    assert ("order", "fail", "L3") in found


def test_a_missing_disc(model: ModelSpine) -> None:
    found = findings(repaint(model.spine, {}), repaint(model.vert, {121: 0}))
    assert serious(found) == {("discs", "look", "L2-L3")}
    assert found[0].verdict == "look"
    assert "no disc L2-L3" in found[0].reason


def test_a_disc_with_the_number_of_another(model: ModelSpine) -> None:
    found = serious(findings(model.spine, repaint(model.vert, {120: 122, 122: 120})))
    assert ("discs", "fail", "L1-L2") in found


def test_a_vertebra_in_two_pieces(model: ModelSpine) -> None:
    vert = repaint(model.vert, {22: 20})
    found = serious(findings(model.spine, vert))
    assert ("vertebrae", "look", "L1") in found


def test_a_body_of_another_size(model: ModelSpine) -> None:
    vert = model.vert.get_array().copy()
    rows = np.flatnonzero((vert == 22).any(axis=(0, 2)))
    thin = vert[:, rows[0] : rows[0] + 12]
    thin[thin == 22] = 0
    found = serious(findings(model.spine, model.vert.set_array(vert, seg=True, verbose=False)))
    assert any(check == "sizes" and level == "L3" for check, _, level in found)


def test_six_lumbar_vertebrae() -> None:
    six = model_spine(zoom=ZOOM, numbers=(19, 20, 21, 22, 23, 24, 25))
    labels = [*SURE, {"name": "L6", "confidence": 0.9}]
    assert serious(findings(six.spine, six.vert, labels)) == {("counts", "look", "lumbar")}


def test_an_image_that_is_too_narrow(model: ModelSpine) -> None:
    p, i, r = model.vert.shape
    box = (slice(0, p), slice(0, i), slice(0, r // 2))
    found = findings(model.spine.apply_crop(box), model.vert.apply_crop(box))
    told = [f for f in found if f.check == "field of view"]
    # once a scan, and no reason to look
    assert [(f.verdict, f.level) for f in told] == [("pass", "")]
    assert "narrower than 6 of 6 bodies" in told[0].reason


@pytest.mark.parametrize(
    ("below", "expected"), [(6, set()), (-2, {("field of view", "look", "L1")})]
)
def test_a_spine_may_leave_the_image_aslant(
    model: ModelSpine, below: int, expected: set[tuple[str, str, str]]
) -> None:
    vert, spine = (mask.get_array().copy() for mask in (model.vert, model.spine))
    first = int(np.flatnonzero((vert == 19).any(axis=(0, 2)))[0])
    place, row, middle = (int(np.median(x)) for x in np.nonzero((vert == 20) & (spine == 49)))
    strip = (slice(place - 1, place + 2), slice(None, row), slice(middle - 1, middle + 2))
    vert[strip], spine[strip] = 20, 49  # L1 reaches the upper border, which cuts T12 or does not
    box = (slice(None), slice(first + below, None), slice(None))
    masks = (
        mask.set_array(array, seg=True, verbose=False).apply_crop(box)
        for mask, array in ((model.spine, spine), (model.vert, vert))
    )
    found = serious(findings(*masks))
    assert {one for one in found if one[0] == "field of view"} == expected


@pytest.mark.parametrize(
    ("confidences", "expected"),
    [
        ([0.9, 0.8, 0.9], set()),
        ([0.9, 0.6, 0.9], {("names", "look", "")}),
        ([0.1, 0.2, 0.9], {("names", "fail", "")}),
    ],
)
def test_confidence(
    model: ModelSpine, confidences: list[float], expected: set[tuple[str, str, str]]
) -> None:
    labels = [
        {"name": name, "confidence": value, "sequences": "L1 to L4 (0.60); L2 to L5 (0.35)"}
        for name, value in zip(NAMES.values(), confidences, strict=False)
    ]
    found = findings(model.spine, model.vert, labels)
    assert serious(found) == expected
    reasons = [f.reason for f in found if f.check == "names" and f.reason]
    assert all("L2 to L5 (0.35)" in r for r in reasons)
    remedies = {f.remedy for f in found if f.check == "names"}
    assert remedies == ({REMEDIES["names"]} if expected else {""})
    assert found[0].remedy == ""


def test_counted_vertebrae_are_not_named(model: ModelSpine) -> None:
    found = findings(model.spine, model.vert, None)
    assert serious(found) == {("names", "look", "")}


def test_no_vertebra(model: ModelSpine) -> None:
    empty = model.vert.set_array(np.zeros(model.vert.shape, np.uint16), seg=True, verbose=False)
    found = findings(model.spine, empty)
    assert [f.verdict for f in found] == ["fail", "fail"]
