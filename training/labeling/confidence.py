"""Whether the confidence of names is worth its name: calibration, and flags against errors.

    python -m training.labeling.confidence PACKAGE [--phantoms FIRST LAST]

Held-out phantoms are named with their true masks, whole and in views of 5, 8, 10 and 15
vertebrae, in T2w, T1w and CT. Three eighths of them are made with a T13, an L6 or 11 thoracic
vertebrae. The confidence of a view is the least of its vertebrae, as the check `names` takes it.
Ten seconds a phantom.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.metrics.calibration import area_under_curve, calibration_error
from spineps_nipype.metrics.checks import DOUBTFUL
from spineps_nipype.models.loading import load_labeling
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import LabelingModel
from spineps_nipype.phantom import generate, render
from spineps_nipype.phantom.plan import Anomalies
from training.labeling.evaluate import NamedVertebra, name_view, rows_in_view

COUNTS: Final = (None, 5, 8, 10, 15)
CONTRASTS: Final = ("T2w", "T2w", "T1w", "CT")
ANOMALIES: Final = (
    None,
    Anomalies(thoracic=13),
    Anomalies(lumbar=6),
    Anomalies(thoracic=11),
)


def views_of(seed: int, network: LabelingModel) -> list[list[NamedVertebra]]:
    """Vertebrae of every view of one phantom."""
    random = np.random.default_rng((seed, 99))
    anomaly = ANOMALIES[random.integers(4)] if random.random() < 0.5 else None
    phantom = generate(seed, anomalies=anomaly)
    image = render(phantom, contrast=CONTRASTS[random.integers(4)], seed=seed)
    rows = (
        rows_in_view(phantom, count, np.random.default_rng((seed, 8, count or 0)))
        for count in COUNTS
    )
    return [name_view(phantom, image, some, network) for some in rows]


def summary(views: Sequence[Sequence[NamedVertebra]]) -> str:
    """Figures of all views in words."""
    each = [vertebra for view in views for vertebra in view]
    confidence = np.array([vertebra.confidence for vertebra in each])
    right = np.array([vertebra.right for vertebra in each])
    least = np.array([min(v.confidence for v in view) for view in views])
    all_right = np.array([all(v.right for v in view) for view in views])
    flagged = least < DOUBTFUL
    return (
        f"{len(views)} views, all names right in {all_right.mean():.1%}; {len(each)} vertebrae, "
        f"{right.mean():.1%} right\n"
        f"expected calibration error of a vertebra: {calibration_error(confidence, right):.3f}\n"
        f"area under the curve of a view: {area_under_curve(least, all_right):.3f}\n"
        f"flagged (below {DOUBTFUL}): {flagged[all_right].mean():.1%} of the right views, "
        f"{flagged[~all_right].mean():.1%} of the wrong ones"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("--phantoms", nargs=2, type=int, default=(2000, 2060))
    options = parser.parse_args(arguments)
    network = load_labeling(load_package(options.package))
    views: list[list[NamedVertebra]] = []
    for seed in range(*options.phantoms):
        views += views_of(seed, network)
        print(f"phantom {seed}: {len(views)} views", file=sys.stderr, flush=True)
    print(summary(views))
    return 0


if __name__ == "__main__":
    sys.exit(main())
