"""Sacrum: five fused segments with wings, and the pelvic bone beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..core import anatomy
from .discs import sacral_frame
from .geometry import Array, Canvas, Region, make_frame
from .measures import SACRAL_DEPTHS, SACRAL_HEIGHTS, SACRAL_WIDTHS, SACRAL_WINGS
from .plan import SpinePlan, Stream
from .tissues import SHELL, Tissue

DISC_TISSUES: Final = (Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.ENDPLATE)
ROOM_LOW_MM: Final = (-45.0, -15.0, -75.0)
ROOM_HIGH_MM: Final = (110.0, 140.0, 75.0)
"""World corners, relative to the upper surface of S1, of the box that holds the sacrum."""
FIRST_TILT: Final = 0.05
"""Tilt (radians) of S1 beyond that of its upper surface."""
BEND_DEG: Final = (30, 60)
"""Curvature of the whole sacrum, spread over its five segments ..."""
BEND_SHARES: Final = (0.6, 1.1, 1.1, 1.1, 1.1)
"""... like this: S1 bends less."""
ROUNDNESS: Final = 2.3
"""Exponent of the bodies' outline."""
OVERLAP_MM: Final = 0.8
"""By how much a segment reaches into its neighbours: they are fused."""
SHELL_FROM: Final = 0.88
"""Outline function of a body from which on it is cortical."""
RUDIMENT_MM: Final = (0.5, 2.2)
"""Half height of the rudimentary discs, one draw a person."""
RUDIMENT_REACH: Final = 0.8
"""Outline function up to which a rudimentary disc reaches."""
DISCS: Final = 3
"""Number of segments with a rudimentary disc below them, and with an ilium beside them."""
ROOFS: Final = 4
"""Number of segments with a roof over the canal; below is the hiatus."""


@dataclass(frozen=True)
class Wing:
    """The wings of the sacrum, their foramina, and the roof of the canal. Ours, fitted by eye."""

    inner: float = 0.40
    """Where the wing begins beside the middle, as a share of the body's width."""
    back: tuple[float, float] = (0.15, 4)
    """How far behind the body's centre its middle lies: share of the body's depth at the body,
    and mm more at its tip."""
    half_depth: tuple[float, float] = (0.30, 4)
    """Half of its depth: share of the body's depth, plus mm ..."""
    taper: tuple[float, float] = (1.1, 0.5)
    """... times the first, less the second at its tip."""
    foramen: float = 0.52
    """Where the foramina lie beside the middle, as a share of the body's width."""
    foramen_radii: tuple[float, float] = (3.2, 4.5)
    """Half width and half height of a foramen, mm in a person of mean size."""


@dataclass(frozen=True)
class Roof:
    """The roof of the sacral canal, mm; per depth: times the segment's relative depth."""

    half_width: float = 0.52
    """Share of the body's width."""
    front: tuple[float, float] = (10, 2)
    """How far behind the body it begins: per depth, and more."""
    thickness: tuple[float, float] = (9, 3)
    """How thick it is: per depth, and more."""
    crest: tuple[float, float] = (4, 3.5)
    """The median crest: by how much it is thicker, and its half width."""


@dataclass(frozen=True)
class Ilium:
    """The pelvic bone beside the sacrum, mm."""

    beside: float = 7
    """How far its middle lies beside the tip of the wing."""
    half_width: float = 5
    front: float = 0.6
    """How far before the sacral bodies' centres it begins, as a share of their depth."""


WING: Final = Wing()
ROOF: Final = Roof()
ILIUM: Final = Ilium()


def draw_sacrum(canvas: Canvas, plan: SpinePlan) -> None:
    """Draw the sacrum; discs and end plates already drawn are kept."""
    start, last, s = sacral_frame(plan), plan.vertebrae[-1], plan.size
    region = Region(canvas, start, np.array(ROOM_LOW_MM), np.array(ROOM_HIGH_MM))
    if region.box is None:
        return
    rng = plan.rng(Stream.SACRUM)
    angle = np.arctan2(start.inferior[0], start.inferior[1]) + FIRST_TILT
    bend = np.deg2rad(rng.uniform(*BEND_DEG)) / len(BEND_SHARES)
    top = start.origin.copy()
    kept = np.isin(region.tissue, DISC_TISSUES)
    rudiment = rng.uniform(*RUDIMENT_MM)
    for k, bend_share in enumerate(BEND_SHARES):
        height, width = SACRAL_HEIGHTS[k] * s, SACRAL_WIDTHS[k] * last.width
        depth, wing = SACRAL_DEPTHS[k] * last.depth, SACRAL_WINGS[k] * s
        tangent = np.array([np.sin(angle), np.cos(angle), start.inferior[2]])
        tangent /= np.linalg.norm(tangent)
        frame = make_frame(top + tangent * height / 2, tangent)
        p, i, r = region.coordinates(frame)
        side, below = np.abs(r), np.abs(i - height / 2)
        rho = (side / (width / 2)) ** ROUNDNESS + (np.abs(p) / (depth / 2)) ** ROUNDNESS
        level = np.abs(i) < height / 2 + OVERLAP_MM
        body = (rho < 1) & level
        mask = body | (level & _wings(p, side, below, depth, width, wing, s))
        if k < ROOFS:
            mask |= level & _roof(p, side, depth, width, SACRAL_DEPTHS[k])
        mask &= ~kept
        region.tissue[mask], region.vert[mask] = Tissue.SACRUM, anatomy.SACRUM
        if k < DISCS:
            disc = body & (below < rudiment) & (rho < RUDIMENT_REACH) & ~kept
            region.tissue[disc] = Tissue.SACRAL_DISC
        region.tissue[body & (rho > SHELL_FROM) & ~kept] |= SHELL
        if k < DISCS:
            ilium = np.abs(side - wing - ILIUM.beside) < ILIUM.half_width
            ilium &= (p > -depth * ILIUM.front) & (np.abs(i) < height)
            free = ilium & (region.vert == 0) & (region.tissue != Tissue.SACRUM)
            region.tissue[free] = Tissue.OTHER_BONE
        top = top + tangent * height
        angle -= bend * bend_share


def _wings(
    p: Array, side: Array, below: Array, depth: float, width: float, wing: float, size: float
) -> Array:
    """Mask of a segment's wings, without the foramina between it and the next segment.

    Parameters
    ----------
    p, side, below
        Offsets (mm) from the segment's centre: backwards, to either side, and from the lower
        border.
    depth, width
        Of the segment's body.
    wing
        Half width of the sacrum with its wings.
    size
        Scale of the person.
    """
    out = side / wing
    back, back_tip = WING.back
    half, more = WING.half_depth
    taper, at_tip = WING.taper
    mask = (out < 1) & (side > width * WING.inner)
    mask &= np.abs(p - depth * back - back_tip * out) < (depth * half + more) * (
        taper - at_tip * out
    )
    half_width, half_height = WING.foramen_radii
    holes = np.abs(side - width * WING.foramen) < half_width * size
    holes &= below < half_height * size
    return np.asarray(mask & ~holes)


def _roof(p: Array, side: Array, depth: float, width: float, relative_depth: float) -> Array:
    """Mask of the roof of the sacral canal with its median crest."""
    (far, behind), (thick, more), (crest, crest_width) = ROOF.front, ROOF.thickness, ROOF.crest
    front = depth / 2 + far * relative_depth + behind
    rear = front + thick * relative_depth + more + crest * (side < crest_width)
    return np.asarray((side < width * ROOF.half_width) & (p > front) & (p < rear))
