"""Sequences of vertebrae, measured and seen, and the training of a network that names them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from spineps_nipype.core.anatomy import BODY_PARTS
from spineps_nipype.core.vertebra_form import FEATURES, GROUPS, OF_PART, vertebra_forms
from spineps_nipype.models.networks.form_net import FormNet
from training.looks import changed_looks, stored_looks

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
    return View(forms.astype(np.float32), classes, looks)


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
            np.savez(
                unfinished,
                forms=np.concatenate([v.forms for v in made]),
                classes=np.concatenate([v.classes for v in made]),
                sizes=[len(v.forms) for v in made],
                looks=np.concatenate([v.looks for v in made]),
            )
            unfinished.replace(path)
            print(f"{start + part} of {phantoms} phantoms measured", flush=True)
        with np.load(path) as stored:
            ends = np.cumsum(stored["sizes"])[:-1]
            parts = (np.split(stored[key], ends) for key in ("forms", "classes", "looks"))
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


def batches(
    views: Sequence[View],
    real: Sequence[View],
    share: float,
    rng: np.random.Generator,
    size: int,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Endless batches: measures, looks, and classes with -1 behind the end of a sequence."""
    while True:
        picked = []
        for _ in range(size):
            source = real if real and rng.random() < share else views
            picked.append(source[int(rng.integers(len(source)))])
        x = pad_sequence([torch.from_numpy(changed(v.forms, rng)) for v in picked], True)
        y = pad_sequence([torch.from_numpy(v.classes) for v in picked], True, ABSENT)
        yield x.float(), changed_looks([v.looks for v in picked], rng), y


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
    network = FormNet(FEATURES, heads)
    if init is not None:
        own, given = network.state_dict(), torch.load(init, weights_only=True)
        fitting = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
        network.load_state_dict(own | fitting)
    every = np.concatenate([v.forms for v in views])
    network.mean.copy_(torch.from_numpy(every.mean(0)))
    network.deviation.copy_(torch.from_numpy(every.std(0) + 1e-3))
    first = next(iter(heads))
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps)
    network.train()
    for step, (x, looks, y) in enumerate(batches(views, real, share, rng, size)):
        if step == steps:
            break
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(x, looks, (y[..., 0] != ABSENT).sum(1))
        loss = torch.zeros(())
        for k, head in enumerate(heads):
            loss = loss + functional.cross_entropy(
                logits[head].float().flatten(0, 1),
                y[..., k].flatten().clamp_min(UNKNOWN),
                ignore_index=UNKNOWN,
                label_smoothing=SMOOTHING,
            )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            known = y[..., 0] >= 0
            right = (logits[first].argmax(-1) == y[..., 0])[known].float().mean()
            print(
                f"step {step} loss {float(loss.detach()):.3f} right {float(right):.3f}", flush=True
            )
    return network.eval()


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
