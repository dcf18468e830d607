"""Whether the confidence of names is worth its name: calibration, and flags against errors.

    python -m training.labeling.confidence PACKAGE [--phantoms FIRST LAST]

Held-out phantoms are named with their true masks, whole and in views of 5, 8, 10 and 15
vertebrae, in T2w, T1w and CT. Three eighths of them are made with a T13, an L6 or 11 thoracic
vertebrae, so that there are enough to count; in all figures each phantom weighs what its kind is
among people. The confidence of a view is the least of its vertebrae, as the check `names` takes
it. Ten seconds a phantom.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from spineps_nipype.core.name_posterior import ANOMALY_ODDS
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
ANOMALY_SHARE: Final = 0.5
"""Share of phantoms that draw one of these."""
AMONG_PEOPLE: Final = ANOMALY_ODDS
"""Share of people with each anomaly."""


class View(NamedTuple):
    """A view of a phantom.

    Parameters
    ----------
    vertebrae
        From top to bottom.
    weight
        Share of its kind of spine among people, over that among the phantoms.
    """

    vertebrae: list[NamedVertebra]
    weight: float


def views_of(seed: int, network: LabelingModel) -> list[View]:
    """All views of one phantom."""
    random = np.random.default_rng((seed, 99))
    which = random.integers(len(ANOMALIES))
    anomaly = ANOMALIES[which] if random.random() < ANOMALY_SHARE else None
    phantom = generate(seed, anomalies=anomaly)
    image = render(phantom, contrast=CONTRASTS[random.integers(4)], seed=seed)
    rows = (
        rows_in_view(phantom, count, np.random.default_rng((seed, 8, count or 0)))
        for count in COUNTS
    )
    weight = weight_of(anomaly)
    return [View(name_view(phantom, image, some, network), weight) for some in rows]


def weight_of(anomaly: Anomalies | None) -> float:
    """How many people a phantom of its kind stands for, relative to how often it is drawn."""
    kinds = len(ANOMALIES) - 1
    drawn = ANOMALY_SHARE / len(ANOMALIES)
    if anomaly is None:
        return (1 - kinds * AMONG_PEOPLE) / (1 - kinds * drawn)
    return AMONG_PEOPLE / drawn


def summary(views: Sequence[View]) -> str:
    """Figures of all views in words."""
    each = [(v.confidence, v.right, view.weight) for view in views for v in view.vertebrae]
    confidence, right, heavy = (np.array(column) for column in zip(*each, strict=True))
    least = np.array([min(v.confidence for v in view.vertebrae) for view in views])
    all_right = np.array([all(v.right for v in view.vertebrae) for view in views])
    weights = np.array([view.weight for view in views])
    flagged = np.where(least < DOUBTFUL, weights, 0.0)
    shares = [flagged[some].sum() / weights[some].sum() for some in (all_right, ~all_right)]
    return (
        f"{len(views)} views, all names right in {np.average(all_right, weights=weights):.1%}; "
        f"{len(each)} vertebrae, {np.average(right, weights=heavy):.1%} right\n"
        "expected calibration error of a vertebra: "
        f"{calibration_error(confidence, right, heavy):.3f}\n"
        f"area under the curve of a view: {area_under_curve(least, all_right, weights):.3f}\n"
        f"flagged (below {DOUBTFUL}): {shares[0]:.1%} of the right views, "
        f"{shares[1]:.1%} of the wrong ones"
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
    views: list[View] = []
    for seed in range(*options.phantoms):
        views += views_of(seed, network)
        print(f"phantom {seed}: {len(views)} views", file=sys.stderr, flush=True)
    print(summary(views))
    return 0


if __name__ == "__main__":
    sys.exit(main())
