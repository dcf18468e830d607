"""Train the two compact nets of spine-segmentation and write them as ONNX files.

    python -m training.spine_segmentation --out runs/spine_segmentation --real SPIDER

The same command goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.spine_segmentation.models import Role
from training.common.calibration import with_shifts
from training.common.loop import train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.real_scans import training_scans
from training.common.spider_masks import vertebra_counts
from training.semantic.samples import SPACING
from training.spine_segmentation.networks import SliceNets, write_onnx
from training.spine_segmentation.phantom_slices import Labelled
from training.spine_segmentation.samples import SliceSamples, real_slices

FILES: Final = {
    "semantic": "compact_Seg2_Unet_896px.onnx",
    "instance": "compact_Seg25_Unet_vert-only_896px_no-input-seg.onnx",
}
UNKNOWN: Final = -1
SEMANTIC_WEIGHTS: Final = (1.0, 2.0, 3.0)
SHIFTS: Final = {"body": -0.7, "disc": -0.4}
"""Added to the scores of the first net in its file: the weights make both too large. Set on three
training scans."""
BACKGROUND_WEIGHT: Final = 0.03
"""Of the second net: names count, borders do not."""
SMOOTH: Final = 20.0
PART: Final = 192
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
    part = _part(batch["image"].shape[-1])
    scores, truth = network(batch["image"][..., part]).float(), batch["semantic"][..., part]
    weights = torch.tensor(SEMANTIC_WEIGHTS, device=scores.device)
    entropy = functional.cross_entropy(scores, truth, weights, ignore_index=UNKNOWN)
    return {"entropy": entropy, "dice": _dice(scores, truth)}


def _name_loss(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy of the names, and the share of right ones."""
    scores, truth = network(batch["image"]).float(), batch["classes"]
    weights = torch.ones(scores.shape[1], device=scores.device)
    weights[0] = BACKGROUND_WEIGHT
    names = functional.cross_entropy(scores, truth, weights, ignore_index=UNKNOWN)
    inside = truth > 0
    right = (scores.argmax(1) == truth)[inside].float().mean()
    return {"names": names.nan_to_num(0), "right": right.nan_to_num(0)}


def _part(height: int) -> slice:
    """Rows that the first net learns from, half of the time the lowest: there is always spine."""
    spare = max(height - PART, 0)
    start = int(torch.randint(spare + 1, ())) if torch.rand(()) < 0.5 else 0
    return slice(start, start + PART)


def _dice(scores: Tensor, truth: Tensor) -> Tensor:
    """One minus the mean overlap of body and disc; voxels of unknown class do not count."""
    known = (truth != UNKNOWN)[:, None]
    soft = scores.softmax(1) * known
    hard = functional.one_hot(truth.clamp_min(0), scores.shape[1]).movedim(-1, 1) * known
    axes = (0, 2, 3)
    overlap = 2 * (soft * hard).sum(axes) + SMOOTH
    return 1 - (overlap / (soft.sum(axes) + hard.sum(axes) + SMOOTH))[1:].mean()


def write(folder: Path, network: nn.ModuleDict) -> None:
    """ONNX files of the nets."""
    if "semantic" in network:
        semantic = network["semantic"]
        shifted = with_shifts(semantic, semantic.scores, ("background", *SHIFTS), SHIFTS)
        write_onnx(shifted, folder / FILES["semantic"])
    if "instance" in network:
        write_onnx(network["instance"], folder / FILES["instance"])


def real_scans(root: Path, cache: Path) -> list[Labelled]:
    """Scans of the subjects that are not held out."""
    counts = vertebra_counts(root)
    return [
        real_slices(scan, SPACING, counts.get(scan.subject))
        for scan in training_scans(root, SPACING, cache)
    ]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.spine_segmentation")
    add_loop_options(parser, steps=3000, batch_size=8, learning_rate=4e-3)
    add_real_scans(parser, cached=True)
    roles = get_args(Role)
    parser.add_argument("--nets", nargs="+", choices=roles, default=roles, help="nets to train")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    cache = options.cache or options.out / "cache"
    network = train(
        SliceNets(options.nets).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        loss,
        SliceSamples(real_scans(options.real, cache) if options.real else ()),
        loop_options(options, log_every=50),
    )
    assert isinstance(network, nn.ModuleDict)
    write(options.out / "package", network)
    return 0
