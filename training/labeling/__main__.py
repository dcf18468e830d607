"""Train the compact labelling network, and write its package.

    python -m training.labeling --out runs/labeling --seed 0 --real SPIDER

A small DenseNet names vertebrae in patches of phantoms, and of real lumbar scans whose lowest
vertebra is known to be L5. The run ends with an evaluation on held-out phantoms (``report.json``:
whole spines, 8 and 5 vertebrae in view) and the package in ``OUT/package``. The same command
resumes from the last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from torch import nn

from spineps_nipype.models.loading import load_labeling
from spineps_nipype.models.package import load_package
from training.common.loop import CHECKPOINT, load_average, train
from training.common.named_scans import named_scans
from training.common.options import (
    add_loop_options,
    add_real_scans,
    loop_options,
    set_up,
    write_report,
)
from training.labeling.evaluate import evaluate_views
from training.labeling.recipe import build_network, evaluate_patches, loss, write_package
from training.labeling.samples import LabelingSamples

QUICK_SEEDS: Final = range(900, 906)
"""Held-out phantoms of the quick evaluations during training."""
SCORE_SEEDS: Final = range(900, 910)
"""Held-out phantoms of the score in the name of the file."""


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
    network: nn.Module = build_network()
    if options.steps:
        network = train(
            network,
            loss,
            LabelingSamples(tuple(named_scans(options.real)) if options.real else ()),
            loop_options(options, bf16=options.device != "cpu"),
            evaluate=lambda net: {"held_out": evaluate_patches(net, QUICK_SEEDS)},
            evaluate_every=500,
        )
    else:
        network = load_average(options.out / CHECKPOINT, network)
    package = options.out / "package"
    write_package(package, network, evaluate_patches(network, SCORE_SEEDS))
    labeling = load_labeling(load_package(package))
    write_report(options, {"held out": evaluate_views(labeling, range(options.evaluate))})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
