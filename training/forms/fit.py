"""Training of a network that names sequences of vertebrae by form and look."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from spineps_nipype.core.vertebra_form import FEATURES
from spineps_nipype.models.networks.form_net import FormNet, Judgement
from training.forms.augmentation import STRONG, Strength, augment_forms
from training.forms.looks import augment_looks
from training.forms.plan_measures import MEASURES
from training.forms.shipped import shipped_weights
from training.forms.views import UNKNOWN, View

BATCH: Final = 32
"""Sequences in a batch."""
LEARNING_RATE: Final = 2e-3
WEIGHT_DECAY: Final = 0.05
SMOOTHING: Final = 0.02
"""Of the labels."""
ABSENT: Final = -2
"""Class behind the end of a sequence."""
ALONE_SHARE, MEASURES_SHARE = 0.3, 2.0
"""Weights in the loss of names without neighbours, and of estimated dimensions."""
SMALL_ERROR: Final = 0.1
"""Standard deviations below which an error of an estimate counts as its square."""
TINY: Final = 1e-3
"""Added to standard deviations, so that constant columns can be divided by them."""
LOG_EVERY: Final = 100
WEIGHTS: Final = "network.pt"
"""What a run leaves in its folder."""


def add_form_options(
    parser: argparse.ArgumentParser, *, phantoms: int, predicted: int, steps: int
) -> None:
    """Add the options of both commands, with the defaults of a recipe.

    Parameters
    ----------
    phantoms
        Phantoms that are measured on their true masks.
    predicted
        Phantoms that a network segments first.
    """
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the measures; resumable"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phantoms", type=int, default=phantoms)
    parser.add_argument(
        "--predicted", type=int, default=predicted, help="phantoms that a network segments"
    )
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument(
        "--init", type=Path, help=f"{WEIGHTS} of another run, or an ONNX file, to start from"
    )
    parser.add_argument("--package", type=Path, required=True, help="package to add the result to")


@dataclass(frozen=True)
class Batch:
    """Sequences, padded to the longest."""

    forms: Tensor
    looks: Tensor
    classes: Tensor
    """`ABSENT` behind the end of a sequence."""
    measures: Tensor
    """NaN where unknown."""


@dataclass(frozen=True)
class Views:
    """What a network learns from.

    Parameters
    ----------
    true
        Views of true masks.
    predicted
        Views of masks that a network made.
    predicted_share
        Share of sequences of phantoms that are of `predicted`.
    real
        Views of each real scan; scans count alike, however many views there are of them.
    real_share
        Share of sequences that are of `real`.
    """

    true: Sequence[View]
    predicted: Sequence[View] = ()
    predicted_share: float = 0.0
    real: Sequence[Sequence[View]] = ()
    real_share: float = 0.0


def batches(
    views: Views, rng: np.random.Generator, size: int, strength: Strength = STRONG
) -> Iterator[Batch]:
    """Endless batches of `size` sequences."""
    while True:
        picked, forms = [], []
        for _ in range(size):
            source, factor = _drawn(views, rng, strength)
            picked.append(source[int(rng.integers(len(source)))])
            forms.append(torch.from_numpy(augment_forms(picked[-1].forms, rng, factor)))
        yield Batch(
            pad_sequence(forms, True).float(),
            augment_looks([v.looks for v in picked], rng, strength.look_scale),
            pad_sequence([torch.from_numpy(v.classes) for v in picked], True, ABSENT),
            pad_sequence([torch.from_numpy(v.measures) for v in picked], True, np.nan),
        )


def _drawn(
    views: Views, rng: np.random.Generator, strength: Strength
) -> tuple[Sequence[View], float]:
    """Views of which one is taken, and how strongly it is changed."""
    if views.real and rng.random() < views.real_share:
        return views.real[int(rng.integers(len(views.real)))], strength.predicted
    if views.predicted and rng.random() < views.predicted_share:
        return views.predicted, strength.predicted
    return views.true, strength.true


def fit(
    views: Views,
    heads: Mapping[str, int],
    *,
    steps: int,
    seed: int,
    size: int = BATCH,
    init: Path | None = None,
    strength: Strength = STRONG,
    learning_rate: float = LEARNING_RATE,
) -> FormNet:
    """Train a network.

    Parameters
    ----------
    heads
        Outputs, and how many classes each has; the columns of `View.classes`.
    size
        Sequences in a batch.
    init
        Weights of another network, taken where name and shape agree, with its scale of measures.
    strength
        How strongly the views are augmented.
    learning_rate
        Highest rate of the schedule.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng((seed, 9))
    network = FormNet(FEATURES, heads, MEASURES)
    forms = np.concatenate([v.forms for v in views.true])
    network.mean.copy_(torch.from_numpy(forms.mean(0)))
    network.deviation.copy_(torch.from_numpy(forms.std(0) + TINY))
    if init is not None:
        own, given = network.state_dict(), _given(init)
        fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
        network.load_state_dict(own | fitting)
    known = np.concatenate([v.measures for v in views.true])
    usual = torch.from_numpy(np.stack([np.nanmean(known, 0), np.nanstd(known, 0) + TINY]))
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps)
    network.train()
    for step, batch in enumerate(batches(views, rng, size, strength)):
        if step == steps:
            break
        lengths = (batch.classes[..., 0] != ABSENT).sum(1)
        with torch.autocast("cpu", torch.bfloat16):
            judgement = network.judged(batch.forms, batch.looks, lengths)
        loss = loss_of(judgement, batch, usual)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % LOG_EVERY == 0:
            right = _share_right(judgement, batch)
            print(f"step {step} loss {float(loss.detach()):.3f} right {right:.3f}", flush=True)
    return network.eval()


