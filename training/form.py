"""Sequences of vertebrae, measured and seen, and the training of a network that names them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from spineps_nipype.core.anatomy import BODY_PARTS
from spineps_nipype.core.vertebra_form import FEATURES, GROUPS, OF_PART, vertebra_forms
from spineps_nipype.models.networks.form_net import FormNet, Judgement
from training.looks import changed_looks, stored_looks
from training.plan_measures import MEASURES

VIEWS: Final = 12
"""Views measured of one spine at a time."""
PART_SIZE: Final = 50
"""Phantoms in one file of measures."""
MIN_BODY_MM3: Final = 300.0
BATCH: Final = 32
LEARNING_RATE: Final = 2e-3
SMOOTHING: Final = 0.02
UNKNOWN: Final = -1
"""Class of what is no vertebra, or none that the truth shows: no part of the loss."""
ABSENT: Final = -2
"""Class behind the end of a sequence."""
UNMEASURED: Final = np.full(MEASURES, np.nan)
ALONE_SHARE, MEASURES_SHARE = 0.3, 2.0
"""Weights in the loss of names without neighbours, and of estimated dimensions."""
SMALL_ERROR: Final = 0.1
"""Standard deviations below which an error of an estimate counts as its square."""
WEIGHTS: Final = "network.pt"
"""What a run leaves in its folder."""

Array = np.ndarray


@dataclass(frozen=True)
class View:
    """Measures of the vertebrae in a view, and their classes."""

    forms: Array
    """(vertebrae, FEATURES)"""
    classes: Array
    """(vertebrae, heads), int64."""
    looks: Array
    """(vertebrae, planes, depth, height) with margins, uint8, see `training.looks`."""
    measures: Array
    """(vertebrae, MEASURES), NaN where not known, see `training.plan_measures`."""


COLUMNS: Final = tuple(column.name for column in fields(View))


@dataclass(frozen=True)
class Masks:
    """Both masks of a spine (P, I, R), its image, and what its vertebrae are."""

    spine: Array
    vert: Array
    spacing: tuple[float, float, float]
    classes: Mapping[int, Sequence[int]]
    """Label of a vertebra to its class in every head, cranial to caudal."""
    image: Array
    """Scan on the same grid."""
    measure: Callable[..., Array] = vertebra_forms
    known: Mapping[int, Array] = field(default_factory=dict)
    """True dimensions of vertebrae by their label, see `training.plan_measures`."""

    def extents(self) -> list[tuple[int, int]]:
        """First row of every body and the first row below it."""
        body = np.isin(self.spine, BODY_PARTS)
        found = []
        for label in self.classes:
            rows = np.flatnonzero((body & (self.vert == label)).any(axis=(0, 2)))
            if len(rows):
                found.append((int(rows[0]), int(rows[-1]) + 1))
        return found


def drawn_views(
    masks: Masks, rng: np.random.Generator, thin: float, count: int = VIEWS
) -> list[View]:
    """The whole and some random parts.

    Parameters
    ----------
    thin
        Share of parts that are thin slabs.
    """
    found = [measured(masks, slice(None), slice(None))]
    extents = masks.extents()
    for _ in range(count - 1):
        across = slab(masks, rng) if rng.random() < thin else slice(None)
        found.append(measured(masks, rows(masks, extents, rng), across))
    return [view for view in found if view is not None]


def rows(masks: Masks, extents: Sequence[tuple[int, int]], rng: np.random.Generator) -> slice:
    """Rows (I) that show some consecutive vertebrae and a little more."""
    count = min(int(rng.integers(3, 14)), len(extents))
    first = int(rng.integers(0, len(extents) - count + 1))
    step = masks.spacing[1]
    room = rng.uniform(0, 35, 2) / step
    low, high = extents[first][0] - room[0], extents[first + count - 1][1] + room[1]
    if first + count == len(extents) and rng.random() < 0.7:
        high += rng.uniform(20, 60) / step
    return slice(max(int(low), 0), min(int(high), masks.spine.shape[1]))


def slab(masks: Masks, rng: np.random.Generator) -> slice:
    """Columns (R) near the middle of the bodies."""
    size, step = masks.spine.shape[2], masks.spacing[2]
    half = rng.uniform(6, 25) / step
    middle = size / 2 + rng.normal(0, 4) / step
    return slice(max(int(middle - half), 0), min(int(np.ceil(middle + half)) + 1, size))


def measured(masks: Masks, i: slice, r: slice) -> View | None:
    """Measures of a view; nothing without a vertebra."""
    spine, vert = masks.spine[:, i, r], masks.vert[:, i, r]
    sizes = np.bincount(vert[np.isin(spine, BODY_PARTS)], minlength=256) * np.prod(masks.spacing)
    shown = [label for label in masks.classes if sizes[label] > MIN_BODY_MM3]
    if not shown:
        return None
    forms = masks.measure(spine, vert, shown, masks.spacing)
    bodies = np.where(np.isin(spine, BODY_PARTS), vert, 0)
    looks = stored_looks(masks.image[:, i, r], bodies, shown, masks.spacing)
    classes = np.array([masks.classes[label] for label in shown])
    known = np.array([masks.known.get(label, UNMEASURED) for label in shown], np.float32)
    return View(forms.astype(np.float32), classes, looks, known)


def called_after(numbers: Array, truth: Array) -> Array:
    """Instances called what they overlap most, 0 where they overlap nothing.

    Parameters
    ----------
    numbers
        Instances, 0 elsewhere.
    truth
        True labels on the same grid, 0 elsewhere.
    """
    table = np.zeros(int(numbers.max()) + 1, np.uint8)
    for number in np.unique(numbers[numbers > 0]):
        votes = np.bincount(truth[numbers == number], minlength=2)[1:]
        if votes.any():
            table[number] = int(votes.argmax()) + 1
    return table[numbers]


def stored_views(
    out: Path, phantoms: int, make: Callable[[int], list[View]], part: int = PART_SIZE
) -> list[View]:
    """Views of so many phantoms, made from their number where they are not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    views = []
    for start in range(0, phantoms, part):
        path = out / f"forms-{start:05d}.npz"
        if not path.exists():
            made = [v for k in range(start, start + part) for v in make(k)]
            unfinished = path.with_suffix(".part.npz")
            columns = {key: np.concatenate([getattr(v, key) for v in made]) for key in COLUMNS}
            np.savez(unfinished, sizes=[len(v.forms) for v in made], **columns)
            unfinished.replace(path)
            print(f"{start + part} of {phantoms} spines measured", flush=True)
        with np.load(path) as stored:
            ends = np.cumsum(stored["sizes"])[:-1]
            parts = (np.split(stored[key], ends) for key in COLUMNS)
            views += [View(*row) for row in zip(*parts, strict=True)]
    return views


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


