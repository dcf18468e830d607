"""Train the compact semantic network on phantoms and real scans, and write its package.

    python -m training.semantic --out runs/semantic --seed 0 --real BIDS_WITH_MASKS

The same command resumes from the last checkpoint. Masks that join labels (SPIDER: vertebra, disc,
canal) train by the marginal loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training.common.canal_contents import with_cauda, with_cord
from training.common.loop import train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.patches import FINEST
from training.common.real_scans import training_scans
from training.semantic.recipe import Loss, build_network, starting_weights, write_package
from training.semantic.samples import SemanticSamples
from training.semantic.slices import SliceScan, slice_scans
from training.semantic.widening import widen


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.semantic", description=__doc__)
    add_loop_options(parser, steps=20000, batch_size=1, learning_rate=2e-3, workers=1)
    add_real_scans(parser)
    parser.add_argument("--phantom-share", type=float, default=0.5)
    parser.add_argument("--slices", type=Path, help="BIDS folder of single slices with masks")
    parser.add_argument(
        "--slice-masks", type=Path, nargs="*", default=[], help="further folders of masks of these"
    )
    parser.add_argument(
        "--slice-share", type=float, default=0.5, help="of the samples that are no phantoms"
    )
    parser.add_argument(
        "--init",
        type=Path,
        help="checkpoint of another run, as wide or narrower, or a package, to go on from",
    )
    return parser.parse_args(arguments)


def training_slices(options: argparse.Namespace) -> list[list[SliceScan]]:
    """Slices of the command line, a list for each folder of masks."""
    if not options.slices:
        return []
    kinds = [slice_scans(options.slices, masks) for masks in (None, *options.slice_masks)]
    return [
        [replace(s, scan=with_cauda(s.scan, (*FINEST[:2], s.thickness))) for s in kind]
        for kind in kinds
        if kind
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    network = build_network()
    if options.init:
        network = widen(network, starting_weights(options.init))
    scans = training_scans(options.real, FINEST, options.out / "cache") if options.real else []
    samples = SemanticSamples(
        [with_cord(with_cauda(scan)) for scan in scans],
        options.phantom_share,
        slices=training_slices(options),
        slice_share=options.slice_share if options.slices else 0.0,
    )
    network = train(
        network,
        Loss(),
        samples,
        loop_options(options, ema_decay=0.998, log_every=50, save_every=100),
    )
    write_package(options.out / "package", network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
