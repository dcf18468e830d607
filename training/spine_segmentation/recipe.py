"""The two compact nets of spine-segmentation: what they learn from their samples, their files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.spine_segmentation.networks import SmallUNet, write_onnx
from training.spine_segmentation.samples import UNKNOWN

FILES: Final = {
    "semantic": "compact_Seg2_Unet_896px.onnx",
    "instance": "compact_Seg25_Unet_vert-only_896px_no-input-seg.onnx",
}
BACKGROUND_WEIGHT: Final = 0.03
"""Of the second net: names count, borders do not."""
SMOOTH: Final = 20.0
"""Voxels added to both sides of the Dice ratio, so that specks do not dominate."""
PART: Final = 384
"""Pixels of the height that the first net learns from at once: it looks at what is near only."""


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Sum over the nets that are trained, as the training loop calls it."""
    assert isinstance(network, nn.ModuleDict)
    parts: dict[str, Tensor] = {}
    if "semantic" in network:
        parts |= _body_loss(network["semantic"], batch)
    if "instance" in network:
        parts |= _name_loss(network["instance"], batch)
    total = torch.stack([value for name, value in parts.items() if name != "right"]).sum()
    return total, {name: float(value.detach()) for name, value in parts.items()}


def _body_loss(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy and Dice of body and disc."""
    part = _random_part(batch["image"].shape[-1])
    scores, truth = network(batch["image"][..., part]).float(), batch["semantic"][..., part]
    entropy = functional.cross_entropy(scores, truth, ignore_index=UNKNOWN)
    return {"entropy": entropy, "dice": _dice_loss(scores, truth)}


def _name_loss(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of the names, and the share of right ones."""
    scores, truth = network(batch["image"]).float(), batch["classes"]
    weights = torch.ones(scores.shape[1], device=scores.device)
    weights[0] = BACKGROUND_WEIGHT
    names = functional.cross_entropy(scores, truth, weights, ignore_index=UNKNOWN)
    inside = truth > 0
    right = (scores.argmax(1) == truth)[inside].float().mean()
    return {"names": names.nan_to_num(0), "right": right.nan_to_num(0)}


def _random_part(height: int) -> slice:
    """Rows that the first net learns from, half the time the lowest, which always show spine."""
    spare = max(height - PART, 0)
    start = int(torch.randint(spare + 1, ())) if torch.rand(()) < 0.5 else 0
    return slice(start, start + PART)


def _dice_loss(scores: Tensor, truth: Tensor) -> Tensor:
    """One minus the mean Dice of body and disc; voxels of unknown class do not count."""
    known = (truth != UNKNOWN)[:, None]
    soft = scores.softmax(1) * known
    hard = functional.one_hot(truth.clamp_min(0), scores.shape[1]).movedim(-1, 1) * known
    axes = (0, 2, 3)
    overlap = 2 * (soft * hard).sum(axes) + SMOOTH
    return 1 - (overlap / (soft.sum(axes) + hard.sum(axes) + SMOOTH))[1:].mean()


def write_package(folder: Path, network: nn.ModuleDict) -> None:
    """Write the ONNX files of the nets."""
    for role, net in network.items():
        assert isinstance(net, SmallUNet)
        write_onnx(net, folder / FILES[role])
