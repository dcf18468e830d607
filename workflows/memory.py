"""How much memory the nodes of a scan need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BASE_GB: Final = 0.6
"""Interpreter with nipype, TPTBox and scipy [GB]."""
TORCH_GB: Final = 0.9
"""The same with torch loaded [GB]."""
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
    "snapshot": 60,
}
"""Copies of the volume that a phase holds at once [bytes a voxel]."""
CLASS_BYTES: Final = 12
"""Logits, their weights and a softmax in float32, for each class and voxel [bytes]."""
NETWORKS: Final = frozenset({"spine_crop", "semantic", "instance", "label_vertebrae"})
USUAL_VOXELS: Final = 20_000_000
"""Size of a large sagittal scan on its own grid, where the image is not known [voxels]."""
USUAL_CLASSES: Final = 15
NETWORK_GB: Final[Mapping[str, float]] = {"semantic": 2.0, "instance": 4.0, "label_vertebrae": 1.0}
"""Feature maps of the released networks [GB]."""


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
    held = BYTES_PER_VOXEL[node] * voxels
    if node == "semantic":
        held += CLASS_BYTES * classes * (voxels if model_voxels is None else model_voxels)
    if node not in NETWORKS:
        return round(BASE_GB + held / 1e9, 2)
    maps = NETWORK_GB.get(node, 0.0) if network_gb is None else network_gb
    return round(TORCH_GB + maps + held / 1e9, 2)
