"""Sizes of the vertebrae of one spine, drawn around the means of `measures`.

A range is (low, high) of an even draw. Where no source is named, its limits are ours, chosen so
that spines look as different as those in public data sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from .geometry import Array
from .measures import MEAN

HEIGHT_SPREAD: Final = (0.95, 1.05)
"""Height of a body relative to the mean: drawn for the person, and again for each body."""
SLENDERNESS: Final = (0.96, 1.1)
"""By how much all bodies of a person are deeper, and narrower, than the mean."""
DEPTH_BIAS: Final = 1.03
"""Correction of the mean depth for what the waist and the rounded outline take away."""
OUTLINE_SPREAD: Final = (0.97, 1.03)
"""Depth and width of each body relative to those of the person."""
DISC_SCALE: Final = (0.75, 1.2)
"""Height of all discs of a person relative to the mean."""
DISC_SPREAD: Final = (0.82, 1.18)
"""Height of each disc relative to those of the person."""

DEGENERATED_ODDS: Final = {"C": 0.12, "T": 0.12, "L": 3 * 0.12}
"""Share of discs that have lost height and fluid."""
DEGENERATED: Final = (0.35, 1.0)
HEALTHY: Final = (0, 0.2)
"""Degeneration of such discs, and of all others: 0 healthy to 1 black and narrow."""
LOST_DISC_HEIGHT: Final = 0.55
"""Share of its height that a wholly degenerated disc has lost."""

WEDGE: Final = {"C": 0.0, "T": 0.03, "L": -0.01} | {"L5": -0.08, "L6": -0.08}
"""Usual wedge by level, or by region: thoracic bodies are lower in front, L5 is lower behind."""
WEDGE_SD: Final = 0.025

FRACTURE_ODDS: Final = 0.25
"""Share of spines with compressed bodies."""
FRACTURE_COUNTS: Final = (1, 2)
"""Least and greatest number of compressed bodies in such a spine."""
FIRST_FRACTURED: Final = "T4"
"""Uppermost vertebra that is ever compressed."""
FRACTURED_HEIGHT: Final = (0.62, 0.85)
"""Height that a compressed body keeps: mild to moderate fractures as Genant et al. (J Bone Miner
Res 8, 1993) grade them, 20 to 25 and 25 to 40 % lost, and some that are hardly one."""
FRACTURED_WEDGE: Final = (0.0, 0.22)
"""What a compression adds to the wedge."""

CANAL_GROWTH: Final = 0.5
"""Exponent with which the canal grows with the person: less than the bodies do."""
CANAL_DEPTH_SCALE: Final = (0.85, 1.12)
CANAL_WIDTH_SCALE: Final = (0.92, 1.1)
"""Size of a person's canal relative to the mean."""
CANAL_DEPTH_SPREAD: Final = (0.95, 1.05)
"""Depth of the canal at each vertebra relative to that of the person."""
CANAL_SMOOTHED: Final = 5
"""Number of vertebrae (odd) over which the size of the canal is averaged."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of all vertebrae, one array an attribute, cranial to caudal; see `plan.Vertebra`."""

    height: Array
    depth: Array
    width: Array
    wedge: Array
    canal_depth: Array
    canal_width: Array
    disc_height: Array
    degeneration: Array
    fractured: Array


def draw_sizes(
    rng: np.random.Generator,
    names: Sequence[str],
    size: float,
    *,
    fractures: int | None = None,
    degenerated: float | None = None,
) -> Sizes:
    """Draw the sizes of the named vertebrae.

    Parameters
    ----------
    names
        C2 down to the last lumbar vertebra.
    size
        Scale of the person.
    fractures
        Number of compressed bodies; drawn if None.
    degenerated
        Share of degenerated lumbar discs; as usual if None.
    """

    def mean(measure: str) -> Array:
        return np.array([getattr(MEAN[name], measure) for name in names], float)

    n = len(names)
    slenderness, disc_scale = rng.uniform(*SLENDERNESS), rng.uniform(*DISC_SCALE)
    height = mean("height") * size * rng.uniform(*HEIGHT_SPREAD, n) * rng.uniform(*HEIGHT_SPREAD)
    depth = mean("depth") * size * slenderness * DEPTH_BIAS * rng.uniform(*OUTLINE_SPREAD, n)
    width = mean("width") * size / slenderness * rng.uniform(*OUTLINE_SPREAD, n)
    disc = mean("disc") * size * disc_scale * rng.uniform(*DISC_SPREAD, n)
    degeneration = _draw_degeneration(rng, names, degenerated)
    wedge = rng.normal(0, WEDGE_SD, n)
    wedge = wedge + np.array([WEDGE.get(name, WEDGE[name[0]]) for name in names])
    fractured = np.zeros(n, bool)
    if fractures is None:
        low, high = FRACTURE_COUNTS
        fractures = int(rng.integers(low, high + 1)) if rng.random() < FRACTURE_ODDS else 0
    for k in rng.permutation(np.arange(names.index(FIRST_FRACTURED), n))[:fractures]:
        fractured[k] = True
        height[k] *= rng.uniform(*FRACTURED_HEIGHT)
        wedge[k] += rng.uniform(*FRACTURED_WEDGE)
    growth = size**CANAL_GROWTH
    canal_depth = mean("canal_depth") * growth * rng.uniform(*CANAL_DEPTH_SCALE)
    canal_depth = canal_depth * rng.uniform(*CANAL_DEPTH_SPREAD, n)
    canal_width = mean("canal_width") * growth * rng.uniform(*CANAL_WIDTH_SCALE)
    return Sizes(
        height=height,
        depth=depth,
        width=width,
        wedge=wedge,
        canal_depth=_smoothed(canal_depth),
        canal_width=_smoothed(canal_width),
        disc_height=disc * (1 - LOST_DISC_HEIGHT * degeneration),
        degeneration=degeneration,
        fractured=fractured,
    )


def _draw_degeneration(
    rng: np.random.Generator, names: Sequence[str], degenerated: float | None
) -> Array:
    """Degeneration of the disc below each vertebra, 0 to 1."""
    odds = dict(DEGENERATED_ODDS)
    if degenerated is not None:
        odds["L"] = degenerated
    n = len(names)
    severity = rng.uniform(*DEGENERATED, n)
    chosen = rng.random(n) < np.array([odds[name[0]] for name in names])
    return np.where(chosen, severity, rng.uniform(*HEALTHY, n))


def _smoothed(values: Array) -> Array:
    """Moving mean over `CANAL_SMOOTHED` neighbours; the ends are repeated."""
    weights = np.ones(CANAL_SMOOTHED) / CANAL_SMOOTHED
    return np.convolve(np.pad(values, CANAL_SMOOTHED // 2, "edge"), weights, "valid")
