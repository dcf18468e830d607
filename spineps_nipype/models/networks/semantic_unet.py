"""nnU-Net networks from `plans.json`, in the old and the new style of description.

The architectures come from dynamic_network_architectures; trainer classes are never looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import nn

from spineps_nipype.errors import ModelError
from spineps_nipype.models.plans import (
    blamed_on,
    block_of,
    check_architecture,
    check_old_style,
)

ARCHITECTURES = ("PlainConvUNet", "ResidualEncoderUNet")
ARCHITECTURE_MODULE = "dynamic_network_architectures.architectures.unet"


def build_semantic_unet(
    configuration: Mapping[str, Any], channels: int, classes: int, source: str
) -> nn.Module:
    """Network of one nnU-Net configuration, with fresh weights.

    Parameters
    ----------
    configuration
        Entry of `plans.json` under ``configurations``.
    channels, classes
        Input channels and output classes.
    source
        Name of the plans file, for messages.

    Raises
    ------
    ModelError
        If the description names an unknown architecture or building block.
    """
    with blamed_on(source):
        if "architecture" in configuration:
            name, arguments = _new_style(configuration["architecture"])
        else:
            name, arguments = _old_style(configuration)
    if name not in ARCHITECTURES:
        raise ModelError(
            f"The plans name the architecture {name!r}; supported are {', '.join(ARCHITECTURES)}.",
            file=source,
            remedy="Use a package with one of these.",
        )
    try:
        network: nn.Module = getattr(import_module(ARCHITECTURE_MODULE), name)(
            input_channels=channels, num_classes=classes, deep_supervision=False, **arguments
        )
    except Exception as err:  # the constructors check little, and by assertions
        raise ModelError(
            f"No network can be built from the plans: {type(err).__name__}: {err}.",
            file=source,
            remedy="Install the semantic package again.",
        ) from err
    return network


def _new_style(architecture: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    check_architecture(architecture, "architecture")
    arguments = dict(architecture["arch_kwargs"])
    for key in architecture.get("_kw_requires_import", ()):
        if arguments.get(key) is not None:
            module, attribute = block_of(arguments[key])
            arguments[key] = getattr(import_module(module), attribute)
    arguments.pop("deep_supervision", None)
    return str(architecture["network_class_name"]).rpartition(".")[2], arguments


def _old_style(configuration: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Network description of nnU-Net before version 2.3."""
    check_old_style(configuration, "the configuration")
    kernels = configuration["conv_kernel_sizes"]
    stages = len(kernels)
    base = int(configuration["UNet_base_num_features"])
    most = int(configuration["unet_max_num_features"])
    three_d = len(kernels[0]) == 3
    name = str(configuration["UNet_class_name"])
    encoder = configuration["n_conv_per_stage_encoder"]
    arguments: dict[str, Any] = {
        "n_stages": stages,
        "features_per_stage": [min(base * 2**stage, most) for stage in range(stages)],
        "conv_op": nn.Conv3d if three_d else nn.Conv2d,
        "kernel_sizes": kernels,
        "strides": configuration["pool_op_kernel_sizes"],
        "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
        "conv_bias": True,
        "norm_op": nn.InstanceNorm3d if three_d else nn.InstanceNorm2d,
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": nn.LeakyReLU,
        "nonlin_kwargs": {"inplace": True},
    }
    key = "n_blocks_per_stage" if name == "ResidualEncoderUNet" else "n_conv_per_stage"
    return name, {**arguments, key: encoder}
