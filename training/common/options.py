"""Command-line options that the training commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
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
    """Add the options of the training loop, with the defaults of a recipe."""
    parser.add_argument("--out", type=Path, required=True, help="folder of this run; resumable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--minutes", type=float, help="stop after this much process time")
    parser.add_argument("--batch-size", type=int, default=batch_size)
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument(
        "--workers", type=int, default=workers, help="processes that make samples (with a GPU: 12)"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add_threads(parser)


def add_real_scans(parser: argparse.ArgumentParser, *, cached: bool = False) -> None:
    """Add the folder of real scans with masks and, if asked for, of the prepared ones."""
    parser.add_argument("--real", type=Path, help="BIDS folder with masks in derivatives/manual")
    if cached:
        parser.add_argument(
            "--cache", type=Path, help="folder of the prepared real scans (default: in --out)"
        )


def add_evaluation_options(parser: argparse.ArgumentParser, *, phantoms: int, each: str) -> None:
    """Add what an evaluation is made on, and where its tables go.

    Parameters
    ----------
    phantoms
        How many by default.
    each
        What this number of phantoms is made for: each view, each size.
    """
    add_real_scans(parser)
    parser.add_argument(
        "--phantoms", type=int, default=phantoms, help=f"held-out phantoms for each {each}"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the number of threads."""
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on the CPU")


def set_up(options: argparse.Namespace) -> None:
    """Set threads and seed of torch; call it before a network is made."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)


def loop_options(options: argparse.Namespace, **others: Any) -> LoopOptions:
    """Options of the loop: those of the command line, and `others` that a recipe fixes."""
    names = ("out", "steps", "learning_rate", "batch_size", "workers", "device", "seed", "minutes")
    return LoopOptions(**{name: getattr(options, name) for name in names}, **others)


def write_report(options: argparse.Namespace, results: Mapping[str, Any]) -> None:
    """Write ``report.json``, how a run was made and how good it is, and print it."""
    report = {
        "training": {key: str(value) for key, value in vars(options).items()},
        "phantoms": options.evaluate,
        **results,
    }
    text = json.dumps(report, indent=2)
    (options.out / "report.json").write_text(text + "\n")
    print(text)
