"""Views of phantoms by which the probabilities of names are judged, and figures of many views.

Half of the phantoms draw a kind of their own: usual, T13, L6 or 11 thoracic vertebrae, so that
there are enough to count; the others have what their seed gives them. In all figures a view weighs
what the numbers of vertebrae of its spine are among people. The confidence of a view is the least
of its vertebrae, as the check `names` takes it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from spineps_nipype.core.name_posterior import ANOMALY_ODDS
from spineps_nipype.metrics.calibration import area_under_curve, calibration_error
from spineps_nipype.metrics.checks import DOUBTFUL
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render
from spineps_nipype.phantom.plan import (
    LUMBAR_COUNTS,
    LUMBAR_ODDS,
    THORACIC_COUNTS,
    THORACIC_ODDS,
    Anomalies,
    draw_plan,
)

COUNTS: Final = (None, 5, 8, 10, 15)
"""Vertebrae in view; None is the whole spine."""
ANOMALIES: Final = (
    None,
    Anomalies(thoracic=13),
    Anomalies(lumbar=6),
    Anomalies(thoracic=11),
)
ANOMALY_SHARE: Final = 0.5
"""Share of phantoms that draw one of these."""


CONTRASTS: Final = ("T2w", "T2w", "T1w", "T2w")
"""Contrasts of rendered views; each is drawn as often as it stands here."""
SHOWN: Final = 0.5
"""Share of a piece that a vertebra of the truth must fill to be the one that it shows."""

Array = np.ndarray


class NamedVertebra(NamedTuple):
    """Whether the name of a vertebra is right, and its confidence."""

    right: bool
    confidence: float


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


def draw_anomaly(seed: int) -> tuple[Anomalies | None, np.random.Generator]:
    """What is forced on a phantom, and the generator for what else its views draw."""
    random = np.random.default_rng((seed, 99))
    which = random.integers(len(ANOMALIES))
    return (ANOMALIES[which] if random.random() < ANOMALY_SHARE else None), random


def drawn_anomaly(random: np.random.Generator) -> Anomalies | None:
    """What is forced on a phantom whose other draws follow from the same generator."""
    if random.random() < ANOMALY_SHARE:
        return ANOMALIES[random.integers(len(ANOMALIES))]
    return None


def weight_of(levels: Sequence[str]) -> float:
    """How many people a phantom stands for, relative to how often its numbers are drawn.

    Parameters
    ----------
    levels
        Names of its vertebrae.
    """
    thoracic, lumbar = (sum(name[0] == region for name in levels) for region in "TL")
    of_thoracic = dict(zip(THORACIC_COUNTS, THORACIC_ODDS, strict=True))[thoracic]
    of_lumbar = dict(zip(LUMBAR_COUNTS, LUMBAR_ODDS, strict=True))[lumbar]
    drawn = 0.0
    for kind in ANOMALIES:
        share = ANOMALY_SHARE / len(ANOMALIES) + (0 if kind else 1 - ANOMALY_SHARE)
        forced = kind or Anomalies()
        drawn += (
            share
            * (of_thoracic if forced.thoracic is None else float(forced.thoracic == thoracic))
            * (of_lumbar if forced.lumbar is None else float(forced.lumbar == lumbar))
        )
    usual = 1 - 2 * ANOMALY_ODDS
    people = usual if thoracic == THORACIC_COUNTS[1] else ANOMALY_ODDS
    return people * (usual if lumbar == LUMBAR_COUNTS[1] else ANOMALY_ODDS) / drawn


def phantom_in_window(
    seed: int,
    count: int | None,
    anomalies: Anomalies | None,
    spacing: tuple[float, float, float],
    width: float = 50.0,
) -> Phantom:
    """A window with some vertebrae of a phantom, S1 being one; all places are equally likely.

    Parameters
    ----------
    count
        Vertebrae in the window; None for the whole spine with some of the head.
    spacing
        P, I, R in mm.
    width
        Extent across the slices in mm.
    """
    names = (*draw_plan(seed, anomalies).levels[1:], "sacrum")
    top = bottom = None
    if count is not None:
        first = int(np.random.default_rng((seed, 8, count)).integers(0, len(names) - count + 1))
        top, bottom = names[first], names[first + count - 1]
    fov = FieldOfView(top=top, bottom=bottom, width=width)
    return generate(seed, spacing=spacing, fov=fov, anomalies=anomalies)


def rendered_views(
    seed: int,
    spacing: tuple[float, float, float],
    named: Callable[[Phantom, Array], list[NamedVertebra]],
) -> list[View]:
    """All views of one phantom, each rendered and named as a scan of its own.

    Parameters
    ----------
    spacing
        P, I, R in mm; the last is the thickness of the slices.
    named
        Names the vertebrae of a phantom in its image.
    """
    anomaly, random = draw_anomaly(seed)
    contrast = CONTRASTS[random.integers(len(CONTRASTS))]
    views = []
    for count in COUNTS:
        phantom = phantom_in_window(seed, count, anomaly, spacing)
        image = render(phantom, contrast=contrast, seed=seed, slice_thickness=spacing[2])
        views.append(View(named(phantom, image), weight_of(phantom.plan.levels)))
    return views


def vertebra_shown(truth: Array) -> int:
    """Label of the vertebra that a piece shows, by the true labels of its voxels; 0 for none."""
    votes = np.bincount(truth, minlength=2)
    best = int(votes[1:].argmax()) + 1
    return best if votes[best] >= SHOWN * votes.sum() > 0 else 0


def add_phantoms(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which phantoms are looked at."""
    parser.add_argument("--phantoms", nargs=2, type=int, default=(2000, 2060))


def print_figures(phantoms: Sequence[int], views_of: Callable[[int], list[View]]) -> None:
    """Print the figures of all views of phantoms, and on the way how far it is.

    Parameters
    ----------
    phantoms
        First seed, and the one after the last.
    views_of
        Views of the phantom of a seed.
    """
    views: list[View] = []
    for seed in range(*phantoms):
        views += views_of(seed)
        print(f"phantom {seed}: {len(views)} views", file=sys.stderr, flush=True)
    print(summary(views))


def summary(views: Sequence[View]) -> str:
    """Figures of all views in words."""
    views = [view for view in views if view.vertebrae]
    each = [(v.confidence, v.right, view.weight) for view in views for v in view.vertebrae]
    confidence, right, heavy = (np.array(column) for column in zip(*each, strict=True))
    least = np.array([min(v.confidence for v in view.vertebrae) for view in views])
    all_right = np.array([all(v.right for v in view.vertebrae) for view in views])
    weights = np.array([view.weight for view in views])
    flagged = np.where(least < DOUBTFUL, weights, 0.0)
    shares = [
        flagged[some].sum() / weights[some].sum() if some.any() else 0.0
        for some in (all_right, ~all_right)
    ]
    return (
        f"{len(views)} views, all names right in {np.average(all_right, weights=weights):.1%}; "
        f"{len(each)} vertebrae, {np.average(right, weights=heavy):.1%} right\n"
        "expected calibration error of a vertebra: "
        f"{calibration_error(confidence, right, heavy):.3f}\n"
        f"area under the curve of a view: {area_under_curve(least, all_right, weights):.3f}\n"
        f"flagged (below {DOUBTFUL}): {shares[0]:.1%} of the right views, "
        f"{shares[1]:.1%} of the wrong ones"
    )
