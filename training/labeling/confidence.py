"""Whether the confidence of names is worth its name: calibration, and flags against errors.

    python -m training.labeling.confidence PACKAGE [--phantoms FIRST LAST]

Held-out phantoms are named with their true masks, whole and in views of 5, 8, 10 and 15
vertebrae, in T2w, T1w and CT; `training.common.name_views` says which, and what they weigh. Ten
seconds a phantom.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.models.loading import load_labeling
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import LabelingModel
from spineps_nipype.phantom import generate, render
from training.common.name_views import (
    COUNTS,
    View,
    add_phantoms,
    draw_anomaly,
    print_figures,
    weight_of,
)
from training.labeling.evaluate import name_view, rows_in_view

CONTRASTS: Final = ("T2w", "T2w", "T1w", "CT")


def views_of(seed: int, network: LabelingModel) -> list[View]:
    """All views of one phantom."""
    anomaly, random = draw_anomaly(seed)
    phantom = generate(seed, anomalies=anomaly)
    image = render(phantom, contrast=CONTRASTS[random.integers(4)], seed=seed)
    rows = (
        rows_in_view(phantom, count, np.random.default_rng((seed, 8, count or 0)))
        for count in COUNTS
    )
    weight = weight_of(phantom.plan.levels)
    return [View(name_view(phantom, image, some, network), weight) for some in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    add_phantoms(parser)
    options = parser.parse_args(arguments)
    network = load_labeling(load_package(options.package))
    print_figures(options.phantoms, lambda seed: views_of(seed, network))
    return 0


if __name__ == "__main__":
    sys.exit(main())
