"""Train the compact instance network on phantoms, and write its package.

    python -m training.instance --out runs/instance --seed 0

The network learns from phantoms alone: its input is a label map, in which phantoms and patients
look alike once the map is corrupted as a semantic network would do. The run ends with an
evaluation on held-out phantoms (``report.json``) and the package in ``OUT/package``. The same
command resumes from the last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from spineps_nipype.models.loading import load_instance
from spineps_nipype.models.package import load_package
from training.common.loop import CHECKPOINT, load_average, train
from training.common.options import (
    add_loop_options,
    loop_options,
    set_up,
    write_report,
)
from training.instance.evaluate import evaluate_phase
from training.instance.recipe import build_network, evaluate_cutouts, loss, write_package
from training.instance.samples import make_group

QUICK_SEEDS: Final = range(900, 902)
"""Held-out phantoms of the quick evaluations during training."""


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
    network = build_network()
    if options.steps:
        network = train(
            network,
            loss,
            make_group,
            loop_options(
                options,
                bf16=options.device != "cpu",  # group normalisation is slow in bf16 there
            ),
            evaluate=lambda net: evaluate_cutouts(net, QUICK_SEEDS, augment=True, every=3),
        )
    else:
        network = load_average(options.out / CHECKPOINT, network)
    package = options.out / "package"
    write_package(package, network)
    in_phase = load_instance(load_package(package))
    seeds = range(options.evaluate)
    results = {
        "true masks": evaluate_cutouts(network, seeds, augment=False),
        "corrupted masks": evaluate_cutouts(network, seeds, augment=True),
        "phase, true masks": evaluate_phase(in_phase, seeds, corrupted=False),
        "phase, corrupted masks": evaluate_phase(in_phase, seeds, corrupted=True),
    }
    write_report(options, results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
