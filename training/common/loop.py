"""The training loop that the instance and labelling packages share.

Same command on CPU and GPU; a run can be stopped at any time and started again with the same
arguments: it goes on from its last checkpoint. Progress is a CSV file beside the checkpoint.
"""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from spineps_nipype.models.inference.memory import reused_memory

HELD_OUT_SEEDS: Final = range(1000)
"""Phantoms with these seeds are for evaluation only; training starts above."""
FIRST_TRAINING_SEED: Final = 1000

Batch = dict[str, np.ndarray]
LossFunction = Callable[[nn.Module, dict[str, Tensor]], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True)
class LoopOptions:
    """How long and how fast to train."""

    out: Path
    steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: int = 50
    batch_size: int = 2
    workers: int = 0
    """Data processes; 0 makes the data in the training process itself."""
    device: str = "cpu"
    bf16: bool = True
    """Mixed precision; some networks are slower for it on a CPU."""
    seed: int = 0
    save_every: int = 200
    log_every: int = 20
    ema_decay: float = 0.995
    minutes: float | None = None
    """Stop (resumable) after so many minutes of process time."""


def phantom_seed(seed: int, group: int) -> int:
    """Seed of the training phantom of a group of samples; never a held-out one."""
    return FIRST_TRAINING_SEED + int(
        np.random.default_rng((seed, group)).integers(0, 2**31 - FIRST_TRAINING_SEED)
    )


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
        for mean, value in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        for mean, value in zip(self.network.buffers(), network.buffers(), strict=True):
            mean.copy_(value)


class GroupStream(torch.utils.data.IterableDataset):
    """Endless stream of samples: groups (one phantom each) are made in turn and mixed.

    Parameters
    ----------
    make_group
        From (seed, number of the group) to a list of samples.
    mix
        Number of groups whose samples are mixed.
    """

    def __init__(
        self, make_group: Callable[[int, int], list[Batch]], seed: int, start: int, mix: int = 4
    ) -> None:
        self.make_group, self.seed, self.start, self.mix = make_group, seed, start, mix

    def __iter__(self) -> Iterator[Batch]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        group = self.start + worker
        pool: list[Batch] = []
        rng = np.random.default_rng((self.seed, 1, group))
        fill = 0
        while True:
            while len(pool) <= fill * (self.mix - 1) / self.mix:
                samples = self.make_group(self.seed, group)
                fill = max(fill, self.mix * len(samples) // 2)
                pool += samples
                group += workers
            yield pool.pop(int(rng.integers(len(pool))))


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


@reused_memory()
def train(
    network: nn.Module,
    loss: LossFunction,
    make_group: Callable[[int, int], list[Batch]],
    options: LoopOptions,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    evaluate_every: int = 1000,
) -> nn.Module:
    """Train a network (AdamW, cosine schedule, EMA) and return the averaged one.

    The checkpoint ``last.pt`` and the log ``log.csv`` are written into ``options.out``; if a
    checkpoint is there, the run goes on from it.
    """
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(options.device)
    network = network.to(device).train()
    if device.type == "cpu" and any(p.dim() == 5 for p in network.parameters()):
        network = network.to(memory_format=torch.channels_last_3d)  # 2-D weights refuse it
    optimizer = torch.optim.AdamW(
        network.parameters(), options.learning_rate, weight_decay=options.weight_decay
    )
    ema = Ema(network, options.ema_decay)
    step = _resume(options.out / "last.pt", network, ema, optimizer)
    # a resumed run goes on with data that it has not seen
    stream = GroupStream(make_group, options.seed, start=step * options.batch_size)
    loader = torch.utils.data.DataLoader(
        stream,
        batch_size=options.batch_size,
        num_workers=options.workers,
        worker_init_fn=_one_thread,
        prefetch_factor=4 if options.workers else None,
    )
    log, sums, count = _Log(options.out / "log.csv"), {}, 0  # type: ignore[var-annotated]
    began = time.process_time()
    for batch in loader:
        if step >= options.steps or _over(began, options.minutes):
            break
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * _schedule(step, options)
        batch = {key: value.to(device) for key, value in batch.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=options.bf16):
            value, parts = loss(network, batch)
        optimizer.zero_grad()
        value.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        if torch.isfinite(norm):  # oneDNN gives NaN for some bfloat16 shapes
            optimizer.step()
            ema.update(network)
        step += 1
        count += 1
        for key, number in {"loss": float(value.detach()), **parts}.items():
            sums[key] = sums.get(key, 0.0) + number
        if step % options.log_every == 0:
            minutes = (time.process_time() - began) / 60
            log.write(step, minutes, {key: number / count for key, number in sums.items()})
            sums, count = {}, 0
        if step % options.save_every == 0:
            _save(options.out / "last.pt", network, ema, optimizer, step)
        if evaluate is not None and step % evaluate_every == 0:
            log.write(step, (time.process_time() - began) / 60, evaluate(ema.network))
    _save(options.out / "last.pt", network, ema, optimizer, step)
    return ema.network


def average_weights(path: Path) -> dict[str, Tensor]:
    """The averaged weights of a checkpoint."""
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)["ema"]
    return weights


def load_average(path: Path, network: nn.Module) -> nn.Module:
    """Network with the averaged weights of a checkpoint."""
    network.load_state_dict(average_weights(path))
    return network.eval()


def _schedule(step: int, options: LoopOptions) -> float:
    warm = min(1.0, (step + 1) / options.warm_up)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(step / options.steps, 1.0))))


def _over(began: float, minutes: float | None) -> bool:
    return minutes is not None and time.process_time() - began > minutes * 60


def _save(path: Path, network: nn.Module, ema: Ema, optimizer: Any, step: int) -> None:
    partial = path.with_suffix(".part")
    state = {
        "network": network.state_dict(),
        "ema": ema.network.state_dict(),
        "updates": ema.updates,
        "optimizer": optimizer.state_dict(),
        "step": step,
    }
    torch.save(state, partial)
    partial.replace(path)


def _resume(path: Path, network: nn.Module, ema: Ema, optimizer: Any) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    ema.network.load_state_dict(state["ema"])
    ema.updates = state["updates"]
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


class _Log:
    """CSV with one line a message: step, minutes, name, value."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_text("step,minutes,name,value\n")

    def write(self, step: int, minutes: float, values: dict[str, float]) -> None:
        with self.path.open("a", newline="") as stream:
            writer = csv.writer(stream)
            for name, value in values.items():
                writer.writerow([step, f"{minutes:.2f}", name, f"{value:.5f}"])
        shown = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        print(f"step {step} {minutes:.1f} min {shown}", flush=True)
