"""The training loop that all recipes share.

The same command runs on CPU and GPU. A run can be stopped at any time; started again with the same
arguments it resumes from its last checkpoint. Progress is a CSV file beside the checkpoint.
"""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from spineps_nipype.models.engine_choice import has_bfloat16
from spineps_nipype.models.inference.memory import reused_memory

CHECKPOINT: Final = "last.pt"
LOG: Final = "log.csv"
LARGEST_NORM: Final = 5.0
"""Gradients are clipped to this norm."""
LAST_RATE: Final = 0.01
"""Learning rate at the end of the schedule, as a share of the first."""

Batch = dict[str, np.ndarray]
LossFunction = Callable[[nn.Module, dict[str, Tensor]], tuple[Tensor, dict[str, float]]]
MakeGroup = Callable[[int, int], list[Batch]]
"""From (seed, number of the group) to its samples."""


@dataclass(frozen=True)
class LoopOptions:
    """How long and how fast to train."""

    out: Path
    steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: int = 50
    """Steps over which the learning rate rises."""
    batch_size: int = 2
    workers: int = 0
    """Data processes; 0 makes the data in the training process itself."""
    device: str = "cpu"
    bf16: bool = True
    """Mixed precision where the device has it; some networks are slower for it on a CPU."""
    seed: int = 0
    save_every: int = 200
    log_every: int = 20
    ema_decay: float = 0.995
    minutes: float | None = None
    """Stop (resumable) after so many minutes of process time."""


