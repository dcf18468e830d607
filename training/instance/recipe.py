"""Train the instance network: ``python -m training.instance --out DIR --seed N``.

The network learns from phantoms alone: its input is a label map, in which phantoms and patients
look alike once the map is spoilt as a semantic network spoils it. Ends with an evaluation on
held-out phantoms (``report.json``) and the package in ``DIR/package``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from spineps_nipype.models.loading import load_instance
from spineps_nipype.models.networks.instance_unet import InstanceUNet
from spineps_nipype.models.package import load_package
from spineps_nipype.phantom import generate
from training.common.loop import load_average, train
from training.common.options import add_loop_options, loop_options, set_up
from training.instance.evaluate import evaluate_phase
from training.instance.samples import (
    ABOVE,
    BELOW,
    CENTRE,
    CHANNELS,
    SPACING,
    LabelledSpine,
    as_tensors,
    draw_sample,
    make_group,
)
from training.labeling.package import write_instance

WIDTH = 8


def loss(network: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Cross entropy plus soft Dice of the three vertebrae."""
    x, target = as_tensors(batch)
    x = x.contiguous(memory_format=torch.channels_last_3d)
    logits = network(x).float()
    log = functional.log_softmax(logits, 1)
    # the three vertebrae fill one voxel in fifty
    weight = torch.tensor([0.5, 1.5, 1.5, 1.5], device=log.device)
    entropy = functional.nll_loss(log, target, weight)
    truth = functional.one_hot(target, 4).movedim(-1, 1)[:, 1:].float()
    guess = log.exp()[:, 1:]
    axes = (0, 2, 3, 4)
    overlap = 2 * (guess * truth).sum(axes) + 1
    dice = (overlap / (guess.sum(axes) + truth.sum(axes) + 1)).mean()
    return entropy + 1 - dice, {"dice": float(dice.detach())}


@torch.inference_mode()
def predict(network: nn.Module, x: np.ndarray) -> np.ndarray:
    """Classes of one cut-out of network input values."""
    device = next(network.parameters()).device
    batch = {"x": torch.from_numpy(x)[None].to(device), "y": torch.zeros(1, device=device)}
    return network(as_tensors(batch)[0]).argmax(1)[0].cpu().numpy()


def evaluate(
    network: nn.Module, seeds: Sequence[int], *, augment: bool, every: int = 1
) -> dict[str, float]:
    """Dice of centre, above and below over the vertebrae of held-out phantoms.

    Parameters
    ----------
    augment
        Spoil the masks as in training; else true masks of the whole spine.
    every
        Use every so-manieth vertebra.
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
            guess = predict(network, sample["x"])
            for value, name in names.items():
                truth = sample["y"] == value
                if truth.sum() > 50:
                    both = np.count_nonzero(truth & (guess == value))
                    total = np.count_nonzero(truth) + np.count_nonzero(guess == value)
                    scores[name].append(2 * both / total)
    out: dict[str, float] = {}
    for name, values in scores.items():
        out[f"{name}_mean"] = float(np.mean(values))
        out[f"{name}_worst"] = float(np.min(values))
        out[f"{name}_below_0.8"] = float(np.mean(np.asarray(values) < 0.8))
    return out


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.instance", description=__doc__)
    add_loop_options(parser, steps=3000, batch_size=2, learning_rate=2e-3)
    parser.add_argument("--evaluate", type=int, default=8, help="held-out phantoms at the end")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, evaluate, write the package."""
    options = parse(arguments)
    set_up(options)
    network: nn.Module = InstanceUNet(WIDTH, CHANNELS)
    if options.steps:
        network = train(
            network,
            loss,
            make_group,
            loop_options(
                options,
                bf16=options.device != "cpu",  # group normalisation is slow in bf16 there
            ),
            evaluate=lambda net: evaluate(net, range(900, 902), augment=True, every=3),
        )
    else:
        network = load_average(options.out / "last.pt", network)
    package = options.out / "package"
    write_instance(package, network)
    in_phase = load_instance(load_package(package))
    report: dict[str, Any] = {
        "training": {key: str(value) for key, value in vars(options).items()},
        "phantoms": options.evaluate,
        "true masks": evaluate(network, range(options.evaluate), augment=False),
        "spoilt masks": evaluate(network, range(options.evaluate), augment=True),
        "phase, true masks": evaluate_phase(in_phase, range(options.evaluate), spoilt=False),
        "phase, spoilt masks": evaluate_phase(in_phase, range(options.evaluate), spoilt=True),
    }
    (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    return 0