def changed(forms: Array, rng: np.random.Generator) -> Array:
    """As from masks of a network: parts missing, sizes and places a little off."""
    out = forms.copy()
    parts = out[:, : OF_PART * len(GROUPS)].reshape(len(out), len(GROUPS), OF_PART)
    seen = parts[..., :1] > 0
    scale = np.log(rng.uniform(0.9, 1.1))
    # what is off differs from vertebra to vertebra, and in all vertebrae of a scan alike
    noise = rng.normal(0, 1, parts.shape) * rng.uniform(0, 1.5)
    noise += rng.normal(0, 1, parts.shape[1:]) * rng.uniform(0, 4)
    noise *= np.array([0, 0.08, 0.05, 0.05, 0.05, 0.03, 0.03, 0.05])
    noise[:, 0] *= 0.6
    parts += (noise + np.array([0, 3 * scale, 0, 0, 0, scale, scale, scale])) * seen
    lost = rng.random((len(out), len(GROUPS))) < 0.05 * (rng.random() < 0.5)
    lost |= rng.random(len(GROUPS)) < 0.12
    lost[:, 0] = False
    parts[lost] = 0
    rest = out[:, OF_PART * len(GROUPS) :]
    rest[:, :2] *= np.exp(scale + rng.normal(0, 0.01, (len(out), 2)))
    rest[:, 4:8] += rng.normal(0, 0.03, (len(out), 4))
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
    real: Sequence[View],
    share: float,
    rng: np.random.Generator,
    size: int,
) -> Iterator[Batch]:
    """Endless batches."""
    while True:
        picked = []
        for _ in range(size):
            source = real if real and rng.random() < share else views
            picked.append(source[int(rng.integers(len(source)))])
        yield Batch(
            pad_sequence([torch.from_numpy(changed(v.forms, rng)) for v in picked], True).float(),
            changed_looks([v.looks for v in picked], rng),
            pad_sequence([torch.from_numpy(v.classes) for v in picked], True, ABSENT),
            pad_sequence([torch.from_numpy(v.measures) for v in picked], True, np.nan),
        )


def fit(
    views: Sequence[View],
    real: Sequence[View],
    heads: Mapping[str, int],
    *,
    steps: int,
    seed: int,
    share: float = 0.0,
    size: int = BATCH,
    init: Path | None = None,
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
    for step, batch in enumerate(batches(views, real, share, rng, size)):
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
    )
    torch.save(network.state_dict(), options.out / WEIGHTS)
    return network
