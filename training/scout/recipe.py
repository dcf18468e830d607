"""The network that finds the spine on a coarse grid: what it is, its loss, its package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.models.config import MODALITIES
from spineps_nipype.models.export import write_semantic_package
from spineps_nipype.models.spine_region import SPACING
from training.common import nnunet
from training.common.package_config import package_config
from training.scout.samples import IGNORED

FEATURES: Final = (8, 16, 16, 16)
KERNELS: Final = ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3))
STRIDES: Final = ((1, 1, 1), (1, 2, 2), (2, 2, 2), (1, 2, 2))
"""Axes are R, I, P. Views may be one voxel wide in R: the finest levels look within slices."""
LARGEST_TILE: Final = (24, 160, 104)
"""Voxels in R, I, P up to which a scan is one tile: 120 x 800 x 520 mm."""
ARCHITECTURE: Final = nnunet.architecture(FEATURES, KERNELS, STRIDES)
CONFIG: Final = package_config(
    log_name="spineps-nipype search for the spine (not a SPINEPS release)",
    modality=[kind for kind in MODALITIES if kind != "SEG"],
    acquisition="iso",
    resolution_range=list(SPACING),
    labels={"1": 1},
    shrink_tile=True,
)
SPINE_WEIGHT: Final = 4.0
"""Weight of spine in the loss: what is missed is lost, what is too much costs time only."""


def build_network() -> nn.Module:
    """Untrained network."""
    return nnunet.build(ARCHITECTURE, channels=1, outputs=2)


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Weighted cross-entropy, and the share of spine that is found.

    Parameters
    ----------
    batch
        One sample or several: image (samples, looks, 1, z, y, x), target without the 1.
    """
    logits = network(batch["image"].flatten(0, 1)).float()
    target = batch["target"].flatten(0, 1)
    weights = torch.tensor((1.0, SPINE_WEIGHT), device=logits.device)
    total = functional.cross_entropy(
        logits, target, weights, ignore_index=IGNORED, reduction="sum"
    )
    spine = target == 1
    # a sample may hold nothing that counts
    entropy = total / (SPINE_WEIGHT * spine.sum() + (target == 0).sum()).clamp_min(1)
    found = (logits.detach().argmax(1) == 1)[spine].float().mean() if spine.any() else 1.0
    return entropy, {"found": float(found)}


def write_package(folder: Path, network: nn.Module) -> None:
    """Write the package, weights in half precision."""
    write_semantic_package(
        folder,
        [network],
        config=CONFIG,
        architecture=ARCHITECTURE,
        patch_size=LARGEST_TILE,
        spacing=SPACING[::-1],
        class_names=["background", "spine"],
    )
