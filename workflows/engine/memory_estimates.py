"""How much memory the nodes of a scan need.

The factors were measured on one processor with the networks of SPINEPS' shapes; they are upper
bounds for the scheduler, not limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from spineps_nipype.bids.header import ScanHeader
from spineps_nipype.core.files import read_json
from spineps_nipype.errors import ResourceError
from spineps_nipype.models.config import ModelConfig
from spineps_nipype.models.package import ModelPackage
from spineps_nipype.spineps.settings import PipelineSettings

BASE_GB: Final = 0.6
"""Interpreter with nipype, TPTBox and scipy [GB]."""
TORCH_GB: Final = 0.9
"""The same with torch loaded, as built for the processor alone [GB]."""
GPU_BUILD_GB: Final = 0.45
"""What a build of torch for GPUs holds beyond that, also where there is no GPU: 0.69 instead of
0.27 after the import of version 2.13 [GB]."""
GPU_LIBRARIES: Final = ("lib/libtorch_cuda.so", "lib/libtorch_hip.so")
BYTES_PER_VOXEL: Final[Mapping[str, float]] = {
    "conform": 24,
    "spine_crop": 24,
    "preprocess": 60,
    "semantic": 60,
    "instance": 40,
    "post_process": 60,
    "label_vertebrae": 60,
    "finalize_masks": 60,
    "centroids": 40,
    "corrected_spine_raw": 24,
    "corrected_spine": 24,
    "corrected_vert_raw": 24,
    "corrected_vert": 24,
    "fix_names": 40,
    "session_names": 40,
    "snapshot": 60,
    "measure": 40,
}
"""Copies of the volume that a phase holds at once [bytes a voxel]."""
OTHER_BYTES: Final = 40
"""The same of a node that was not measured [bytes a voxel]."""
CLASS_BYTES: Final = 12
"""Logits, their sum and a softmax in float32, for each class and voxel [bytes]."""
NETWORKS: Final = frozenset({"spine_crop", "semantic", "instance", "label_vertebrae"})
LIVE_MAPS: Final = 9
"""Feature maps of the finest level that are alive at once, measured for both U-Nets."""
MAP_BYTES: Final = 4
INSTANCE_WIDTH: Final = 16
"""Channels of the finest level of the widest instance network."""
USUAL_VOXELS: Final = 20_000_000
"""Size of a large sagittal scan, where the image is not known [voxels]."""
USUAL_CLASSES: Final = 15
USUAL_NETWORK_GB: Final[Mapping[str, float]] = {
    "semantic": 2.0,
    "instance": 4.0,
    "label_vertebrae": 1.0,
}
"""Feature maps where the network is not known [GB]."""
GB: Final = 1e9


@cache
def torch_gb() -> float:
    """Interpreter with the torch that is installed [GB]; it is not imported."""
    torch = find_spec("torch")
    folders = torch.submodule_search_locations if torch is not None else None
    for_gpu = any(Path(home, name).exists() for home in folders or () for name in GPU_LIBRARIES)
    return TORCH_GB + GPU_BUILD_GB * for_gpu


def node_memory(
    node: str,
    *,
    voxels: int = USUAL_VOXELS,
    model_voxels: int | None = None,
    classes: int = USUAL_CLASSES,
    network_gb: float | None = None,
) -> float:
    """Estimated peak memory of a node in GB.

    Parameters
    ----------
    node
        Name of the node in the workflow of one scan.
    voxels
        Voxels of the scan.
    model_voxels
        Voxels on the grid of the semantic model, if that is known.
    classes
        Classes of the semantic model.
    network_gb
        Feature maps of the network, if they are known.
    """
    held = BYTES_PER_VOXEL.get(node, OTHER_BYTES) * voxels
    if node == "semantic":
        held += CLASS_BYTES * classes * (voxels if model_voxels is None else model_voxels)
    if node not in NETWORKS:
        return round(BASE_GB + held / GB, 2)
    maps = USUAL_NETWORK_GB.get(node, 0.0) if network_gb is None else network_gb
    return round(torch_gb() + maps + held / GB, 2)


def scan_memory(
    header: ScanHeader, models: Mapping[str, ModelPackage | None], settings: PipelineSettings
) -> dict[str, float]:
    """Estimated peak memory of every node for a scan, in GB.

    Parameters
    ----------
    header
        Grid of the scan.
    models
        Packages by kind.
    settings
        Options of the phases; the batch of the instance network counts.
    """
    semantic, instance = models["semantic"], models["instance"]
    on_model: int | None = None
    maps: dict[str, float | None] = {}
    classes = USUAL_CLASSES
    if semantic is not None:
        on_model = model_voxels(header, semantic.config)
        classes = max([USUAL_CLASSES, *(c + 1 for c in semantic.config.labels)])
        maps["semantic"] = _tile_gb(semantic)
    if instance is not None:
        batch = settings.instance.proc_inst_batch_size
        cutout = math.prod(instance.config.cutout_size)
        maps["instance"] = batch * cutout * INSTANCE_WIDTH * LIVE_MAPS * MAP_BYTES / GB
    return {
        node: node_memory(
            node,
            voxels=math.prod(header.shape[:3]),
            model_voxels=on_model,
            classes=classes,
            network_gb=maps.get(node),
        )
        for node in BYTES_PER_VOXEL
    }


def model_voxels(header: ScanHeader, config: ModelConfig) -> int:
    """Voxels of a scan on the grid of a model."""
    zoom = {_AXIS[c]: z for c, z in zip(header.axis_codes, header.zooms, strict=True)}
    target = config.target_spacing([zoom[_AXIS[c]] for c in config.orientation])
    return math.ceil(math.prod(header.shape[:3]) * math.prod(header.zooms) / math.prod(target))


_AXIS: Final[Mapping[str, str]] = {"A": "P", "P": "P", "S": "I", "I": "I", "L": "R", "R": "R"}


def check_tiles(models: Mapping[str, Any], memory_gb: float) -> None:
    """Refuse networks of which a single tile needs more memory than the run may fill.

    Parameters
    ----------
    models
        Packages by kind; those that are no nnU-Net packages are passed over.
    memory_gb
        What the run may fill [GB].

    Raises
    ------
    ResourceError
        If there is such a network; one that cuts its tiles to the image is none.
    """
    for package in models.values():
        if not isinstance(package, ModelPackage) or package.config.shrink_tile:
            continue
        needed = _tile_gb(package)
        if needed is not None and needed > memory_gb:
            raise ResourceError(
                f"A tile of the network {package.id} needs about {needed:.1f} GB of memory, "
                f"the run may fill {memory_gb:.1f} GB.",
                file=package.weights / "plans.json",
                remedy="Give the run more memory (--mem), or use another model.",
            )


def _tile_gb(package: ModelPackage) -> float | None:
    """Feature maps of one tile of an nnU-Net package, None if its plans cannot be read."""
    plans = read_json(package.weights / "plans.json")
    try:
        sizes = []
        at_spine = math.prod(package.config.spine_tile or (0,))
        for one in plans["configurations"].values():
            described = one.get("architecture", {}).get("arch_kwargs", {})
            width = described.get("features_per_stage", [one.get("UNet_base_num_features", 32)])[0]
            sizes.append(max(math.prod(map(int, one["patch_size"])), at_spine) * int(width))
        return max(sizes, default=0) * LIVE_MAPS * MAP_BYTES / GB or None
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        return None
