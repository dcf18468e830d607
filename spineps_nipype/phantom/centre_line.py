"""The centre line of a spine: its sagittal curves, a scoliosis, and the curl of the sacrum.

The sagittal tilt is the angle of the line, as it runs down, against the vertical: positive where
it runs backwards. It is drawn at a few vertebrae and interpolated between them without overshoot.

The means give a kyphosis (T1 to the last thoracic vertebra) of 31 degrees and a lordosis (L2 to
the sacrum) of 59, which the person's factors bring to 19 to 43 and 30 to 83 degrees. White and
Panjabi (Clinical Biomechanics of the Spine, 1990) call 20 to 50 and 20 to 70 degrees normal; that
the thoracolumbar junction is straight, and that the lordosis begins at L1-L2 and grows down to the
sacrum, is in Bernhardt and Bridwell (Spine 14, 1989). The values themselves are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from .geometry import Array


@dataclass(frozen=True)
class SagittalTilt:
    """Mean tilt of the centre line at one place."""

    place: str
    """A level; "middle T", "last T", "last but one", "last" or "sacrum"."""
    degrees: float
    curve: str = ""
    """Region with whose curvature the tilt grows; none if empty."""


SAGITTAL_TILTS: Final = (
    SagittalTilt("C2", -9, "C"),
    SagittalTilt("C4", -3, "C"),
    SagittalTilt("T1", 18, "T"),
    SagittalTilt("middle T", 1.0),
    SagittalTilt("last T", -13, "T"),
    SagittalTilt("L2", -13, "L"),
    SagittalTilt("last but one", 9, "L"),
    SagittalTilt("last", 23, "L"),
    SagittalTilt("sacrum", 46, "L"),
)
"""Cranial to caudal."""
CURVATURE: Final = {"C": (0.4, 1.5), "T": (0.6, 1.4), "L": (0.5, 1.4)}
"""Range of the factor of each curve, one draw a person."""
TILT_SD_DEG: Final = 2
"""Spread of each tilt."""
LEAN_DEG: Final = (-6, 6)
"""By how much a whole spine leans."""
SACRUM_MM: Final = 15
"""Arc length below the promontory at which the tilt of the sacrum holds."""
CURL_DEG: Final = (35, 60)
"""By how much the sacrum has turned forwards 100 mm further down."""
CURL_EXPONENT: Final = 1.3
"""The sacrum turns the more the further down."""

STRAIGHT_ODDS: Final = 0.8
"""Share of spines without a scoliosis worth the name."""
STRAIGHT_SD_DEG: Final = 4
"""Spread of the greatest frontal tilt of these."""
SCOLIOSIS_DEG: Final = (6, 16)
"""Greatest frontal tilt of the others."""
WAVE_LENGTH: Final = (0.7, 1.3)
"""Length of the scoliosis' wave relative to the spine, C2 to the last lumbar vertebra."""
SECOND_WAVE: Final = (0.35, 0.45)
"""Amplitude of a second wave relative to the first, and its length relative to the spine."""


def draw_centre_line(
    rng: np.random.Generator,
    names: Sequence[str],
    arc: Array,
    arc_of: Array,
    sacrum_start: float,
    scoliosis_deg: float | None = None,
) -> tuple[Array, Array, Array]:
    """Draw the centre line.

    Parameters
    ----------
    names
        Levels, cranial to caudal.
    arc
        Arc lengths (mm, ascending) at which the line is sampled; 0 is the first level.
    arc_of
        Arc length of the body's centre of each level.
    sacrum_start
        Arc length of the promontory.
    scoliosis_deg
        Greatest frontal tilt; drawn if None.

    Returns
    -------
    points, tangents, side
        World coordinates and unit tangents (P, I, R), shape (n, 3), and the frontal tilt
        (radians, positive to the right), at the sampled arc lengths.
    """
    sagittal = _draw_sagittal(rng, names, arc, arc_of, sacrum_start)
    side = _draw_frontal(rng, arc, arc_of[-1], scoliosis_deg)
    tangents = np.stack(
        [np.sin(sagittal) * np.cos(side), np.cos(sagittal) * np.cos(side), np.sin(side)], 1
    )
    points = np.concatenate(
        [np.zeros((1, 3)), np.cumsum(tangents[:-1] * np.diff(arc)[:, None], 0)]
    )
    points -= np.array([np.interp(0.0, arc, points[:, k]) for k in range(3)])
    return points, tangents, side


def _draw_sagittal(
    rng: np.random.Generator,
    names: Sequence[str],
    arc: Array,
    arc_of: Array,
    sacrum_start: float,
) -> Array:
    """Sagittal tilt (radians) at the sampled arc lengths."""
    low, high = zip(*CURVATURE.values(), strict=True)
    factors = dict(zip(CURVATURE, rng.uniform(low, high), strict=True))
    places = _places(names, arc_of, sacrum_start)
    where = np.array([places[tilt.place] for tilt in SAGITTAL_TILTS])
    mean = np.array([tilt.degrees * factors.get(tilt.curve, 1.0) for tilt in SAGITTAL_TILTS])
    angle = mean + rng.normal(0, TILT_SD_DEG, len(mean)) + rng.uniform(*LEAN_DEG)
    sagittal = np.deg2rad(PchipInterpolator(where, angle)(np.clip(arc, where[0], where[-1])))
    below = arc > where[-1]
    curl = np.deg2rad(rng.uniform(*CURL_DEG))
    sagittal[below] -= curl * ((arc[below] - where[-1]) / 100) ** CURL_EXPONENT
    return np.asarray(sagittal)


def _places(names: Sequence[str], arc_of: Array, sacrum_start: float) -> dict[str, float]:
    """Arc lengths of the places that `SAGITTAL_TILTS` names."""
    at = dict(zip(names, arc_of, strict=True))
    thoracic = [name for name in names if name[0] == "T"]
    return at | {
        "middle T": at[thoracic[len(thoracic) // 2]],
        "last T": at[thoracic[-1]],
        "last but one": arc_of[-2],
        "last": arc_of[-1],
        "sacrum": sacrum_start + SACRUM_MM,
    }


def _draw_frontal(
    rng: np.random.Generator, arc: Array, length: float, scoliosis_deg: float | None
) -> Array:
    """Frontal tilt (radians) at the sampled arc lengths: two waves."""
    straight = rng.random() < STRAIGHT_ODDS
    amount = abs(rng.normal(0, STRAIGHT_SD_DEG)) if straight else rng.uniform(*SCOLIOSIS_DEG)
    if scoliosis_deg is not None:
        amount = scoliosis_deg
    phase = rng.uniform(0, 1, 2)
    wave = np.sin(2 * np.pi * (arc / (length * rng.uniform(*WAVE_LENGTH)) + phase[0]))
    amplitude, share = SECOND_WAVE
    wave = wave + amplitude * np.sin(2 * np.pi * (arc / (length * share) + phase[1]))
    return np.asarray(np.deg2rad(amount * wave / np.abs(wave).max()))
