"""Train the compact semantic network on phantoms and real scans, and write its package.

    python -m training.semantic --out runs/semantic --seed 0 --real BIDS_WITH_MASKS

The same command goes on from the last checkpoint. Masks that join labels (SPIDER: vertebra, disc,
canal) train by the marginal loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from spineps_nipype.core.anatomy import MR_LABELS, SPINE_NAMES
from spineps_nipype.models.export import write_semantic_package
from training.common import nnunet
from training.common.calibration import with_shifts
from training.common.loop import average_weights, train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.real_scans import training_scans
from training.semantic.marginal_loss import (
    CLASS_WEIGHTS,
    CLASSES,
    SET_WEIGHTS,
    SPIDER_SETS,
    marginal_loss,
    set_table,
)
from training.semantic.samples import FINEST, PATCH, SPACING, SemanticSamples, with_cauda
from training.semantic.widening import widen

FEATURES: Final = (24, 48, 96, 160, 224)
KERNELS: Final = ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
"""Thick slices: the finest levels look within them only. Axes are R, I, P."""
STRIDES: Final = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
ARCHITECTURE: Final = nnunet.architecture(FEATURES, KERNELS, STRIDES)
CONFIG: Final[dict[str, Any]] = {
    "log_name": "spineps-nipype compact semantic (not a SPINEPS release)",
    "modality": ["T2w", "T1w", "Vibe", "MPR"],
    "acquisition": "sag",
    "modeltype": "nnunet",
    "model_expected_orientation": ["P", "I", "R"],
    "available_folds": 1,
    "inference_augmentation": False,
    "resolution_range": [list(FINEST), list(SPACING)],
    "default_step_size": 0.5,
    "labels": {str(i + 1): label for i, label in enumerate(MR_LABELS)},
    "expected_inputs": ["img"],
    "shrink_tile": True,
}


SHIFTS: Final = {
    **dict.fromkeys((41, 42), -0.7),
    **dict.fromkeys(range(43, 49), -1.2),
    49: -0.7,
    60: -1.4,
    61: -0.4,
    62: -0.6,
    100: -0.7,
}
"""Added to the scores of labels in the package. The loss weighs them more than the background, so
that thin parts are learnt at all, and makes them too large; set on training scans and phantoms.
Those of cord and canal (60, 61) make the canal of six training scans nearly as large as it is."""


def build_network() -> nn.Module:
    """Fresh network."""
    return nnunet.build(ARCHITECTURE, channels=1, outputs=CLASSES)


class Loss:
    """Cross-entropy and Dice over label sets, as the training loop calls it."""

    def __init__(self) -> None:
        self.table = set_table(list(SPIDER_SETS.values()))
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


def write_package(folder: Path, network: nn.Module) -> None:
    """Package in the SPINEPS layout, half precision."""
    names = ["background", *(SPINE_NAMES[label] for label in MR_LABELS)]
    shifts = {SPINE_NAMES[label]: shift for label, shift in SHIFTS.items()}
    write_semantic_package(
        folder,
        [with_shifts(network, nnunet.last_layer(network), names, shifts)],
        config=CONFIG,
        architecture=ARCHITECTURE,
        patch_size=PATCH[::-1],
        spacing=SPACING[::-1],
        class_names=names,
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.semantic", description=__doc__)
    add_loop_options(parser, steps=20000, batch_size=1, learning_rate=2e-3, workers=1)
    add_real_scans(parser)
    parser.add_argument("--phantom-share", type=float, default=0.5)
    parser.add_argument(
        "--init",
        type=Path,
        help="checkpoint of another run to start from, as wide as this one or narrower",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    network = build_network()
    if options.init:
        network = widen(network, average_weights(options.init))
    scans = training_scans(options.real, FINEST, options.out / "cache") if options.real else []
    network = train(
        network,
        Loss(),
        SemanticSamples([with_cauda(scan) for scan in scans], options.phantom_share),
        loop_options(options, ema_decay=0.998, log_every=50, save_every=250),
    )
    write_package(options.out / "package", network)
    return 0
