"""The compact EPI cord network: what it is, what it learns from its samples, its package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.common import nnunet
from training.common.package_config import package_config
from training.sc_epi.samples import PATCH, SPACING

ARCHITECTURE: Final = nnunet.architecture(
    features=(8, 16, 32, 48, 48),
    kernels=((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    strides=((1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 2, 2), (1, 2, 2)),
)
CONFIG: Final = package_config(
    log_name="spineps-nipype compact EPI cord (not a release of EPISeg)",
    modality=["T2w"],
    acquisition="ax",
    orientation=("R", "A", "S"),
    resolution_range=[1.0, 1.0, 1.0],
    shrink_tile=True,
)
CORD_WEIGHT: Final = 1.0
"""Of the cord in the cross-entropy; the background has 1."""
SMOOTH: Final = 10.0
"""Voxels added to both sides of the Dice ratio."""


def build_network() -> nn.Module:
    """Untrained network."""
    return nnunet.build(ARCHITECTURE, channels=1, outputs=2)


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy and Dice of the cord, as the training loop calls it."""
    logits = network(batch["image"]).float()
    target = batch["target"]
    weights = torch.tensor([1.0, CORD_WEIGHT], device=logits.device)
    entropy = functional.cross_entropy(logits, target, weights)
    soft, truth = logits.softmax(1)[:, 1], (target == 1).float()
    overlap = 2 * (soft * truth).sum() + SMOOTH
    dice = 1 - overlap / (soft.sum() + truth.sum() + SMOOTH)
    return entropy + dice, {"entropy": float(entropy.detach()), "dice": float(dice.detach())}


def write_package(folder: Path, network: nn.Module) -> None:
    """Write the package in the layout of the release: the folder of a trainer inside `folder`."""
    nnunet.write_package(
        folder,
        network,
        config=CONFIG,
        architecture=ARCHITECTURE,
        patch=PATCH,
        spacing=SPACING,
        channels=("bold",),
        labels={"background": 0, "sc": 1},
        name="Dataset000_CompactEpiCord",
    )
