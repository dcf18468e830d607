"""Train the compact semantic network on phantoms and real scans, and write its package.

    python -m training.semantic --out runs/semantic --seed 0 --real BIDS_WITH_MASKS

The same command resumes from the last checkpoint. Masks that join labels (SPIDER: vertebra, disc,
canal) train by the marginal loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.common.loop import average_weights, train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.patches import FINEST
from training.common.real_scans import training_scans
from training.semantic.recipe import Loss, build_network, write_package
from training.semantic.samples import SemanticSamples, with_cauda
from training.semantic.widening import widen


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.semantic", description=__doc__)
    add_loop_options(parser, steps=20000, batch_size=1, learning_rate=2e-3, workers=1)
    add_real_scans(parser)
    parser.add_argument("--phantom-share", type=float, default=0.5)
    parser.add_argument(
        "--init",
        type=Path,
        help="checkpoint of another run to start from, as wide as this one or narrower",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    network = build_network()
    if options.init:
        network = widen(network, average_weights(options.init))
    scans = training_scans(options.real, FINEST, options.out / "cache") if options.real else []
    network = train(
        network,
        Loss(),
        SemanticSamples([with_cauda(scan) for scan in scans], options.phantom_share),
        loop_options(options, ema_decay=0.998, log_every=50, save_every=250),
    )
    write_package(options.out / "package", network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
