"""The training of the network that names sequences of vertebrae by form and look."""

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

from spineps_nipype.core.vertebra_form import FEATURES, PART_FEATURES, PART_LABELS
from spineps_nipype.models.networks.form_net import FormNet, Judgement
from training.form_views import UNKNOWN, View
from training.looks import SCALE, changed_looks
from training.plan_measures import MEASURES

BATCH: Final = 32
LEARNING_RATE: Final = 2e-3
SMOOTHING: Final = 0.02
ABSENT: Final = -2
"""Class behind the end of a sequence."""
ALONE_SHARE, MEASURES_SHARE = 0.3, 2.0
"""Weights in the loss of names without neighbours, and of estimated dimensions."""
SMALL_ERROR: Final = 0.1
"""Standard deviations below which an error of an estimate counts as its square."""
WEIGHTS: Final = "network.pt"
"""What a run leaves in its folder."""

Array = np.ndarray


@dataclass(frozen=True)
class Disturbance:
    """How much the samples are changed.

    Masks of networks other than the one that made the samples, as scanners and patients differ,
    ask for strong changes; these cost precision where the network is known.

    Parameters
    ----------
    true, made
        Factor of what changes measures on true masks, and on masks that a network made.
    scale
        Standard deviation of the logarithm by which looks are scaled.
    """

    true: float = 1.0
    made: float = 1.0
    scale: float = SCALE


STRONG: Final = Disturbance()


def add_form_options(
    parser: argparse.ArgumentParser, *, phantoms: int, predicted: int, steps: int
) -> None:
    """Add the options of both commands, with the defaults of a package."""
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the measures; resumable"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phantoms", type=int, default=phantoms)
    parser.add_argument(
        "--predicted", type=int, default=predicted, help="phantoms that a network segments"
    )
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--init", type=Path, help=f"{WEIGHTS} of another run to start from")
    parser.add_argument("--package", type=Path, required=True, help="package to add the result to")


def changed(forms: Array, rng: np.random.Generator, strength: float = 1.0) -> Array:
    """As from masks of a network: parts missing, sizes and places a little off."""
    out = forms.copy()
    parts = out[:, : PART_FEATURES * len(PART_LABELS)].reshape(
        len(out), len(PART_LABELS), PART_FEATURES
    )
    seen = parts[..., :1] > 0
    scale = strength * np.log(rng.uniform(0.9, 1.1))
    # what is off differs from vertebra to vertebra, and in all vertebrae of a scan alike
    noise = rng.normal(0, 1, parts.shape) * rng.uniform(0, 1.5)
    noise += rng.normal(0, 1, parts.shape[1:]) * rng.uniform(0, 4)
    noise *= strength * np.array([0, 0.08, 0.05, 0.05, 0.05, 0.03, 0.03, 0.05])
    noise[:, 0] *= 0.6
    parts += (noise + np.array([0, 3 * scale, 0, 0, 0, scale, scale, scale])) * seen
    lost = rng.random((len(out), len(PART_LABELS))) < 0.05 * (rng.random() < 0.5)
    lost |= rng.random(len(PART_LABELS)) < 0.12
    lost[:, 0] = False
    parts[lost] = 0
    rest = out[:, PART_FEATURES * len(PART_LABELS) :]
    rest[:, :2] *= np.exp(scale + strength * rng.normal(0, 0.01, (len(out), 2)))
    rest[:, 4:8] += strength * rng.normal(0, 0.03, (len(out), 4))
    rest[:, 11] = np.log1p(np.expm1(rest[:, 11]) * rng.uniform(0.03, 1)) * (rng.random() < 0.93)
    return out


@dataclass(frozen=True)
class Batch:
    """Sequences, padded to the longest."""

    forms: Tensor
    looks: Tensor
    classes: Tensor
    """`ABSENT` behind the end of a sequence."""
    measures: Tensor
    """NaN where not known."""


