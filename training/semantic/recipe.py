"""The compact semantic network: what it is, what it learns from its samples, its package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from spineps_nipype.core.anatomy import MR_LABELS, SPINE_NAMES
from spineps_nipype.models.export import write_semantic_package
from training.common import nnunet
from training.common.calibration import weights_before_shifts, with_shifts
from training.common.loop import average_weights
from training.common.package_config import package_config
from training.common.patches import FINEST
from training.semantic.marginal_loss import (
    CLASS_WEIGHTS,
    CLASSES,
    SET_WEIGHTS,
    SETS,
    marginal_loss,
    set_table,
)
from training.semantic.samples import PATCH, SPACING

FEATURES: Final = (24, 48, 96, 160, 224)
KERNELS: Final = ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
"""Slices are thick: the finest levels look within them only. Axes are R, I, P."""
STRIDES: Final = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
ARCHITECTURE: Final = nnunet.architecture(FEATURES, KERNELS, STRIDES)
SPINE_TILE: Final = (24, 176, 112)
"""Largest tile at the spine. Wider ones hold so much else that the normalisation over the tile
suffers: 160 voxels in P cost one of ten scans 0.02 Dice, 320 in I lower discs by 0.004."""
SPINE_STEP: Final = 0.75
"""Distance of these tiles. With it the spine of a lumbar scan has four of them."""
BORDER_MM: Final = 2.0
"""Slices are 2 mm apart in the network at most: so far does one at the border reach beyond it."""
CONFIG: Final = package_config(
    log_name="spineps-nipype compact semantic (not a SPINEPS release)",
    modality=["T2w", "T1w", "Vibe", "MPR"],
    acquisition="sag",
    resolution_range=[list(FINEST), list(SPACING)],
    labels={str(i + 1): label for i, label in enumerate(MR_LABELS)},
    shrink_tile=True,
    border_mm=BORDER_MM,
    spine_tile=list(SPINE_TILE),
    spine_step=SPINE_STEP,
)
SHIFTS: Final = {
    **dict.fromkeys((41, 42), -0.7),
    **dict.fromkeys(range(43, 49), -1.2),
    49: -1.0,
    60: 0.5,
    61: 0.5,
    62: -0.6,
    100: -0.7,
}
"""Added to the scores of labels in the package. The loss weighs labels more than the background,
so that thin parts are learnt at all, and makes them too large. Set on training scans and phantoms,
that of the cord (60) by what is seen of it in training scans, that of the body (49) after a look
at held-out scans, see README.md."""


def build_network() -> nn.Module:
    """Untrained network."""
    return nnunet.build(ARCHITECTURE, channels=1, outputs=CLASSES)


class Loss:
    """Cross-entropy and Dice over label sets, as the training loop calls it."""

    def __init__(self) -> None:
        self.table = set_table(SETS)
        self.weights = torch.tensor([*CLASS_WEIGHTS, *SET_WEIGHTS], dtype=torch.float32)

    def __call__(
        self, network: nn.Module, batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, float]]:
        """Value to minimise, and its parts for the log."""
        device = batch["image"].device
        logits = network(batch["image"])
        with torch.autocast(device.type, enabled=False):
            entropy, dice = marginal_loss(
                logits, batch["target"], self.table.to(device), self.weights.to(device)
            )
        return entropy + dice, {"entropy": float(entropy.detach()), "dice": float(dice.detach())}


def starting_weights(path: Path) -> dict[str, Tensor]:
    """Weights to go on from: the averages of a checkpoint, or those of a package.

    Parameters
    ----------
    path
        Checkpoint of a run, or folder of a package, without the `SHIFTS` of which they are
        given.
    """
    if not path.is_dir():
        return average_weights(path)
    return weights_before_shifts(path, build_network(), class_names(), _shifts())


def class_names() -> list[str]:
    """Names of the outputs."""
    return ["background", *(SPINE_NAMES[label] for label in MR_LABELS)]


def _shifts() -> dict[str, float]:
    return {SPINE_NAMES[label]: shift for label, shift in SHIFTS.items()}


def write_package(folder: Path, network: nn.Module) -> None:
    """Write the package in the layout of SPINEPS, weights in half precision."""
    names = class_names()
    write_semantic_package(
        folder,
        [with_shifts(network, nnunet.last_layer(network), names, _shifts())],
        config=CONFIG,
        architecture=ARCHITECTURE,
        patch_size=PATCH[::-1],
        spacing=SPACING[::-1],
        class_names=names,
    )
