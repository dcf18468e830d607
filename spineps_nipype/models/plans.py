"""Types and ranges of `plans.json` and `dataset.json` of nnU-Net, checked before they are used.

Both come with a package, from anywhere. Nothing in them is imported or called by its name: what a
network may be built of is a table here, by class and by the module that it comes from.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from spineps_nipype.errors import ModelError

from .package_files import AGAIN, read_package_json
from .values import (
    entry_of,
    listed,
    mapping,
    real,
    spacing,
    switch,
    text,
    whole,
    words,
    wrong,
)

MAX_CLASS: Final = 1000
"""Highest class of a network."""
MAX_CHANNELS: Final = 32
MAX_SIDE: Final = 1024
"""Longest side of a tile [voxels]."""
MAX_TILE: Final = 1 << 27
"""Most voxels of a tile: a cube of 512."""
MAX_STAGES: Final = 16
MAX_WIDTH: Final = 8192
"""Most channels of a layer."""
MAX_KERNEL: Final = 31
MAX_LAYERS: Final = 64
"""Most convolutions of a stage."""
MAX_WEIGHTS: Final = 1e9
"""Most weights of a network: 4 GB; the largest that is known has a tenth of it."""
SCHEMES: Final = (
    "ZScoreNormalization",
    "CTNormalization",
    "NoNormalization",
    "RescaleTo01Normalization",
    "RGBTo01Normalization",
)
"""Intensity schemes of nnU-Net."""
CT_SCHEME: Final = "CTNormalization"
CT_PROPERTIES: Final = ("mean", "std", "percentile_00_5", "percentile_99_5")
RESAMPLING_ARGUMENTS: Final = frozenset(
    {
        "is_seg",
        "order",
        "order_z",
        "force_separate_z",
        "separate_z_anisotropy_threshold",
        "mode",
        "aniso_axis_mode",
        "memefficient_seg_resampling",
    }
)
"""Arguments of the resampling functions of nnU-Net that plans may set."""
_TORCH: Final = "torch.nn.modules"
BLOCKS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Conv2d", "Conv3d"), f"{_TORCH}.conv"),
    **dict.fromkeys(("InstanceNorm2d", "InstanceNorm3d"), f"{_TORCH}.instancenorm"),
    **dict.fromkeys(("BatchNorm2d", "BatchNorm3d"), f"{_TORCH}.batchnorm"),
    **dict.fromkeys(("Dropout", "Dropout2d", "Dropout3d"), f"{_TORCH}.dropout"),
    **dict.fromkeys(
        ("LeakyReLU", "ReLU", "PReLU", "ELU", "GELU", "SiLU", "Mish"), f"{_TORCH}.activation"
    ),
    **dict.fromkeys(
        ("BasicBlockD", "BottleneckD"), "dynamic_network_architectures.building_blocks.residual"
    ),
}
"""Building blocks that plans may name: class, and the module that it comes from."""


def block_of(name: object) -> tuple[str, str]:
    """Module and class of a building block that plans name.

    Parameters
    ----------
    name
        Full name; those of torch also below ``torch.nn``.

    Raises
    ------
    ValueError
        If it is none of `BLOCKS`, whatever there is under that name.
    """
    module, _, attribute = name.rpartition(".") if isinstance(name, str) else ("", "", "")
    home = BLOCKS.get(attribute)
    spelled = {home, "torch.nn", _TORCH} if home and home.startswith(_TORCH) else {home}
    if home is None or module not in spelled:
        raise ValueError(
            f"{name!r} is not a network building block; those are {', '.join(BLOCKS)}"
        )
    return home, attribute


def check_result_folder(folder: Path) -> None:
    """Check `dataset.json` and `plans.json` of a result folder, as far as they are there.

    Raises
    ------
    ModelError
        If a file is damaged, or an entry has a type or a range that it cannot have.
    """
    dataset, plans = folder / "dataset.json", folder / "plans.json"
    if os.path.lexists(dataset):
        described = read_package_json(dataset)
        with blamed_on(dataset):
            channels = check_dataset(described)
        if os.path.lexists(plans):
            planned = read_package_json(plans)
            with blamed_on(plans):
                check_plans(planned, channels)


@contextmanager
def blamed_on(file: str | Path) -> Iterator[None]:
    """Turn what is wrong with a value into a `ModelError` that names the file."""
    try:
        yield
    except ValueError as fault:
        raise ModelError(
            f"The model package is not valid: {fault}.", file=file, remedy=AGAIN
        ) from fault


def check_dataset(dataset: Mapping[str, Any]) -> int:
    """Check the content of `dataset.json`; returns the number of channels.

    Raises
    ------
    ValueError
        If an entry has a type or a range that it cannot have.
    """
    labels = mapping(entry_of(dataset, "labels"), "labels")
    by_region = False
    for name, value in labels.items():
        place = f"labels.{text(name, 'a name of labels')}"
        if isinstance(value, list | tuple):
            by_region = by_region or len(value) > 1
            listed(value, place, _class)
        else:
            _class(value, place)
    if len(set(labels) - {"ignore"}) < 1 + ("background" in labels):
        raise ValueError("labels names nothing but the background")
    if by_region:
        order = listed(entry_of(dataset, "regions_class_order"), "regions_class_order", _class)
        regions = len(set(labels) - {"ignore", "background"})
        if len(order) != regions:
            raise wrong("regions_class_order", f"a list of {regions}", list(order))
    channels = len(mapping(entry_of(dataset, "channel_names"), "channel_names"))
    return whole(channels, "the number of channel_names", 1, MAX_CHANNELS)


def check_plans(plans: Mapping[str, Any], channels: int, used: str = "") -> None:
    """Check the content of `plans.json`: axes, and every 3-D configuration.

    Parameters
    ----------
    plans
        Content of the file.
    channels
        What `check_dataset` returns.
    used
        The configuration that is used, if that is known.

    Raises
    ------
    ValueError
        If an entry has a type or a range that it cannot have.
    """
    forward, backward = (_axes(plans, f"transpose_{way}") for way in ("forward", "backward"))
    if [forward[axis] for axis in backward] != [0, 1, 2]:
        raise wrong("transpose_backward", f"the inverse of {list(forward)}", list(backward))
    properties = mapping(
        plans.get("foreground_intensity_properties_per_channel", {}),
        "foreground_intensity_properties_per_channel",
    )
    configurations = mapping(entry_of(plans, "configurations"), "configurations")
    for name in configurations:
        configuration = inherited(configurations, name)
        patch = configuration.get("patch_size")
        planar = isinstance(patch, list | tuple) and len(patch) == 2
        if planar and name != used and not name.startswith("3d"):
            continue  # 2-D networks are not used
        check_configuration(configuration, f"configurations.{name}", channels, properties)


def inherited(
    configurations: Mapping[str, Any], name: str, heirs: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A configuration with what it inherits from others.

    Raises
    ------
    ValueError
        If one is missing, or they inherit from each other in a circle.
    """
    if name in heirs or len(heirs) > MAX_STAGES:
        raise ValueError(f"configurations inherit in a circle: {', '.join(heirs)}")
    if name not in configurations:
        raise ValueError(f"configurations.{name} is missing")
    entry = dict(mapping(configurations[name], f"configurations.{name}"))
    parent = entry.pop("inherits_from", None)
    if parent is None:
        return entry
    parent = text(parent, f"configurations.{name}.inherits_from")
    return {**inherited(configurations, parent, (*heirs, name)), **entry}