def batches(
    views: Sequence[View],
    made: Sequence[View],
    share: float,
    rng: np.random.Generator,
    size: int,
    disturbance: Disturbance = STRONG,
) -> Iterator[Batch]:
    """Endless batches."""
    while True:
        picked, forms = [], []
        for _ in range(size):
            by_network = bool(made) and rng.random() < share
            source = made if by_network else views
            strength = disturbance.made if by_network else disturbance.true
            picked.append(source[int(rng.integers(len(source)))])
            forms.append(torch.from_numpy(changed(picked[-1].forms, rng, strength)))
        yield Batch(
            pad_sequence(forms, True).float(),
            changed_looks([v.looks for v in picked], rng, disturbance.scale),
            pad_sequence([torch.from_numpy(v.classes) for v in picked], True, ABSENT),
            pad_sequence([torch.from_numpy(v.measures) for v in picked], True, np.nan),
        )


def fit(
    views: Sequence[View],
    made: Sequence[View],
    heads: Mapping[str, int],
    *,
    steps: int,
    seed: int,
    share: float = 0.0,
    size: int = BATCH,
    init: Path | None = None,
    disturbance: Disturbance = STRONG,
) -> FormNet:
    """Train on views of true masks and of masks that a network made, the latter a share.

    Parameters
    ----------
    init
        Weights of another network, taken where name and shape agree.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng((seed, 9))
    network = FormNet(FEATURES, heads, MEASURES)
    if init is not None:
        own, given = network.state_dict(), torch.load(init, weights_only=True)
        fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
        network.load_state_dict(own | fitting)
    every = np.concatenate([v.forms for v in views])
    network.mean.copy_(torch.from_numpy(every.mean(0)))
    network.deviation.copy_(torch.from_numpy(every.std(0) + 1e-3))
    known = np.concatenate([v.measures for v in views])
    usual = torch.from_numpy(np.stack([np.nanmean(known, 0), np.nanstd(known, 0) + 1e-3]))
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps)
    network.train()
    for step, batch in enumerate(batches(views, made, share, rng, size, disturbance)):
        if step == steps:
            break
        shown = (batch.classes[..., 0] != ABSENT).sum(1)
        with torch.autocast("cpu", torch.bfloat16):
            said = network.judged(batch.forms, batch.looks, shown)
        loss = loss_of(said, batch, usual)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            named = batch.classes[..., 0] >= 0
            first = next(iter(said.heads.values())).argmax(-1)
            right = (first == batch.classes[..., 0])[named].float().mean()
            print(
                f"step {step} loss {float(loss.detach()):.3f} right {float(right):.3f}", flush=True
            )
    return network.eval()


def loss_of(said: Judgement, batch: Batch, usual: Tensor) -> Tensor:
    """Loss of all heads, of names without neighbours and of estimated dimensions.

    Parameters
    ----------
    usual
        Mean and standard deviation of the dimensions.
    """
    loss = ALONE_SHARE * _name_loss(said.alone, batch.classes[..., 0])
    for k, logits in enumerate(said.heads.values()):
        loss = loss + _name_loss(logits, batch.classes[..., k])
    known = torch.isfinite(batch.measures)
    if not known.any():
        return loss
    target = (torch.nan_to_num(batch.measures) - usual[0]) / usual[1]
    error = functional.smooth_l1_loss(
        said.measures.float()[known], target[known].float(), beta=SMALL_ERROR
    )
    return loss + MEASURES_SHARE * error


def _name_loss(logits: Tensor, classes: Tensor) -> Tensor:
    return functional.cross_entropy(
        logits.float().flatten(0, 1),
        classes.flatten().clamp_min(UNKNOWN),
        ignore_index=UNKNOWN,
        label_smoothing=SMOOTHING,
    )


def trained(
    options: argparse.Namespace,
    views: Sequence[View],
    made: Sequence[View],
    heads: Mapping[str, int],
    share: float,
    disturbance: Disturbance = STRONG,
) -> FormNet:
    """Train as the options of a command say, and keep the weights in its folder."""
    network = fit(
        views,
        made,
        heads,
        steps=options.steps,
        seed=options.seed,
        share=share,
        init=options.init,
        disturbance=disturbance,
    )
    torch.save(network.state_dict(), options.out / WEIGHTS)
    return network
