"""Packages whose files say what cannot be: refused with words, skipped in a search."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spineps_nipype.errors import ModelError
from spineps_nipype.models import package_files
from spineps_nipype.models.inference.semantic import load_semantic
from spineps_nipype.models.networks.semantic_unet import build_semantic_unet
from spineps_nipype.models.package import load_package
from spineps_nipype.models.plans import BLOCKS, block_of
from spineps_nipype.models.spineps_packages import list_packages, spineps_package
from tests.models.conftest import ARCHITECTURE, config, write_old_plans

NAN, INFINITY = float("nan"), float("inf")
ODD_CONFIGS: list[dict[str, Any]] = [
    {"log_name": 5},
    {"log_name": "two\nlines"},
    {"modality": [["T2w"]]},
    {"modality": {}},
    {"modeltype": []},
    {"model_expected_orientation": ["P", "I"]},
    {"model_expected_orientation": ["P", "I", "A"]},
    {"model_expected_orientation": "XYZ"},
    {"model_expected_orientation": None},
    {"available_folds": 0},
    {"available_folds": 10**9},
    {"available_folds": ["../../elsewhere"]},
    {"available_folds": []},
    {"available_folds": {"0": 1}},
    {"inference_augmentation": "no"},
    {"inference_augmentation": []},
    {"resolution_range": 2.0},
    {"resolution_range": "abc"},
    {"resolution_range": [1, 1, NAN]},
    {"resolution_range": [1, 1, INFINITY]},
    {"resolution_range": [1, 1, 1e-9]},
    {"resolution_range": [1, 1, -1]},
    {"resolution_range": [1, 1, True]},
    {"resolution_range": [[2, 2, 2], [1, 1, 1]]},
    {"default_step_size": 0},
    {"default_step_size": -0.5},
    {"default_step_size": 1e-9},
    {"default_step_size": 1.5},
    {"default_step_size": NAN},
    {"default_step_size": "0.5"},
    {"default_step_size": None},
    {"labels": []},
    {"labels": {"1": -1}},
    {"labels": {"1": 10**9}},
    {"labels": {"1": 1.5}},
    {"labels": {"-1": 1}},
    {"labels": {"1": [1]}},
    {"labels": {"1": "9" * 5000}},
    {"mapping": [1, 2]},
    {"cutout_size": [8, 8, 8 * 10**6]},
    {"cutout_size": [8, 8]},
    {"cutout_size": [1024, 1024, 1024]},
    {"sacrum_ids": 26},
    {"seed_erosion": -1},
    {"seed_erosion": 10**9},
    {"corpus_size_cleaning": "many"},
    {"anomaly_cost": INFINITY},
    {"shrink_tile": "yes"},
    {"spine_step": 0},
    {"border_mm": -1},
    {"border_mm": "2"},
    {"expected_inputs": "picture"},
]


@pytest.mark.parametrize("changes", ODD_CONFIGS, ids=lambda c: f"{next(iter(c.items()))}"[:40])
def test_the_configuration_is_checked_when_it_is_loaded(
    semantic_folder: Path, changes: dict[str, Any]
) -> None:
    (semantic_folder / "inference_config.json").write_text(json.dumps(config(**changes)))
    with pytest.raises(ModelError, match=next(iter(changes))) as caught:
        load_package(semantic_folder)
    assert str(semantic_folder / "inference_config.json") in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(semantic_folder))


def _entry(content: dict[str, Any], place: str) -> tuple[dict[str, Any], str]:
    *path, key = place.split(".")
    for name in path:
        content = content[name]
    return content, key


FULL = "configurations.3d_fullres"
KWARGS = f"{FULL}.architecture.arch_kwargs"
ODD_PLANS: list[tuple[str, Any]] = [
    (f"{FULL}.patch_size", [8, 16]),
    (f"{FULL}.patch_size", [0, 16, 16]),
    (f"{FULL}.patch_size", [8, 16, 10**9]),
    (f"{FULL}.patch_size", [1024, 1024, 1024]),
    (f"{FULL}.patch_size", "8"),
    (f"{FULL}.patch_size", [8, 16, NAN]),
    (f"{FULL}.spacing", [4.0, 2.0]),
    (f"{FULL}.spacing", [4.0, 2.0, 0.0]),
    (f"{FULL}.spacing", [4.0, 2.0, NAN]),
    (f"{FULL}.spacing", [4.0, 2.0, "2"]),
    (f"{FULL}.normalization_schemes", []),
    (f"{FULL}.normalization_schemes", ["os.system"]),
    (f"{FULL}.normalization_schemes", ["CTNormalization"]),
    (f"{FULL}.use_mask_for_norm", [3]),
    (f"{FULL}.inherits_from", "3d_fullres"),
    (f"{FULL}.inherits_from", "nothing"),
    (f"{FULL}.inherits_from", []),
    (f"{FULL}.resampling_fn_data_kwargs", {"device": "cuda"}),
    (f"{FULL}.resampling_fn_data_kwargs", {"order": 10**6}),
    (f"{FULL}.architecture", []),
    (f"{FULL}.architecture.arch_kwargs", None),
    (f"{FULL}.architecture.network_class_name", 5),
    (f"{FULL}.architecture._kw_requires_import", "conv_op"),
    (f"{KWARGS}.n_stages", 10**9),
    (f"{KWARGS}.n_stages", 3),
    (f"{KWARGS}.features_per_stage", [4, 10**9]),
    (f"{KWARGS}.features_per_stage", [8192, 8192]),
    (f"{KWARGS}.kernel_sizes", [[3, 3, 3], [3, 3, 10**6]]),
    (f"{KWARGS}.strides", [[1, 1, 1], [1, 2, -2]]),
    (f"{KWARGS}.n_conv_per_stage", [1, 10**9]),
    (f"{KWARGS}.n_conv_per_stage_decoder", []),
    (f"{KWARGS}.conv_op", "os.system"),
    (f"{KWARGS}.conv_op", 5),
    (f"{KWARGS}.nonlin", "torch.nn.attention.warn"),
    ("configurations", []),
    ("configurations.3d_fullres", "x"),
    ("transpose_forward", [0, 1, 1]),
    ("transpose_forward", [1, 2, 0]),
    ("transpose_backward", [0, 1, 7]),
    ("foreground_intensity_properties_per_channel", 1),
]
ODD_DATASETS: list[tuple[str, Any]] = [
    ("labels", []),
    ("labels", {}),
    ("labels", {"background": 0}),
    ("labels", {"background": 0, "a": -1}),
    ("labels", {"background": 0, "a": "1"}),
    ("labels", {"background": 0, "a": [1, [2]]}),
    ("labels", {"background": 0, "a": [1, 2], "b": [2]}),
    ("labels", {"background": 0, "a\nb": 1}),
    ("channel_names", {}),
    ("channel_names", ["image"]),
    ("channel_names", {str(n): "image" for n in range(99)}),
]


@pytest.mark.parametrize(
    ("file", "place", "value"),
    [
        *(("plans.json", place, value) for place, value in ODD_PLANS),
        *(("dataset.json", place, value) for place, value in ODD_DATASETS),
    ],
)
def test_plans_and_data_set_are_checked_when_they_are_loaded(
    semantic_folder: Path, file: str, place: str, value: Any
) -> None:
    path = semantic_folder / file
    content = json.loads(path.read_text())
    entry, key = _entry(content, place)
    entry[key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError) as caught:
        load_package(semantic_folder)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("place", ["labels", "channel_names"])
def test_what_is_missing_is_named(semantic_folder: Path, place: str) -> None:
    path = semantic_folder / "dataset.json"
    content = json.loads(path.read_text())
    del content[place]
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=f"{place} is missing"):
        load_package(semantic_folder)


def test_two_dimensional_configurations_are_not_looked_at(semantic_folder: Path) -> None:
    path = semantic_folder / "plans.json"
    content = json.loads(path.read_text())
    content["configurations"]["2d"] = {"patch_size": [8, 8], "spacing": "odd"}
    path.write_text(json.dumps(content))
    assert load_semantic(load_package(semantic_folder)).plan.patch == (8, 16, 16)


def test_an_old_description_is_checked_too(semantic_folder: Path) -> None:
    write_old_plans(semantic_folder, "PlainConvUNet", [1, 1])
    load_package(semantic_folder)
    write_old_plans_again = json.loads((semantic_folder / "plans.json").read_text())
    write_old_plans_again["configurations"]["3d_fullres"]["UNet_base_num_features"] = 10**9
    (semantic_folder / "plans.json").write_text(json.dumps(write_old_plans_again))
    with pytest.raises(ModelError, match="UNet_base_num_features"):
        load_package(semantic_folder)


def test_building_blocks_come_from_where_the_table_says() -> None:
    for attribute, module in BLOCKS.items():
        assert block_of(f"{module}.{attribute}") == (module, attribute)
        found = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert (found.__module__, found.__name__) == (module, attribute)
        assert issubclass(found, torch.nn.Module)
    assert block_of("torch.nn.Conv3d") == ("torch.nn.modules.conv", "Conv3d")


@pytest.mark.parametrize(
    "name",
    [
        "warnings.warn",
        "torch.nn.attention.warn",
        "torch.nn.utils.stateless.warnings.warn",
        "torch.nn.modules.container.OrderedDict",
        "torch.nn.utils.prune.ABC",
        "torch.nn.functional.DType",
        "torch.nn.Conv3d.__init__",
        "torch.nn.parallel.Conv3d",
        "evil.Conv3d",
        "torch.nn.modules.conv.Conv3d ",
        "Conv3d",
        "",
        None,
        ["torch.nn.Conv3d"],
    ],
)
def test_nothing_else_can_be_named(name: Any, recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(ValueError, match="is not a network building block"):
        block_of(name)
    architecture = json.loads(json.dumps(ARCHITECTURE))
    architecture["arch_kwargs"]["nonlin"] = name
    if name is not None:  # no activation at all may be asked for
        with pytest.raises(ModelError, match=r"is not a network building block.*plans\.json"):
            build_semantic_unet({"architecture": architecture}, 1, 3, "plans.json")
    assert not recwarn


@pytest.mark.parametrize(
    "changes", [{"conv_bias": "x", "norm_op_kwargs": 5}, {"unknown": 1}, {"nonlin_kwargs": [1]}]
)
def test_arguments_that_no_network_takes(changes: dict[str, Any]) -> None:
    architecture = json.loads(json.dumps(ARCHITECTURE))
    architecture["arch_kwargs"] |= changes
    with pytest.raises(ModelError, match=r"No network can be built from the plans"):
        build_semantic_unet({"architecture": architecture}, 1, 3, "plans.json")


def _empty(path: Path) -> None:
    path.write_text("")


def _deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inference_config.json").write_text("{")


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00{")


@pytest.mark.parametrize(
    "spoil", [_empty, _deep, _folder, _dangling, _loop, _pipe, _binary], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("file", ["inference_config.json", "plans.json", "dataset.json"])
def test_one_odd_package_is_skipped_with_its_reason(
    tmp_path: Path,
    semantic_folder: Path,
    file: str,
    spoil: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    models = tmp_path / "models"
    shutil.copytree(semantic_folder, models / "Good")
    shutil.copytree(semantic_folder, models / "Odd")
    spoil(models / "Odd" / file)
    monkeypatch.setenv("SPINEPS_SEGMENTOR_MODELS", str(models))
    ids = [package.id for package in list_packages("semantic")]
    assert ids == ["good", "compact_semantic", "compact_semantic_ct"]
    assert spineps_package("good", "semantic").folder == models / "Good"
    if spoil is not _folder or file != "inference_config.json":
        assert "model package skipped: " in caplog.text
        assert str(models / "Odd") in caplog.text


def test_a_json_file_without_end(semantic_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_files, "MAX_JSON_BYTES", 100)
    with pytest.raises(ModelError, match="has 0 MB, 0 MB are allowed"):
        load_package(semantic_folder)
