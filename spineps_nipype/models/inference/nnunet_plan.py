"""What `plans.json` and `dataset.json` of an nnU-Net result folder say about its network.

nnU-Net's `PlansManager` says the same, and more. It is not used: loading it costs half a second of
CPU in every process that runs a network, and what is read here is one entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spineps_nipype.models.plans import check_dataset, check_plans, inherited
from spineps_nipype.models.values import wrong

from .tile_plan import Shape


@dataclass(frozen=True)
class Plan:
    """One configuration.

    Parameters
    ----------
    configuration
        Entry of the plans, by the name in the checkpoint.
    forward, backward
        Axis permutations to and from the network.
    properties
        Intensity statistics by channel.
    regions
        Classes in the order in which regions overwrite each other, None for softmax training.
    channels, classes
        Input and output channels.
    """

    configuration: Mapping[str, Any]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    properties: Mapping[str, Mapping[str, Any]]
    regions: tuple[int, ...] | None
    channels: int
    classes: int

    @property
    def patch(self) -> Shape:
        """Tile size in voxels."""
        size = [int(v) for v in self.configuration["patch_size"]]
        return size[0], size[1], size[2]

    @property
    def strides(self) -> tuple[int, ...]:
        """Total down-sampling of the network along each axis."""
        arch = self.configuration.get("architecture", {}).get("arch_kwargs", {})
        strides = arch.get("strides", self.configuration.get("pool_op_kernel_sizes"))
        return tuple(int(v) for v in np.prod(np.array(strides), axis=0))


def plan_of(plans: Mapping[str, Any], dataset: Mapping[str, Any], name: str) -> Plan:
    """The plan of a configuration.

    Parameters
    ----------
    plans, dataset
        Content of `plans.json` and `dataset.json`.
    name
        Name of the configuration, such as ``3d_fullres``.

    Raises
    ------
    ValueError
        If an entry is missing, or has a type or a range that it cannot have.
    """
    if not isinstance(name, str):
        raise wrong("the configuration in the checkpoint", "a text", name)
    check_plans(plans, check_dataset(dataset), name)
    labels = dict(dataset["labels"])
    labels.pop("ignore", None)
    by_region = any(isinstance(v, list | tuple) and len(v) > 1 for v in labels.values())
    regions = None
    classes = len(labels)
    if by_region:
        regions = tuple(int(v) for v in dataset["regions_class_order"])
        classes = len(regions)
    return Plan(
        inherited(plans["configurations"], name),
        tuple(plans["transpose_forward"]),
        tuple(plans["transpose_backward"]),
        plans.get("foreground_intensity_properties_per_channel", {}),
        regions,
        len(dataset["channel_names"]),
        classes,
    )
