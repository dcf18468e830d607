"""Train the compact EPI cord network on phantoms and write its package.

    python -m training.sc_epi --out runs/sc_epi --seed 0

The same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.common.loop import train
from training.common.nnunet import architecture, build, write_package
from training.common.options import add_loop_options, loop_options, set_up
from training.sc_epi.samples import PATCH, SPACING, EpiSamples

ARCHITECTURE: Final = architecture(
    features=(8, 16, 32, 48, 48),
    kernels=((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    strides=((1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 2, 2), (1, 2, 2)),
)
CONFIG: Final[dict[str, Any]] = {
    "log_name": "spineps-nipype compact EPI cord (not a release of EPISeg)",
    "modality": ["T2w"],
    "acquisition": "ax",
    "modeltype": "nnunet",
    "model_expected_orientation": ["R", "A", "S"],
    "available_folds": 1,
    "inference_augmentation": False,
    "resolution_range": [1.0, 1.0, 1.0],
    "default_step_size": 0.5,
    "labels": {},
    "expected_inputs": ["img"],
    "shrink_tile": True,
}
CORD_WEIGHT: Final = 1.0
SMOOTH: Final = 10.0
"""Voxels added to both sides of the Dice ratio."""


def build_network() -> nn.Module:
    """Fresh network."""
    return build(ARCHITECTURE, channels=1, outputs=2)


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


def write(folder: Path, network: nn.Module) -> None:
    """Package in the layout of the release: folder of a trainer inside."""
    write_package(
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


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.sc_epi", description=__doc__)
    add_loop_options(parser, steps=4500, batch_size=2, learning_rate=3e-3)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    network = train(
        build_network(),
        loss,
        EpiSamples(),
        loop_options(options, log_every=50),
    )
    write(options.out / "package", network)
    return 0
