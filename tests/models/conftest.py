"""Model packages of a few kilobytes with seeded random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from spineps_nipype.models.export import (
    write_instance_package,
    write_labeling_package,
    write_semantic_package,
)
from spineps_nipype.models.networks.classifier import VertebraClassifier
from spineps_nipype.models.networks.densenet import DenseNet
from spineps_nipype.models.networks.instance_unet import InstanceUNet
from spineps_nipype.models.networks.semantic_unet import build_semantic_unet

HEADS = {"VERT": 24, "REGION": 3, "FULLYVISIBLE": 2}
ARCHITECTURE: dict[str, Any] = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": 2,
        "features_per_stage": [4, 8],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3], [3, 3, 3]],
        "strides": [[1, 1, 1], [1, 2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "nonlin"],
}


def config(**changes: Any) -> dict[str, Any]:
    """Content of an inference_config.json."""
    return {
        "log_name": "tiny",
        "modality": ["T2w", "T1w"],
        "acquisition": "sag",
        "modeltype": "nnunet",
        "model_expected_orientation": ["P", "I", "R"],
        "available_folds": 1,
        "inference_augmentation": False,
        "resolution_range": [2.0, 2.0, 4.0],
        "default_step_size": 0.5,
        "labels": {"1": 49, "2": "Vertebra_Disc"},
        "expected_inputs": ["img"],
        **changes,
    }


def write_result_json(folder: Path, labels: dict[str, Any]) -> None:
    """Write `dataset.json` and `plans.json` of an nnU-Net result folder."""
    dataset = {"labels": labels, "channel_names": {"0": "image"}}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    configuration = {
        "spacing": [4.0, 2.0, 1.0],
        "patch_size": [8, 16, 16],
        "normalization_schemes": ["ZScoreNormalization"],
        "architecture": ARCHITECTURE,
    }
    plans = {
        "configurations": {"3d_fullres": configuration},
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
    }
    (folder / "plans.json").write_text(json.dumps(plans))


def write_old_plans(folder: Path, name: str, blocks: list[int]) -> None:
    """Describe the network of a package as nnU-Net did before version 2.3."""
    path = folder / "plans.json"
    plans = json.loads(path.read_text())
    entry = plans["configurations"]["3d_fullres"]
    del entry["architecture"]
    entry |= {
        "UNet_class_name": name,
        "UNet_base_num_features": 4,
        "unet_max_num_features": 320,
        "conv_kernel_sizes": [[3, 3, 3], [3, 3, 3]],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2]],
        "n_conv_per_stage_encoder": blocks,
        "n_conv_per_stage_decoder": [1],
    }
    path.write_text(json.dumps(plans))


@pytest.fixture
def semantic_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    networks = [build_semantic_unet({"architecture": ARCHITECTURE}, 1, 3, "t") for _ in range(2)]
    folder = tmp_path / "Tiny_Semantic"
    write_semantic_package(
        folder,
        networks,
        config=config(available_folds=2),
        architecture=ARCHITECTURE,
        patch_size=[8, 16, 16],
        spacing=[4.0, 2.0, 2.0],
        class_names=["background", "corpus", "disc"],
        mirror_axes=(0, 1, 2),
        half=False,
    )
    return folder


@pytest.fixture
def instance_folder(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    folder = tmp_path / "tiny_instance"
    settings = config(
        modality="SEG", modeltype="unet", labels={"1": 1, "2": 2, "3": 3}, expected_inputs=["seg"]
    )
    write_instance_package(folder, InstanceUNet(8, 11), config=settings, half=False)
    return folder


@pytest.fixture
def labeling_folder(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    folder = tmp_path / "tiny_labeling"
    write_labeling_package(
        folder,
        VertebraClassifier(DenseNet((1, 2), growth=4, first=8, bottleneck=8), HEADS, True),
        config=config(modeltype="classifier", labels={}),
        heads=HEADS,
        final_size=(24, 24, 16),
        data_name="tiny_v4corpus",
        score=0.5,
        half=False,
    )
    return folder
