"""Train the search for the spine on phantoms and real scans, and write its package.

    python -m training.scout --out runs/scout --real BIDS_WITH_MASKS --slices SLICES_WITH_MASKS

The same command resumes from the last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.common.loop import load_average, train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.patches import FINEST
from training.common.real_scans import training_scans
from training.scout.recipe import build_network, loss, write_package
from training.scout.samples import ScoutSamples, from_real, training_slices


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.scout", description=__doc__)
    add_loop_options(parser, steps=1500, batch_size=1, learning_rate=2e-3)
    add_real_scans(parser, cached=True)
    parser.add_argument("--slices", type=Path, help="folder of single slices with masks")
    parser.add_argument("--init", type=Path, help="checkpoint of another run to start from")
    parser.add_argument("--phantom-share", type=float, default=0.55)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    real = []
    if options.real:
        cache = options.cache or options.out / "cache"
        real += [from_real(scan) for scan in training_scans(options.real, FINEST, cache)]
    if options.slices:
        real += training_slices(options.slices)
    network = build_network()
    if options.init:
        network = load_average(options.init, network)
    network = train(
        network,
        loss,
        ScoutSamples(real, options.phantom_share),
        loop_options(options, ema_decay=0.998, log_every=100, save_every=250, bf16=False),
    )
    write_package(options.out / "package", network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
