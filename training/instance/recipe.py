"""The compact instance network: what it is, what it learns from its samples, its package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.models.export import write_instance_package
from spineps_nipype.models.networks.instance_unet import InstanceUNet
from spineps_nipype.phantom import generate
from training.common.package_config import package_config
from training.instance.samples import (
    ABOVE,
    BELOW,
    CENTRE,
    CHANNELS,
    CUTOUT,
    SPACING,
    LabelledSpine,
    draw_sample,
)

WIDTH: Final = 8
"""Channels of the finest level."""
CLASS_WEIGHTS: Final = (0.5, 1.5, 1.5, 1.5)
"""The three vertebrae fill one voxel in fifty."""
MIN_TRUE_VOXELS: Final = 50
"""Smaller pieces of a vertebra in a cut-out are not scored."""
CONFIG: Final = package_config(
    log_name="Compact instance",
    modality=["SEG"],
    acquisition="iso",
    modeltype="unet",
    resolution_range=SPACING,
    labels={"1": 1, "2": 2, "3": 3},
    expected_input="seg",
    cutout_size=list(CUTOUT),
    # cervical bodies are five voxels high here: SPINEPS's erosion by 2 would delete them
    seed_erosion=1,
    corpus_size_cleaning=40,
    vert_size_threshold=60,
)


def build_network() -> nn.Module:
    """Untrained network."""
    return InstanceUNet(WIDTH, CHANNELS)


def as_tensors(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """One-hot input (float) and target (long) of a batch."""
    x = functional.one_hot(batch["x"].long(), CHANNELS).movedim(-1, 1).float()
    return x, batch["y"].long()


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy plus soft Dice of the three vertebrae."""
    x, target = as_tensors(batch)
    x = x.contiguous(memory_format=torch.channels_last_3d)
    logits = network(x).float()
    log = functional.log_softmax(logits, 1)
    entropy = functional.nll_loss(log, target, torch.tensor(CLASS_WEIGHTS, device=log.device))
    truth = functional.one_hot(target, 4).movedim(-1, 1)[:, 1:].float()
    soft = log.exp()[:, 1:]
    axes = (0, 2, 3, 4)
    overlap = 2 * (soft * truth).sum(axes) + 1
    dice = (overlap / (soft.sum(axes) + truth.sum(axes) + 1)).mean()
    return entropy + 1 - dice, {"dice": float(dice.detach())}


@torch.inference_mode()
def predict(network: nn.Module, x: np.ndarray) -> np.ndarray:
    """Classes of one cut-out of input values (P, I, R)."""
    device = next(network.parameters()).device
    batch = {"x": torch.from_numpy(x)[None].to(device), "y": torch.zeros(1, device=device)}
    return np.asarray(network(as_tensors(batch)[0]).argmax(1)[0].cpu().numpy())


def evaluate_cutouts(
    network: nn.Module, seeds: Sequence[int], *, augment: bool, every: int = 1
) -> dict[str, float]:
    """Dice of the centre, above and below, over the vertebrae of held-out phantoms.

    Parameters
    ----------
    augment
        Corrupt the masks as in training; else they are true masks of the whole spine.
    every
        Use every n-th vertebra.
    """
    names = {ABOVE: "above", CENTRE: "centre", BELOW: "below"}
    scores: dict[str, list[float]] = {name: [] for name in names.values()}
    network.eval()
    for seed in seeds:
        rng = np.random.default_rng((seed, 9))
        phantom = generate(seed, spacing=SPACING)
        spine = LabelledSpine.from_phantom(phantom)
        for vertebra in phantom.plan.vertebrae[seed % every :: every]:
            centre = np.array(phantom.centres[vertebra.name])
            sample = draw_sample(spine, vertebra.label, centre, rng, augment=augment)
            if sample is None:
                continue
            result = predict(network, sample["x"])
            for value, name in names.items():
                truth = sample["y"] == value
                if truth.sum() > MIN_TRUE_VOXELS:
                    both = np.count_nonzero(truth & (result == value))
                    total = np.count_nonzero(truth) + np.count_nonzero(result == value)
                    scores[name].append(2 * both / total)
    out: dict[str, float] = {}
    for name, values in scores.items():
        out[f"{name}_mean"] = float(np.mean(values))
        out[f"{name}_worst"] = float(np.min(values))
        out[f"{name}_below_0.8"] = float(np.mean(np.asarray(values) < 0.8))
    return out


def write_package(folder: Path, network: nn.Module) -> None:
    """Write the package in the layout of SPINEPS."""
    write_instance_package(folder, network, config=CONFIG)
