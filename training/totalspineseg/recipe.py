"""The compact networks of TotalSpineSeg: what they are, what they learn, their packages.

One network learns both steps, each with outputs of its own in the last layer. Two networks are cut
out of it, one for the package of each step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.totalspineseg.profiles import DATASETS
from training.common.calibration import weights_before_shifts, with_shifts
from training.common.nnunet import architecture, build, last_layer, write_package
from training.common.package_config import package_config
from training.common.patches import FINEST
from training.semantic.recipe import KERNELS, STRIDES
from training.totalspineseg.samples import PATCH
from training.totalspineseg.targets import (
    LANDMARKS,
    OUTPUTS,
    STEP1_LABELS,
    STEP2_LABELS,
    region_table,
)

ARCHITECTURE: Final = architecture((16, 32, 64, 96, 128), KERNELS, STRIDES)
"""Narrower than the semantic network, from an earlier one of which it started: two run a scan."""
CONFIG: Final = package_config(
    log_name="spineps-nipype compact TotalSpineSeg (not a release of TotalSpineSeg)",
    modality=["T2w", "T1w"],
    acquisition="iso",
    resolution_range=FINEST,
    shrink_tile=True,
)
SHIFTS: Final[tuple[dict[str, float], dict[str, float]]] = (
    {"canal": 0.5},
    {"disc": 0.25, "vertebrae_O": 0.9, "vertebrae_E": 0.9, "canal": 0.6},
)
"""Added to the scores of regions in the packages of both steps. Where it is in doubt whether a
vertebra is odd or even, neither reaches one half, and the bone would have a hole. That of discs
was set by the Dice of ten training scans."""
LAST_LAYER: Final = "decoder.seg_layers."
"""In the names of its weights."""
LANDMARK_REGIONS: Final = slice(1, len(LANDMARKS) - 1)
DICE_SMOOTH: Final = 20.0
"""Voxels added to both sides of the Dice ratio, so that specks do not dominate."""
LANDMARK_WEIGHT: Final = 5.0
"""Of a landmark disc in the overlap: few patches show one, and without it nothing has a name."""


def build_network() -> nn.Module:
    """Untrained network with the outputs of both steps."""
    return build(ARCHITECTURE, channels=2, outputs=sum(OUTPUTS))


def weights_of_packages(folder: Path) -> dict[str, Tensor]:
    """Weights of both steps together, to go on from their packages.

    Parameters
    ----------
    folder
        With the packages of `write_packages`; the second has the layers that both share.
    """
    last: dict[str, list[Tensor]] = {}
    for step, labels in ((1, STEP1_LABELS), (2, STEP2_LABELS)):
        package, shifts = folder / DATASETS[step - 1], SHIFTS[step - 1]
        part = build(ARCHITECTURE, channels=step, outputs=OUTPUTS[step - 1])
        weights = weights_before_shifts(package, part, list(labels)[1:], shifts)
        for name in weights:
            if LAST_LAYER in name:
                last.setdefault(name, []).append(weights[name])
    return {**weights, **{name: torch.cat(parts) for name, parts in last.items()}}


class Loss:
    """Cross-entropy and Dice of the regions that are known, as the training loop calls it."""

    def __init__(self) -> None:
        self.tables = {
            (step, odd): torch.from_numpy(region_table(step, odd))
            for step in (1, 2)
            for odd in (0, 1)
        }

    def __call__(
        self, network: nn.Module, batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, float]]:
        """Value to minimise, and its parts for the log."""
        logits = network(batch["image"]).float()
        total = logits.new_zeros(())
        parts = {}
        # samples of both steps stand in one batch, each with its own outputs and table
        for item in range(len(logits)):
            step, odd = int(batch["step"][item]), int(batch["odd"][item])
            scores = outputs_of(logits[item], step)
            table = self.tables[step, odd].to(logits.device)
            truth = table[batch["target"][item]].movedim(-1, 0)
            entropy, dice = region_loss(scores, truth)
            total = total + (entropy + dice) / len(logits)
            for name, value in (("entropy", entropy), ("dice", dice)):
                parts[f"{name}{step}"] = float(value.detach())
        return total, parts


def outputs_of(logits: Tensor, step: int) -> Tensor:
    """The output channels of a step."""
    return logits[: OUTPUTS[0]] if step == 1 else logits[OUTPUTS[0] :]


def region_loss(scores: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy summed over the regions, and one minus the Dice of those in view.

    Parameters
    ----------
    scores
        Logits (regions, z, y, x).
    truth
        1 inside, 0 outside, -1 unknown; same shape.
    """
    known = (truth >= 0).float()
    inside = (truth > 0).float()
    each = functional.binary_cross_entropy_with_logits(scores, inside, reduction="none")
    axes = (1, 2, 3)
    entropy = ((each * known).sum(axes) / known.sum(axes).clamp_min(1)).sum()
    soft = scores.sigmoid() * known
    sizes = inside.sum(axes)
    overlap = (2 * (soft * inside).sum(axes) + DICE_SMOOTH) / (
        soft.sum(axes) + sizes + DICE_SMOOTH
    )
    weights = (sizes > 0).float()
    weights[LANDMARK_REGIONS] *= LANDMARK_WEIGHT
    dice = (weights * (1 - overlap)).sum() / weights.sum().clamp_min(1)
    return entropy, dice


def network_of(network: nn.Module, step: int) -> nn.Module:
    """The network of one step, cut out of that of both."""
    channels = step  # step 2 sees the marks beside the image
    part = build(ARCHITECTURE, channels=channels, outputs=OUTPUTS[step - 1])
    state = {}
    for name, value in network.state_dict().items():
        if LAST_LAYER in name:
            value = outputs_of(value, step)
        elif value.dim() == 5 and value.shape[1] == 2 and "stages.0.0" in name:
            value = value[:, :channels]
        state[name] = value
    part.load_state_dict(state)
    return part


def write_packages(folder: Path, network: nn.Module) -> None:
    """Write the packages of both steps in the layout of the release."""
    steps = ((1, STEP1_LABELS, ("MRI",)), (2, STEP2_LABELS, ("MRI", "noNorm")))
    for step, labels, channels in steps:
        part = network_of(network, step)
        part = with_shifts(part, last_layer(part), list(labels)[1:], SHIFTS[step - 1])
        write_package(
            folder / DATASETS[step - 1],
            part,
            config=CONFIG,
            architecture=ARCHITECTURE,
            patch=PATCH[::-1],
            spacing=FINEST[::-1],
            channels=channels,
            labels=labels,
            name=DATASETS[step - 1],
            region_order=range(1, OUTPUTS[step - 1] + 1),
        )