def _given(init: Path) -> dict[str, Tensor]:
    """Weights of a run or of a file that ships."""
    if init.suffix == ".onnx":
        return shipped_weights(init)
    return dict(torch.load(init, weights_only=True))


def _share_right(judgement: Judgement, batch: Batch) -> float:
    """Share of known classes of the first head that are right."""
    named = batch.classes[..., 0] >= 0
    first = next(iter(judgement.heads.values())).argmax(-1)
    return float((first == batch.classes[..., 0])[named].float().mean())


def loss_of(judgement: Judgement, batch: Batch, usual: Tensor) -> Tensor:
    """Loss of all heads, of names without neighbours and of estimated dimensions.

    Parameters
    ----------
    usual
        Mean and standard deviation of the dimensions, shape (2, MEASURES).
    """
    loss = ALONE_SHARE * _name_loss(judgement.alone, batch.classes[..., 0])
    for k, logits in enumerate(judgement.heads.values()):
        loss = loss + _name_loss(logits, batch.classes[..., k])
    known = torch.isfinite(batch.measures)
    if not known.any():
        return loss
    target = (torch.nan_to_num(batch.measures) - usual[0]) / usual[1]
    error = functional.smooth_l1_loss(
        judgement.measures.float()[known], target[known].float(), beta=SMALL_ERROR
    )
    return loss + MEASURES_SHARE * error


def _name_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy; unknown classes and what pads a sequence do not count."""
    return functional.cross_entropy(
        logits.float().flatten(0, 1),
        classes.flatten().clamp_min(UNKNOWN),
        ignore_index=UNKNOWN,
        label_smoothing=SMOOTHING,
    )


def fit_and_save(
    options: argparse.Namespace,
    views: Views,
    heads: Mapping[str, int],
    strength: Strength = STRONG,
) -> FormNet:
    """Train as the options of a command say, and save the weights in its folder."""
    network = fit(
        views,
        heads,
        steps=options.steps,
        seed=options.seed,
        init=options.init,
        strength=strength,
        learning_rate=options.learning_rate,
    )
    torch.save(network.state_dict(), options.out / WEIGHTS)
    return network
