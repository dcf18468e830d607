"""Train the compact networks of both steps of TotalSpineSeg, and write their packages.

    python -m training.totalspineseg --out DIR --init PACKAGES --real SPIDER

PACKAGES is a folder with packages of both steps to go on from. The same command resumes from the
last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.common.loop import train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.patches import FINEST
from training.common.real_scans import training_scans
from training.common.spider_masks import vertebra_counts
from training.totalspineseg.recipe import (
    Loss,
    build_network,
    weights_of_packages,
    write_packages,
)
from training.totalspineseg.samples import CodedScan, TotalSpineSegSamples


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.totalspineseg", description=__doc__)
    add_loop_options(parser, steps=3000, batch_size=1, learning_rate=1e-3)
    add_real_scans(parser, cached=True)
    parser.add_argument("--init", type=Path, help="folder with packages of both steps")
    parser.add_argument("--phantom-share", type=float, default=0.5)
    return parser.parse_args(arguments)


def coded_scans(root: Path, cache: Path) -> list[CodedScan]:
    """Scans of the subjects that are not held out."""
    counts = vertebra_counts(root)
    return [
        CodedScan.from_spider(scan, counts.get(scan.subject))
        for scan in training_scans(root, FINEST, cache)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the packages."""
    options = parse(arguments)
    set_up(options)
    network = build_network()
    if options.init:
        network.load_state_dict(weights_of_packages(options.init))
    cache = options.cache or options.out / "cache"
    real = coded_scans(options.real, cache) if options.real else []
    network = train(
        network,
        Loss(),
        TotalSpineSegSamples(real, options.phantom_share),
        loop_options(options, log_every=50, save_every=100),
    )
    write_packages(options.out / "package", network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
