"""The compact labelling network: what it is, what it learns from its samples, its package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.models.export import write_labeling_package
from spineps_nipype.models.networks.classifier import VertebraClassifier
from spineps_nipype.models.networks.densenet import DenseNet
from spineps_nipype.phantom import generate, render
from training.common.package_config import package_config
from training.labeling.samples import (
    HEADS,
    PATCH,
    SPACING,
    draw_window,
    named_phantom,
    view_patches,
)

BLOCKS: Final = (4, 8, 12)
GROWTH, FIRST, BOTTLENECK = 24, 32, 64
"""Layers of each dense block, and widths of the DenseNet."""
WEIGHTS: Final = {"VERT": 1.0, "REGION": 0.3, "VERTREL": 0.7, "FULLYVISIBLE": 0.3}
"""Share of every head in the loss."""
SMOOTHING: Final = 0.05
"""Of the labels of all heads."""
EVALUATION_SPACING: Final = (1.5, 1.5, 2.0)
"""Of held-out phantoms: P, I, R in mm."""
EVALUATION_VIEWS: Final = 2
"""Views of each of them."""
CONFIG: Final = package_config(
    log_name="Compact labelling",
    modality=["T2w", "T1w", "CT"],
    acquisition="sag",
    modeltype="classifier",
    resolution_range=SPACING,
    cutout_size=list(PATCH),
    anomaly_cost=1.0,
    sacrum_cost=1.6,
)


def build_network() -> VertebraClassifier:
    """Untrained network."""
    net = DenseNet(BLOCKS, growth=GROWTH, first=FIRST, bottleneck=BOTTLENECK)
    return VertebraClassifier(net, HEADS, hidden=True)


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Weighted cross-entropies of the heads, and the share of right names."""
    x = batch["x"].contiguous(memory_format=torch.channels_last_3d)
    logits = network(x)
    total = torch.zeros((), device=x.device)
    for head, weight in WEIGHTS.items():
        value = functional.cross_entropy(
            logits[head].float(), batch[head], label_smoothing=SMOOTHING
        )
        total = total + weight * value
    right = (logits["VERT"].argmax(1) == batch["VERT"]).float().mean()
    return total, {"vert": float(right)}


@torch.inference_mode()
def predict(network: nn.Module, patches: np.ndarray) -> dict[str, np.ndarray]:
    """Softmax of every head for patches (n, 1, P, I, R)."""
    device = next(network.parameters()).device
    logits = network(torch.from_numpy(patches).to(device))
    return {head: value.float().softmax(1).cpu().numpy() for head, value in logits.items()}


def evaluate_patches(network: nn.Module, seeds: Sequence[int]) -> float:
    """Share of patches of held-out phantoms in which the likeliest class is right.

    A quick look during training; `training.labeling.evaluate` judges the package as the pipeline
    uses it.
    """
    network.eval()
    right: list[float] = []
    for seed in seeds:
        rng = np.random.default_rng((seed, 8))
        phantom = generate(seed, spacing=EVALUATION_SPACING)
        spine = named_phantom(phantom, render(phantom, seed=seed))
        for _ in range(EVALUATION_VIEWS):
            patches = view_patches(spine, draw_window(spine, rng))
            scores = predict(network, np.stack([sample["x"] for sample in patches]))
            truth = np.array([sample["VERT"] for sample in patches])
            right.append(float((scores["VERT"].argmax(1) == truth).mean()))
    return float(np.mean(right))


def write_package(folder: Path, network: nn.Module, score: float) -> None:
    """Write the package in the layout of SPINEPS; older checkpoints in the folder are removed.

    Parameters
    ----------
    score
        Share of right names, for the name of the file.
    """
    for old in folder.glob("*-weights.ckpt"):
        old.unlink()
    write_labeling_package(
        folder,
        network,
        config=CONFIG,
        heads=HEADS,
        final_size=PATCH,
        data_name="phantoms",
        score=score,
    )
