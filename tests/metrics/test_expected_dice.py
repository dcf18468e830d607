"""Expected Dice: the line, its interval, its table, and the check that reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.core.tables import write_rows
from spineps_nipype.errors import ModelError
from spineps_nipype.metrics.checks import check_masks
from spineps_nipype.metrics.expected_dice import (
    FEATURES,
    NUMBERS,
    DiceLine,
    DiceModel,
    ExpectedDice,
    expected_dice,
    read_dice_model,
    read_evidence,
    share_of,
)
from spineps_nipype.metrics.findings import OVERALL
from spineps_nipype.metrics.quality import QUALITY, Quality, judge_quality
from spineps_nipype.metrics.spine_metrics import measure_spine, split_masks
from spineps_nipype.metrics.tables import expected_quality

from .model_spine import model_spine

LINES = {
    name: DiceLine(0.0, {"soft_dice": 1.0, "irregularity": 2.0}, 0.5)
    for name in ("vertebra", "disc", "canal")
}
MODEL = DiceModel(LINES, look=0.8, wrong=0.75)


def row(**values: float) -> dict[str, float]:
    usual = {
        "soft_dice": 0.9,
        "inside": 0.95,
        "outside": 0.05,
        "border": 0.4,
        "irregularity": 0.0,
        "gap": 0.0,
        "specks": 0.0,
        "roughness": 0.3,
        "coverage": 1.0,
        "slice_thickness": 1.0,
        "volume": 1e5,
        "pieces": 7.0,
    }
    return {**usual, **values}


def table(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "look": 0.8,
        "wrong": 0.75,
        "packages": ["abc"],
        "structures": {
            "disc": {"intercept": 1.0, "weights": {"soft_dice": 0.5}, "spread": 0.3},
        },
    }
    return {**said, **changes}


def written(folder: Path, content: Any) -> Path:
    path = folder / "expected_dice.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_line_is_one_on_log_odds() -> None:
    found = expected_dice({"disc": row(soft_dice=0.8)}, MODEL)
    half = 0.5 * (1 + 0.75 * (2 - 1.386))
    ends = (round(share_of(1.386 + side), 3) for side in (-half, half))
    assert found == [ExpectedDice("disc", 0.8, *ends)]
    good = expected_dice({"disc": row(soft_dice=0.9)}, MODEL)
    assert good == [ExpectedDice("disc", 0.9, 0.845, 0.937)]
    doubtful = expected_dice({"disc": row(soft_dice=0.8, irregularity=0.5)}, MODEL)[0]
    assert doubtful.dice == pytest.approx(share_of(1.386 - 1), abs=1e-3)


def test_every_feature_rises_as_doubts_fall() -> None:
    good = {
        "disc": row(soft_dice=0.95, inside=0.98, outside=0.02, border=0.2, specks=0.0),
        "canal": row(soft_dice=0.95),
    }
    bad = {
        "disc": row(
            soft_dice=0.6,
            inside=0.6,
            outside=0.4,
            border=0.9,
            irregularity=0.8,
            gap=0.5,
            specks=0.3,
            roughness=0.9,
            coverage=0.5,
            slice_thickness=6.0,
        ),
        "canal": row(soft_dice=0.5),
    }
    for name, feature in FEATURES.items():
        assert feature(good, "disc") > feature(bad, "disc"), name


def test_ends_of_the_scale_are_finite() -> None:
    steep = DiceModel({"disc": DiceLine(900.0, {"soft_dice": 900.0}, 900.0)}, 0.8, 0.75)
    for value in (0.0, 1.0):
        evidence = {"disc": row(soft_dice=value, inside=value, outside=value)}
        one = expected_dice(evidence, MODEL)[0]
        assert 0 < one.low <= one.dice <= one.high < 1
        assert 0 <= expected_dice(evidence, steep)[0].low <= 1


def test_evidence_that_is_no_number_is_left_out() -> None:
    rows = [
        {"structure": "disc", **{name: str(value) for name, value in row().items()}},
        {"structure": "canal", **row(), "soft_dice": "much"},
        {"structure": "vertebra", **row(), "border": None},
        {"structure": "sacrum", **row(), "coverage": "nan"},
        {"structure": "cord", "soft_dice": 0.9},
        row(),
    ]
    assert read_evidence(rows) == {"disc": {name: row()[name] for name in NUMBERS}}


def test_a_table_is_read(tmp_path: Path) -> None:
    model = read_dice_model(written(tmp_path, table()))
    assert model.lines == {"disc": DiceLine(1.0, {"soft_dice": 0.5}, 0.3)}
    assert (model.look, model.wrong, model.packages) == (0.8, 0.75, frozenset({"abc"}))


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        {},
        table(look=2),
        table(structures={"disc": {"intercept": 1, "weights": {"luck": 1}, "spread": 1}}),
        table(structures={"disc": {"intercept": "x", "weights": {}, "spread": 1}}),
        table(structures={"disc": {"intercept": 1e300, "weights": {}, "spread": 1}}),
        table(structures=[1]),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, content: Any) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ModelError, match=r"expected Dice cannot be used") as raised:
        read_dice_model(path)
    assert raised.value.file == path


def test_without_evidence_or_numbers_nothing_is_told(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence.tsv"
    write_rows([{"structure": "disc", **row()}], evidence)
    model = written(tmp_path, table())
    told = expected_quality(evidence, model)
    assert told is not None
    assert [one.structure for one in told.expected] == ["disc"]
    assert expected_quality(None, model) is None
    empty = tmp_path / "empty.tsv"
    write_rows([], empty, ["structure", "soft_dice"])
    assert expected_quality(empty, model) is None
    assert expected_quality(evidence, None) is None


def test_verdicts() -> None:
    told = [
        ExpectedDice("vertebra", 0.9, 0.85, 0.94),
        ExpectedDice("disc", 0.77, 0.7, 0.84),
    ]
    found = {f.structure: f for f in judge_quality(Quality(told, MODEL))}
    assert {name: f.verdict for name, f in found.items()} == {
        "vertebra": "pass",
        "disc": "look",
        "canal": "look",
    }
    assert "0.77 (0.70 to 0.84)" in found["disc"].reason
    assert found["canal"].reason == "The mask shows no canal."
    poor = [ExpectedDice("disc", 0.5, 0.4, 0.7)]
    assert next(f for f in judge_quality(Quality(poor, MODEL)) if f.expected).verdict == "fail"


def test_the_check_has_rows_only_where_a_dice_is_expected() -> None:
    model = model_spine(zoom=(1.5, 1.5, 3.0))
    scene = split_masks(model.spine, model.vert)
    rows = measure_spine(scene)
    without = check_masks(scene, rows, None)
    assert QUALITY not in {f.check for f in without}
    told = [ExpectedDice(name, 0.6, 0.5, 0.7) for name in LINES]
    found = check_masks(scene, rows, None, quality=Quality(told, MODEL))
    own = [f for f in found if f.check == QUALITY]
    assert [f.level for f in own] == list(LINES)
    assert {f.expected_dice for f in own} == {0.6}
    assert {(f.expected_dice_low, f.expected_dice_high) for f in own} == {(0.5, 0.7)}
    assert all("seg-spine" in f.remedy for f in own)
    assert found[0].check == OVERALL
    assert found[0].verdict == "fail"
    assert found[0].expected_dice is None
