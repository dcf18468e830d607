"""Train the labelling network: ``python -m training.labeling --out DIR --seed N``.

A small DenseNet names vertebrae in patches of phantoms, and of real lumbar scans whose lowest
vertebra is known to be L5. Ends with an evaluation on held-out
phantoms (``report.json``): whole spines, 8 and 5 vertebrae in view; and the package in
``DIR/package``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.models.loading import load_labeling
from spineps_nipype.models.networks.classifier import VertebraClassifier
from spineps_nipype.models.networks.densenet import DenseNet
from spineps_nipype.models.package import load_package
from spineps_nipype.phantom import generate, render
from training.common.loop import load_average, train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.spider_masks import LabelingSamples, named_scans
from training.labeling import evaluate as labeling_eval
from training.labeling.package import write_labeling
from training.labeling.samples import (
    HEADS,
    draw_window,
    named_phantom,
    view_patches,
)

BLOCKS: Final = (4, 8, 12)
GROWTH, FIRST, BOTTLENECK = 24, 32, 64
WEIGHTS: Final = {"VERT": 1.0, "REGION": 0.3, "VERTREL": 0.7, "FULLYVISIBLE": 0.3}
"""Share of every head in the loss."""
SMOOTHING: Final = 0.05
EVALUATION_SPACING: Final = (1.5, 1.5, 2.0)


def make_network() -> VertebraClassifier:
    """The network before training."""
    net = DenseNet(BLOCKS, growth=GROWTH, first=FIRST, bottleneck=BOTTLENECK)
    return VertebraClassifier(net, HEADS, hidden=True)


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Weighted cross entropies of the heads; neighbouring names are half right."""
    x = batch["x"].contiguous(memory_format=torch.channels_last_3d)
    logits = network(x)
    total, parts = torch.zeros((), device=x.device), {}
    for head, weight in WEIGHTS.items():
        value = functional.cross_entropy(
            logits[head].float(), batch[head], label_smoothing=SMOOTHING
        )
        total = total + weight * value
    right = (logits["VERT"].argmax(1) == batch["VERT"]).float().mean()
    parts["vert"] = float(right)
    return total, parts


@torch.inference_mode()
def predict(network: nn.Module, patches: np.ndarray) -> dict[str, np.ndarray]:
    """Softmax of every head for patches (n, 1, P, I, R)."""
    device = next(network.parameters()).device
    logits = network(torch.from_numpy(patches).to(device))
    return {head: value.float().softmax(1).cpu().numpy() for head, value in logits.items()}


def evaluate(network: nn.Module, seeds: Sequence[int]) -> dict[str, float]:
    """Share of patches of held-out phantoms in which the likeliest class is right.

    A quick look while training; `labeling_eval` judges the package in the pipeline.
    """
    network.eval()
    right: list[float] = []
    for seed in seeds:
        rng = np.random.default_rng((seed, 8))
        phantom = generate(seed, spacing=EVALUATION_SPACING)
        spine = named_phantom(phantom, render(phantom, seed=seed))
        for _ in range(2):
            patches = view_patches(spine, draw_window(spine, rng))
            scores = predict(network, np.stack([sample["x"] for sample in patches]))
            truth = np.array([sample["VERT"] for sample in patches])
            right.append(float((scores["VERT"].argmax(1) == truth).mean()))
    return {"held_out": float(np.mean(right))}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.labeling", description=__doc__)
    add_loop_options(parser, steps=3000, batch_size=16, learning_rate=2e-3)
    add_real_scans(parser)
    parser.add_argument("--evaluate", type=int, default=50, help="held-out phantoms at the end")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, evaluate, write the package."""
    options = parse(arguments)
    set_up(options)
    network: nn.Module = make_network()
    if options.steps:
        network = train(
            network,
            loss,
            LabelingSamples(tuple(named_scans(options.real)) if options.real else ()),
            loop_options(options, bf16=options.device != "cpu"),
            evaluate=lambda net: evaluate(net, range(900, 906)),
            evaluate_every=500,
        )
    else:
        network = load_average(options.out / "last.pt", network)
    package = options.out / "package"
    write_labeling(package, network, evaluate(network, range(900, 910))["held_out"])
    report: dict[str, Any] = {
        "training": {key: str(value) for key, value in vars(options).items()},
        "phantoms": options.evaluate,
        "held out": labeling_eval.evaluate(
            load_labeling(load_package(package)), range(options.evaluate)
        ),
    }
    (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    return 0
