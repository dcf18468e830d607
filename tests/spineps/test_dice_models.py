"""Which table of the expected Dice holds for a package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spineps_nipype.errors import ModelError
from spineps_nipype.metrics.expected_dice import FILE, read_dice_model
from spineps_nipype.models.package import load_package
from spineps_nipype.models.spineps_packages import spineps_package
from spineps_nipype.spineps import dice_models
from spineps_nipype.spineps.dice_models import OURS, dice_model_file
from spineps_nipype.spineps.evidence import STRUCTURES
from spineps_nipype.spineps.recipe import RECIPE, provenance
from spineps_nipype.spineps.settings import PipelineSettings


def test_our_table_is_of_the_package_that_comes_with_it() -> None:
    package = spineps_package("compact_semantic", "semantic")
    assert dice_model_file(package) == OURS
    model = read_dice_model(OURS)
    assert set(model.lines) == set(STRUCTURES)
    assert model.wrong <= model.look < 1


def test_it_holds_for_no_other_package(tmp_path: Path) -> None:
    ours = spineps_package("compact_semantic", "semantic").folder
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in ours.glob("*.json"):
        shutil.copy(path, folder)
    assert dice_model_file(load_package(folder)) is None


def test_a_package_may_bring_its_own(tmp_path: Path) -> None:
    ours = spineps_package("compact_semantic", "semantic").folder
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in ours.glob("*.json"):
        shutil.copy(path, folder)
    own = folder / FILE
    own.write_text("{")
    assert dice_model_file(load_package(folder)) == own
    with pytest.raises(ModelError, match="remove this file"):
        read_dice_model(own)


def test_another_table_of_ours_makes_the_checks_again_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = provenance(PipelineSettings(), {})
    table = tmp_path / FILE
    table.write_bytes(OURS.read_bytes() + b"\n")
    monkeypatch.setattr(dice_models, "OURS", table)
    dice_models.table_digest.cache_clear()
    after = provenance(PipelineSettings(), {})
    dice_models.table_digest.cache_clear()
    changed = [p.name for p in RECIPE.phases if before.record(p.name) != after.record(p.name)]
    assert changed == ["metrics"]
