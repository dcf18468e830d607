"""The fit of the expected Dice: cases, halves, regression, bound, table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spineps_nipype.metrics.expected_dice import FEATURES, expected_dice, read_dice_model, share_of
from spineps_nipype.phantom.damage import DAMAGES, LEVELS
from spineps_nipype.spineps.evidence import STRUCTURES
from training.common.phantom_seeds import HELD_OUT_SEEDS
from training.quality.cases import (
    FIT,
    PHANTOM,
    REAL,
    TEST,
    TRUTH,
    draw_case,
    make_case,
    subjects_of,
)
from training.quality.fit import Known, content, figures, fit, fit_weights

SUBJECTS = ["sub-001", "sub-002", "sub-003"]


def test_a_case_is_drawn_the_same_twice_and_numbers_differ() -> None:
    cases = [draw_case(FIT, REAL, number, SUBJECTS) for number in range(60)]
    assert cases == [draw_case(FIT, REAL, number, SUBJECTS) for number in range(60)]
    assert len({case.name for case in cases}) == 60
    assert {case.scan for case in cases} == set(SUBJECTS)
    counts = [len(case.steps) for case in cases]
    assert set(counts) == {0, 1, 2}
    kinds = {step.kind for case in cases for step in case.steps}
    assert len(kinds) > 0.8 * len(DAMAGES)


def test_phantoms_of_the_test_were_never_trained_on() -> None:
    fit_seeds, test_seeds = (
        {int(draw_case(half, PHANTOM, n, []).scan) for n in range(40)} for half in (FIT, TEST)
    )
    assert not fit_seeds & set(HELD_OUT_SEEDS)
    assert test_seeds <= set(HELD_OUT_SEEDS)


def test_halves_share_no_subject(tmp_path: Path) -> None:
    for subject in ("sub-005", "sub-007", "sub-085"):
        for folder in (tmp_path, tmp_path / "derivatives" / "manual"):
            (folder / subject / "anat").mkdir(parents=True)
        (tmp_path / subject / "anat" / f"{subject}_T2w.nii.gz").touch()
        masks = tmp_path / "derivatives" / "manual" / subject / "anat"
        (masks / f"{subject}_dseg.nii.gz").touch()
    assert subjects_of(FIT, tmp_path) == ["sub-005"]
    assert subjects_of(TEST, tmp_path) == ["sub-007"]


def test_a_phantom_case_has_image_and_masks() -> None:
    case = draw_case(FIT, PHANTOM, 0, [])
    scan = make_case(case, None)
    assert scan.image.shape == scan.masks[TRUTH].shape == scan.masks[LEVELS].shape
    assert set(np.unique(scan.masks[LEVELS])) <= {0, *range(1, 26), 28}


def known(quality: float, half: str, scan: int, rng: np.random.Generator) -> Known:
    """A case whose evidence and Dice both tell of one quality, with some noise."""
    evidence: dict[str, dict[str, float]] = {}
    dice: dict[str, float] = {}
    for name in STRUCTURES:
        soft, true = (share_of(quality + rng.normal(0, 0.15)) for _ in "ab")
        evidence[name] = {
            "soft_dice": soft,
            "inside": soft,
            "outside": 1 - soft,
            "border": 1 - soft,
            "irregularity": float(rng.uniform(0, 0.2)),
            "gap": 0.0,
            "specks": 0.0,
            "roughness": 0.3,
            "coverage": 1.0,
            "slice_thickness": 1.0,
        }
        dice[name] = true
    said: dict[str, Any] = {"half": half, "scan": str(scan), "source": PHANTOM}
    return Known(said, evidence, dice)


@pytest.fixture(scope="module")
def cases() -> list[Known]:
    rng = np.random.default_rng(0)
    return [known(rng.uniform(-1, 3), FIT, n % 30, rng) for n in range(120)]


def test_what_can_be_told_is_found(cases: list[Known]) -> None:
    model = fit(cases[:80], list(FEATURES))
    said = figures(cases[80:], model)
    for name in STRUCTURES:
        assert said[name]["rank correlation"] > 0.9
        assert said[name]["in the interval"] > 0.75
        assert all(weight > 0 for weight in model.lines[name].weights.values())
        assert "roughness" not in model.lines[name].weights  # it is the same everywhere
    flagged, wrong = map(int, said["flagged of those below 0.75"].split(" of "))
    assert flagged >= 0.9 * wrong > 0


def test_only_features_that_are_asked_for_weigh(cases: list[Known]) -> None:
    model = fit(cases, ["inside"])
    assert {name for line in model.lines.values() for name in line.weights} == {"inside"}


def test_weights_are_never_negative() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(50, len(FEATURES)))
    used = [True] * len(FEATURES)
    _, weights = fit_weights(features, -features[:, 0], used)
    assert weights.min() >= 0
    assert weights[0] == pytest.approx(0, abs=1e-6)
    intercept, weights = fit_weights(features, np.full(50, 1.5), used)
    assert intercept == pytest.approx(1.5)
    assert weights == pytest.approx(0, abs=1e-6)


def test_the_file_can_be_read(cases: list[Known], tmp_path: Path) -> None:
    import json

    model = fit(cases, ["soft_dice"])
    path = tmp_path / "expected_dice.json"
    path.write_text(json.dumps(content(model, "digest", {"fit": figures(cases, model)})))
    read = read_dice_model(path)
    assert read.packages == {"digest"}
    assert expected_dice(cases[0].evidence, read) == expected_dice(cases[0].evidence, model)