def check_configuration(
    configuration: Mapping[str, Any],
    place: str,
    channels: int,
    properties: Mapping[str, Any],
) -> None:
    """Check one 3-D configuration.

    Parameters
    ----------
    configuration
        Its entry of the plans, with what it inherits.
    place
        What messages call it.
    channels
        Input channels.
    properties
        Intensity statistics by channel.

    Raises
    ------
    ValueError
        If an entry has a type or a range that it cannot have.
    """
    patch = listed(
        entry_of(configuration, "patch_size"),
        f"{place}.patch_size",
        lambda value, name: whole(value, name, 1, MAX_SIDE),
        3,
    )
    if math.prod(patch) > MAX_TILE:
        raise wrong(f"{place}.patch_size", f"below {MAX_TILE} voxels", list(patch))
    spacing(entry_of(configuration, "spacing"), f"{place}.spacing")
    schemes = listed(
        entry_of(configuration, "normalization_schemes"),
        f"{place}.normalization_schemes",
        lambda value, name: words(value, SCHEMES, name)[0],
        channels,
    )
    listed(configuration.get("use_mask_for_norm", []), f"{place}.use_mask_for_norm", switch)
    for number, scheme in enumerate(schemes):
        if scheme == CT_SCHEME:
            key = f"foreground_intensity_properties_per_channel.{number}"
            known = mapping(properties.get(str(number)), key)
            for name in CT_PROPERTIES:
                real(entry_of(known, name), f"{key}.{name}", -1e9, 1e9)
    _check_resampling(configuration, place)
    if "architecture" in configuration:
        check_architecture(configuration["architecture"], f"{place}.architecture")
    else:
        check_old_style(configuration, place)


