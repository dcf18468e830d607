"""Weights of VIBESeg: looked for where they are said to go."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from TPTBox import NII

from spineps_nipype.errors import EmptyResultError, ModelError
from spineps_nipype.models.finding import find_package
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.models.registry import registry
from spineps_nipype.spineps.spine_crop import crop_to_spine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder that the variable names."""
    folder = tmp_path / "vibeseg"
    folder.mkdir()
    monkeypatch.setenv("VIBESEG_WEIGHTS_PATH", str(folder))
    return folder


def install(home: Path, package: Path, name: str) -> Path:
    """The layout of the release: a folder of nnU-Net without a configuration of SPINEPS."""
    target = home / "Dataset100_VIBESeg" / name
    shutil.copytree(package, target)
    (target / "inference_config.json").unlink()
    dataset = json.loads((target / "dataset.json").read_text())
    (target / "dataset.json").write_text(json.dumps({**dataset, "orientation": ["L", "P", "S"]}))
    return target


def test_weights_below_the_folder_of_the_variable(home: Path, semantic_folder: Path) -> None:
    folder = install(home, semantic_folder, "nnUNetTrainer__nnUNetPlans__3d_fullres")
    package = find_package("vibeseg", "semantic")
    assert package.folder == folder
    assert package.config.orientation == ("L", "P", "S")
    assert package.config.folds == ("0", "1")
    # Plans count axes the other way round: (4, 2, 2) mm in network axes.
    assert package.config.spacing_min == (2.0, 2.0, 4.0)
    assert not package.config.mirroring
    weights = folder / "fold_0" / "checkpoint_final.pth"
    weights.write_bytes(weights.read_bytes() + b"x")
    assert find_package("vibeseg", "semantic").digest != package.digest != ""
    weights.write_bytes(weights.read_bytes()[:-1])
    assert load_semantic(package).class_labels == (0, 1, 2)


def test_plans_without_the_configuration_that_is_run(home: Path, semantic_folder: Path) -> None:
    folder = install(home, semantic_folder, "nnUNetTrainer__nnUNetPlans__3d_fullres")
    plans = json.loads((folder / "plans.json").read_text())
    (folder / "plans.json").write_text(json.dumps({**plans, "configurations": {}}))
    with pytest.raises(ModelError, match="3d_fullres"):
        find_package("vibeseg", "semantic")


def test_residual_encoders_come_first(home: Path, semantic_folder: Path) -> None:
    install(home, semantic_folder, "nnUNetTrainer__nnUNetPlans__3d_fullres")
    better = install(home, semantic_folder, "nnUNetTrainer__nnUNetResEncUNetLPlans__3d_fullres")
    assert find_package("vibeseg", "semantic").folder == better


def test_the_crop_runs_with_installed_weights(home: Path, semantic_folder: Path) -> None:
    """Random weights know no spine: the message says what to do."""
    install(home, semantic_folder, "nnUNetTrainer__nnUNetPlans__3d_fullres")
    array = np.random.default_rng(0).normal(100, 20, (20, 24, 9)).astype(np.float32)
    image = NII(nib.Nifti1Image(array, np.diag([2.0, 2.0, 4.0, 1.0])), False)
    with pytest.raises(EmptyResultError, match="--auto-crop-to-spine no"):
        crop_to_spine(image)


def test_absent_weights_are_told_with_place_and_address(home: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find_package("vibeseg", "semantic")
    assert caught.value.file == home
    assert registry()["vibeseg"].url in caught.value.remedy
    assert "--auto-crop-to-spine no" in caught.value.remedy
