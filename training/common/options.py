"""Command-line options that every training command has."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from training.common.loop import LoopOptions


def add_loop_options(
    parser: argparse.ArgumentParser,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    workers: int = 0,
) -> None:
    """Add the options of the training loop, with the defaults of a package."""
    parser.add_argument("--out", type=Path, required=True, help="folder of this run; resumable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--minutes", type=float, help="stop after so much process time")
    parser.add_argument("--batch-size", type=int, default=batch_size)
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--workers", type=int, default=workers, help="data processes (GPU: 12)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")


def add_real_scans(parser: argparse.ArgumentParser, *, cached: bool = False) -> None:
    """Add where the real scans with masks lie, and where they are kept once prepared."""
    parser.add_argument("--real", type=Path, help="BIDS folder with masks in derivatives/manual")
    if cached:
        parser.add_argument("--cache", type=Path, help="prepared real scans (default: in --out)")


def set_up(options: argparse.Namespace) -> None:
    """Threads and first seed of torch, before a network is made."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)


def loop_options(options: argparse.Namespace, **others: Any) -> LoopOptions:
    """Options of the loop from the command line, and those that a package fixes."""
    names = ("out", "steps", "learning_rate", "batch_size", "workers", "device", "seed", "minutes")
    return LoopOptions(**{name: getattr(options, name) for name in names}, **others)