def check_architecture(described: object, place: str) -> None:
    """Check the description of a network: sizes, and the building blocks that it names.

    Raises
    ------
    ValueError
        If an entry has a type or a range that it cannot have.
    """
    architecture = mapping(described, place)
    text(entry_of(architecture, "network_class_name"), f"{place}.network_class_name")
    place = f"{place}.arch_kwargs"
    arguments = mapping(entry_of(architecture, "arch_kwargs"), place)
    for key in listed(architecture.get("_kw_requires_import", []), "_kw_requires_import", text):
        if arguments.get(key) is not None:
            block_of(arguments[key])
    layers = "n_blocks_per_stage" if "n_blocks_per_stage" in arguments else "n_conv_per_stage"
    _check_sizes(arguments, place, _stages(arguments, place), layers)


def _stages(arguments: Mapping[str, Any], place: str) -> int:
    """Number of resolution levels of a network."""
    return whole(entry_of(arguments, "n_stages"), f"{place}.n_stages", 1, MAX_STAGES)


def check_old_style(configuration: Mapping[str, Any], place: str) -> None:
    """Check the description of a network as nnU-Net wrote it before version 2.3.

    Raises
    ------
    ValueError
        If an entry has a type or a range that it cannot have.
    """
    text(entry_of(configuration, "UNet_class_name"), f"{place}.UNet_class_name")
    kernels = entry_of(configuration, "conv_kernel_sizes")
    stages = len(listed(kernels, f"{place}.conv_kernel_sizes", lambda value, _: value))
    whole(stages, f"the length of {place}.conv_kernel_sizes", 1, MAX_STAGES)
    width = whole(
        entry_of(configuration, "UNet_base_num_features"),
        f"{place}.UNet_base_num_features",
        1,
        MAX_WIDTH,
    )
    most = whole(
        entry_of(configuration, "unet_max_num_features"),
        f"{place}.unet_max_num_features",
        1,
        MAX_WIDTH,
    )
    arguments = {
        "features_per_stage": [min(width * 2**stage, most) for stage in range(stages)],
        "kernel_sizes": kernels,
        "strides": entry_of(configuration, "pool_op_kernel_sizes"),
        "n_conv_per_stage": entry_of(configuration, "n_conv_per_stage_encoder"),
        "n_conv_per_stage_decoder": entry_of(configuration, "n_conv_per_stage_decoder"),
    }
    _check_sizes(arguments, place, stages, "n_conv_per_stage")


def _check_sizes(arguments: Mapping[str, Any], place: str, stages: int, layers: str) -> None:
    """Widths, kernels, strides and layers of each level, and what they make together."""

    def each(key: str, high: int, length: int = stages) -> list[list[int]]:
        return list(_levels(entry_of(arguments, key), f"{place}.{key}", high, length))

    widths, kernels = each("features_per_stage", MAX_WIDTH), each("kernel_sizes", MAX_KERNEL)
    each("strides", MAX_STAGES)
    encoder = each(layers, MAX_LAYERS)
    each("n_conv_per_stage_decoder", MAX_LAYERS, stages - 1)
    weights = sum(
        number[0] * width[0] ** 2 * (math.prod(kernel) if len(kernel) > 1 else kernel[0] ** 3)
        for width, kernel, number in zip(widths, kernels, encoder, strict=True)
    )
    if weights > MAX_WEIGHTS:
        raise ValueError(
            f"{place} describes a network of about {weights:.1g} weights; "
            f"{MAX_WEIGHTS:.0g} are allowed"
        )


def _levels(value: object, place: str, high: int, length: int) -> Iterator[list[int]]:
    """One size for all levels, or one a level; each a number, or one an axis."""
    if not isinstance(value, list | tuple):
        value = [value] * length
    for level in listed(value, place, lambda one, _: one, length):
        sizes = level if isinstance(level, list | tuple) else [level]
        if len(sizes) not in (1, 3):
            raise wrong(place, "one size a level, or one an axis", level)
        yield [whole(size, place, 1, high) for size in sizes]


def _check_resampling(configuration: Mapping[str, Any], place: str) -> None:
    name = f"{place}.resampling_fn_data_kwargs"
    arguments = mapping(configuration.get("resampling_fn_data_kwargs", {}), name)
    for key, value in arguments.items():
        if key not in RESAMPLING_ARGUMENTS:
            raise ValueError(f"{name} has the unknown argument {key!r}")
        if isinstance(value, str):
            text(value, f"{name}.{key}")
        elif value is not None:
            real(int(value) if isinstance(value, bool) else value, f"{name}.{key}", 0, 10)


def _class(value: object, name: str) -> int:
    return whole(value, name, 0, MAX_CLASS)


def _axes(plans: Mapping[str, Any], name: str) -> tuple[int, ...]:
    axes = listed(entry_of(plans, name), name, lambda value, place: whole(value, place, 0, 2), 3)
    if len(set(axes)) != 3:
        raise wrong(name, "the axes 0, 1 and 2 in some order", list(axes))
    return axes