class Ema:
    """Moving average of a network; entries that share storage are averaged once."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the current weights; young averages follow quickly."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 20))
        # parameters() and buffers() name shared tensors once
        for mean, weight in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)
        for kept, current in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(current)


class GroupStream(torch.utils.data.IterableDataset[Batch]):
    """Endless stream of samples: groups (one phantom each) are made in turn and mixed.

    Parameters
    ----------
    make_group
        Makes the samples of a group.
    seed
        Of the whole stream.
    start
        First group.
    mix
        Number of groups whose samples are mixed.
    """

    def __init__(self, make_group: MakeGroup, seed: int, start: int, mix: int = 4) -> None:
        self.make_group, self.seed, self.start, self.mix = make_group, seed, start, mix

    def __iter__(self) -> Iterator[Batch]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        group = self.start + worker
        pool: list[Batch] = []
        rng = np.random.default_rng((self.seed, 1, group))
        fill = 0
        while True:
            # a sample leaves a pool of several groups at random, so that a batch holds different
            # phantoms although making one is slow
            while len(pool) <= fill * (self.mix - 1) / self.mix:
                samples = self.make_group(self.seed, group)
                fill = max(fill, self.mix * len(samples) // 2)
                pool += samples
                group += workers
            yield pool.pop(int(rng.integers(len(pool))))


@reused_memory()
def train(
    network: nn.Module,
    loss: LossFunction,
    make_group: MakeGroup,
    options: LoopOptions,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    evaluate_every: int = 1000,
) -> nn.Module:
    """Train a network (AdamW, cosine schedule, moving average) and return the averaged one.

    The checkpoint ``last.pt`` and the log ``log.csv`` are written into ``options.out``; if a
    checkpoint is there, the run resumes from it.
    """
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    network = _on_device(network, torch.device(options.device)).train()
    optimizer = torch.optim.AdamW(
        network.parameters(), options.learning_rate, weight_decay=options.weight_decay
    )
    ema = Ema(network, options.ema_decay)
    checkpoint = _Checkpoint(options.out / CHECKPOINT, network, ema, optimizer)
    step = checkpoint.restore()
    log, means = _Log(options.out / LOG), _Means()
    # devices without bfloat16 imitate it, at a crawl
    options = replace(options, bf16=options.bf16 and has_bfloat16(options.device))
    for batch in _loader(make_group, options, step):
        if step >= options.steps or _out_of_time(log, options.minutes):
            break
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * _schedule(step, options)
        means.add(_update(network, loss, batch, optimizer, ema, options))
        step += 1
        if step % options.log_every == 0:
            log.write(step, means.take())
        if step % options.save_every == 0:
            checkpoint.save(step)
        if evaluate is not None and step % evaluate_every == 0:
            log.write(step, evaluate(ema.network))
    checkpoint.save(step)
    return ema.network


def average_weights(path: Path) -> dict[str, Tensor]:
    """The averaged weights of a checkpoint."""
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["ema"]
    return weights


def load_average(path: Path, network: nn.Module) -> nn.Module:
    """Network with the averaged weights of a checkpoint."""
    network.load_state_dict(average_weights(path))
    return network.eval()


def _on_device(network: nn.Module, device: torch.device) -> nn.Module:
    """The network in the memory format that is fastest there."""
    network = network.to(device)
    if device.type == "cpu" and any(p.dim() == 5 for p in network.parameters()):
        # channels first is slower on a processor; weights of two dimensions refuse the format
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # not in stubs
    return network


def _loader(
    make_group: MakeGroup, options: LoopOptions, step: int
) -> torch.utils.data.DataLoader[Batch]:
    """Batches of a stream that begins with data which a resumed run has not seen."""
    stream = GroupStream(make_group, options.seed, start=step * options.batch_size)
    return torch.utils.data.DataLoader(
        stream,
        batch_size=options.batch_size,
        num_workers=options.workers,
        worker_init_fn=_use_one_thread,
        prefetch_factor=4 if options.workers else None,
    )


def _use_one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def _update(
    network: nn.Module,
    loss: LossFunction,
    batch: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    ema: Ema,
    options: LoopOptions,
) -> dict[str, float]:
    """One step of the optimizer; the loss and its parts."""
    device = torch.device(options.device)
    batch = {key: value.to(device) for key, value in batch.items()}
    with torch.autocast(device.type, torch.bfloat16, enabled=options.bf16):
        value, parts = loss(network, batch)
    optimizer.zero_grad()
    value.backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), LARGEST_NORM)
    if torch.isfinite(norm):  # oneDNN gives NaN for some bfloat16 shapes
        optimizer.step()
        ema.update(network)
    return {"loss": float(value.detach()), **parts}


def _schedule(step: int, options: LoopOptions) -> float:
    """Share of the learning rate at a step: a linear rise, then half a cosine."""
    rise = min(1.0, (step + 1) / options.warm_up)
    fall = 0.5 * (1 + math.cos(math.pi * min(step / options.steps, 1.0)))
    return rise * (LAST_RATE + (1 - LAST_RATE) * fall)


def _out_of_time(log: _Log, minutes: float | None) -> bool:
    return minutes is not None and log.minutes > minutes


@dataclass(frozen=True)
class _Checkpoint:
    """File that holds all that a run needs to resume."""

    path: Path
    network: nn.Module
    ema: Ema
    optimizer: torch.optim.Optimizer

    def save(self, step: int) -> None:
        partial = self.path.with_suffix(".part")
        state = {
            "network": self.network.state_dict(),
            "ema": self.ema.network.state_dict(),
            "updates": self.ema.updates,
            "optimizer": self.optimizer.state_dict(),
            "step": step,
        }
        torch.save(state, partial)
        partial.replace(self.path)

    def restore(self) -> int:
        """Load the file if it is there; the step that it was saved at, else 0."""
        if not self.path.exists():
            return 0
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.ema.network.load_state_dict(state["ema"])
        self.ema.updates = state["updates"]
        self.optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])


class _Means:
    """Means of named values between two lines of the log."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, values: dict[str, float]) -> None:
        self.count += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        """The means so far; counting starts again."""
        means = {name: total / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


class _Log:
    """CSV with a line for each value: step, minutes of process time, name, value."""

    def __init__(self, path: Path) -> None:
        self.path, self.began = path, time.process_time()
        if not path.exists():
            path.write_text("step,minutes,name,value\n")

    @property
    def minutes(self) -> float:
        """Process time since the run began or resumed."""
        return (time.process_time() - self.began) / 60

    def write(self, step: int, values: dict[str, float]) -> None:
        minutes = self.minutes
        with self.path.open("a", newline="") as stream:
            writer = csv.writer(stream)
            for name, value in values.items():
                writer.writerow([step, f"{minutes:.2f}", name, f"{value:.5f}"])
        shown = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        print(f"step {step} {minutes:.1f} min {shown}", flush=True)
