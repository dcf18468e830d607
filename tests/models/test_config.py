"""The configuration of a package is read as SPINEPS reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spineps_nipype.errors import ModelError
from spineps_nipype.models.config import ModelConfig
from tests.models.conftest import config


def test_defaults_and_names() -> None:
    made = ModelConfig.from_dict(
        config(labels={"1": "Vertebra_Corpus_border", "2": "T13", "3": 7})
    )
    assert made.labels == {1: 49, 2: 28, 3: 7}
    assert made.folds == ("0",)
    assert made.sacrum_ids == (26,)
    assert made.metal == (80,)
    assert made.mapping[50] == 9
    assert made.mapping[26] == 0
    assert made.kind == "semantic"
    assert not made.is_ct


@pytest.mark.parametrize(
    ("modeltype", "modality", "kind"),
    [("classifier", "T2w", "labeling"), ("unet", "SEG", "instance"), ("nnunet", "CT", "semantic")],
)
def test_kind(modeltype: str, modality: str, kind: str) -> None:
    made = ModelConfig.from_dict(config(modeltype=modeltype, modality=modality))
    assert made.kind == kind
    assert made.is_ct is (modality == "CT")


@pytest.mark.parametrize(
    ("folds", "names"), [(3, ("0", "1", "2")), ("all", ("all",)), ([1, 4], ("1", "4"))]
)
def test_folds(folds: Any, names: tuple[str, ...]) -> None:
    assert ModelConfig.from_dict(config(available_folds=folds)).folds == names


def test_spacing_as_json_lists_is_a_range() -> None:
    made = ModelConfig.from_dict(config(resolution_range=[[1.8, 1.8, 3.5], [2.2, 2.2, 5.0]]))
    assert made.target_spacing((1.0, 2.0, 9.0)) == (1.8, 2.0, 5.0)


def test_thresholds_do_not_depend_on_a_fixed_spacing() -> None:
    made = ModelConfig.from_dict(config())
    assert made.corpus_cleaning_voxels((2.0, 2.0, 4.0)) == 100
    assert made.vertebra_cleaning_voxels((2.0, 2.0, 4.0)) == 250


def test_thresholds_of_a_range_are_constant_in_mm3() -> None:
    made = ModelConfig.from_dict(config(resolution_range=[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]))
    assert made.vertebra_cleaning_voxels((1.0, 1.0, 1.0)) == 250
    assert made.vertebra_cleaning_voxels((2.0, 2.0, 1.0)) == 62
    # never below 37 mm3
    assert made.corpus_cleaning_voxels((2.0, 2.0, 2.0)) == 12


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"modality": "XRAY"}, "XRAY"),
        ({"acquisition": "oblique"}, "oblique"),
        ({"modeltype": "vit"}, "vit"),
        ({"resolution_range": [1.0, 2.0]}, "resolution_range|iterable"),
        ({"resolution_range": [0, 1, 1]}, r"resolution_range\[0\] must be a number from 0.02"),
        ({"labels": {"1": "nonsense"}}, "nonsense"),
        ({"cutout_size": [10, 16, 16]}, "multiples of 8"),
    ],
)
def test_nonsense_is_refused_with_its_file(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    path = tmp_path / "inference_config.json"
    path.write_text(json.dumps(config(**changes)))
    with pytest.raises(ModelError, match=says) as caught:
        ModelConfig.from_json(path)
    assert str(path) in str(caught.value)


def test_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "inference_config.json"
    content = config()
    del content["labels"]
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match="missing keys: labels"):
        ModelConfig.from_json(path)


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_damaged_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "inference_config.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match=r"damaged|no file|not a JSON object"):
        ModelConfig.from_json(path)
