"""nnU-Net networks of the compact packages: description, construction and files.

The files are those that nnU-Net leaves after training, in a folder named after trainer, plans and
configuration, with an `inference_config.json` beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from torch import nn

from spineps_nipype.models.export import CONFIGURATION, TRAINER, write_semantic_package
from spineps_nipype.models.networks.fast_norm import speed_up
from spineps_nipype.models.networks.semantic_unet import build_semantic_unet

TRAINER_FOLDER: Final = f"{TRAINER}__nnUNetPlans__{CONFIGURATION}"
Sizes = Sequence[Sequence[int]]


def architecture(features: Sequence[int], kernels: Sizes, strides: Sizes) -> dict[str, Any]:
    """Description of a plain U-Net in the form of `plans.json`, two convolutions a stage.

    Parameters
    ----------
    features
        Channels of each stage, finest first.
    kernels, strides
        Sizes of the kernels and strides of each stage, in the axes of the network (z, y, x).
    """
    stages = len(features)
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": list(features),
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [list(k) for k in kernels],
            "strides": [list(s) for s in strides],
            "n_conv_per_stage": [2] * stages,
            "n_conv_per_stage_decoder": [2] * (stages - 1),
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def build(description: Mapping[str, Any], channels: int, outputs: int) -> nn.Module:
    """Untrained network of a description from `architecture`."""
    network = build_semantic_unet({"architecture": description}, channels, outputs, "training")
    return speed_up(network)


def write_package(
    folder: Path,
    network: nn.Module,
    *,
    config: Mapping[str, Any],
    architecture: Mapping[str, Any],
    patch: Sequence[int],
    spacing: Sequence[float],
    channels: Sequence[str],
    labels: Mapping[str, int | Sequence[int]],
    name: str,
    region_order: Sequence[int] | None = None,
) -> None:
    """Write the folder of the trainer inside `folder`, weights in half precision.

    Parameters
    ----------
    patch, spacing
        In the axes of the network (z, y, x); voxels and mm.
    channels
        Names of the input channels; a channel called ``noNorm`` is not normalised.
    labels
        Name to class, or to the classes of a region.
    name
        Name of the data set.
    region_order
        Class that each region writes, for networks whose outputs are regions.
    """
    home = folder / TRAINER_FOLDER
    write_semantic_package(
        home,
        [network],
        config=config,
        architecture=architecture,
        patch_size=patch,
        spacing=spacing,
        class_names=list(labels),
        channels=len(channels),
    )
    plans = json.loads((home / "plans.json").read_text())
    plans["dataset_name"] = name
    configuration = plans["configurations"][CONFIGURATION]
    configuration["normalization_schemes"] = [
        "NoNormalization" if c == "noNorm" else "ZScoreNormalization" for c in channels
    ]
    configuration["use_mask_for_norm"] = [False] * len(channels)
    dataset = json.loads((home / "dataset.json").read_text())
    dataset["channel_names"] = {str(i): c for i, c in enumerate(channels)}
    dataset["labels"] = {k: v if isinstance(v, int) else list(v) for k, v in labels.items()}
    if region_order is not None:
        dataset["regions_class_order"] = list(region_order)
    for path, content in (("plans.json", plans), ("dataset.json", dataset)):
        (home / path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def last_layer(network: nn.Module) -> nn.Module:
    """The layer that gives the scores at full resolution."""
    layers = network.get_submodule("decoder.seg_layers")
    assert isinstance(layers, nn.ModuleList)
    return layers[-1]
