"""Train the two compact nets of spine-segmentation, and write them as ONNX files.

    python -m training.spine_segmentation --out runs/spine_segmentation --real SPIDER

The same command resumes from the last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch
from torch import nn

from spineps_nipype.spine_segmentation.models import Role
from training.common.loop import CHECKPOINT, train
from training.common.options import add_loop_options, add_real_scans, loop_options, set_up
from training.common.real_scans import training_scans
from training.common.spider_masks import vertebra_counts
from training.spine_segmentation.networks import SliceNets
from training.spine_segmentation.recipe import loss, write_package
from training.spine_segmentation.routine_slices import routine_slices
from training.spine_segmentation.samples import SliceSamples
from training.spine_segmentation.shipped import go_on_from
from training.spine_segmentation.sliced_scan import SlicedScan
from training.spine_segmentation.spider_targets import REAL_SPACING, slice_scan


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.spine_segmentation", description=__doc__
    )
    add_loop_options(parser, steps=3000, batch_size=8, learning_rate=4e-3)
    add_real_scans(parser, cached=True)
    parser.add_argument(
        "--routine",
        nargs=2,
        type=Path,
        metavar=("SLABS", "RESULTS"),
        help="BIDS folder of slabs without masks (benchmarks/slabs.py), derivatives of SPINEPS",
    )
    parser.add_argument("--init", type=Path, help="folder of the ONNX files whose nets go on")
    roles = get_args(Role)
    parser.add_argument("--nets", nargs="+", choices=roles, default=roles, help="nets to train")
    return parser.parse_args(arguments)


def real_scans(root: Path, cache: Path) -> list[SlicedScan]:
    """Scans of the subjects that are not held out."""
    counts = vertebra_counts(root)
    return [
        slice_scan(scan, REAL_SPACING, counts.get(scan.subject))
        for scan in training_scans(root, REAL_SPACING, cache)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the package."""
    options = parse(arguments)
    set_up(options)
    cache = options.cache or options.out / "cache"
    nets = SliceNets(options.nets)
    samples = SliceSamples(
        real_scans(options.real, cache) if options.real else (),
        list(routine_slices(*options.routine)) if options.routine else (),
    )
    if options.init and not (options.out / CHECKPOINT).exists():
        go_on_from(nets, options.init, samples)
    nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in stubs
    # in two dimensions bfloat16 is slower on a processor
    network = train(nets, loss, samples, loop_options(options, log_every=50, bf16=False))
    assert isinstance(network, nn.ModuleDict)
    write_package(options.out / "package", network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
