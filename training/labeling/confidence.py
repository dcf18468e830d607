"""Whether the confidence of names is worth its name: calibration, and flags against errors.

    python -m training.labeling.confidence PACKAGE [--phantoms FIRST LAST] [--missed 1]

Held-out phantoms are named with their true masks, whole and in views of 5, 8, 10 and 15
vertebrae, in T2w, T1w and CT; `training.common.name_views` says which, and what they weigh. With
`--missed`, so many neighbouring vertebrae are taken out of the masks of each view, but none at its
ends. Ten seconds a phantom.
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
from spineps_nipype.spineps.settings import Numerics
from training.common.name_views import (
    COUNTS,
    View,
    add_phantoms,
    draw_anomaly,
    print_figures,
    weight_of,
)
from training.labeling.evaluate import judged_names, label_view, rows_in_view, vertebrae_in_view

CONTRASTS: Final = ("T2w", "T2w", "T1w", "CT")


def views_of(
    seed: int, network: LabelingModel, missed: int = 0, numerics: Numerics = "corrected"
) -> list[View]:
    """All views of one phantom.

    Parameters
    ----------
    missed
        Neighbouring vertebrae that the masks lack.
    """
    anomaly, random = draw_anomaly(seed)
    phantom = generate(seed, anomalies=anomaly)
    image = render(phantom, contrast=CONTRASTS[random.integers(4)], seed=seed)
    weight = weight_of(phantom.plan.levels)
    views = []
    for count in COUNTS:
        rows = rows_in_view(phantom, count, np.random.default_rng((seed, 8, count or 0)))
        lacking = draw_missed(vertebrae_in_view(phantom, rows), missed, seed)
        told = label_view(phantom, image, rows, network, lacking, numerics)
        views.append(View(judged_names(*told), weight))
    return views


def draw_missed(labels: Sequence[int], count: int, seed: int) -> Sequence[int]:
    """Neighbouring vertebrae between others that masks are to lack; none in too small a view."""
    places = len(labels) - 1 - count
    if not count or places < 1:
        return ()
    first = 1 + int(np.random.default_rng((seed, 17, len(labels), count)).integers(places))
    return labels[first : first + count]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    add_phantoms(parser)
    parser.add_argument("--missed", type=int, default=0, help="vertebrae that masks lack")
    parser.add_argument("--numerics", default="corrected", help="as of spineps-wf")
    options = parser.parse_args(arguments)
    network = load_labeling(load_package(options.package))
    print_figures(
        options.phantoms, lambda seed: views_of(seed, network, options.missed, options.numerics)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
