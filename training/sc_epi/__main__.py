"""Train the compact EPI cord network on phantoms, and write its package.

    python -m training.sc_epi --out runs/sc_epi --seed 0

The same command resumes from the last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from training.common.loop import train
from training.common.options import add_loop_options, loop_options, set_up
from training.sc_epi.recipe import build_network, loss, write_package
from training.sc_epi.samples import EpiSamples


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.sc_epi", description=__doc__)
    add_loop_options(parser, steps=4500, batch_size=2, learning_rate=3e-3)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    network = train(build_network(), loss, EpiSamples(), loop_options(options, log_every=50))
    write_package(options.out / "package", network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
