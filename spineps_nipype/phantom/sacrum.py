"""Sacrum: five fused segments with wings, and the pelvic bone beside it."""

from __future__ import annotations

import numpy as np

from ..core import anatomy
from .discs import sacral_frame
from .geometry import Canvas, Region, make_frame
from .measures import SACRAL_DEPTHS, SACRAL_HEIGHTS, SACRAL_WIDTHS, SACRAL_WINGS
from .plan import SpinePlan
from .tissues import SHELL, Tissue

DISC_TISSUES = (Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.ENDPLATE)


def draw_sacrum(canvas: Canvas, plan: SpinePlan) -> None:
    """Draw the sacrum; discs and end plates already drawn are kept."""
    start, last, s = sacral_frame(plan), plan.vertebrae[-1], plan.size
    reach = np.array([45.0, 15.0, 75.0])
    region = Region(canvas, start, -reach, np.array([110.0, 140.0, 75.0]))
    if region.box is None:
        return
    rng = plan.rng(3)
    angle = np.arctan2(start.inferior[0], start.inferior[1]) + 0.05
    bend = np.deg2rad(rng.uniform(30, 60)) / 5
    top = start.origin.copy()
    kept = np.isin(region.tissue, DISC_TISSUES)
    rudiment = rng.uniform(0.5, 2.2)
    for k in range(5):
        height, width = SACRAL_HEIGHTS[k] * s, SACRAL_WIDTHS[k] * last.width
        depth, wing = SACRAL_DEPTHS[k] * last.depth, SACRAL_WINGS[k] * s
        tangent = np.array([np.sin(angle), np.cos(angle), start.inferior[2]])
        tangent /= np.linalg.norm(tangent)
        frame = make_frame(top + tangent * height / 2, tangent)
        p, i, r = region.coordinates(frame)
        rho = (np.abs(r) / (width / 2)) ** 2.3 + (np.abs(p) / (depth / 2)) ** 2.3
        level = np.abs(i) < height / 2 + 0.8
        body = (rho < 1) & level
        side = np.abs(r) / wing
        wings = level & (side < 1) & (np.abs(r) > width * 0.40)
        wings &= np.abs(p - depth * 0.15 - 4 * side) < (depth * 0.30 + 4) * (1.1 - 0.5 * side)
        holes = (np.abs(np.abs(r) - width * 0.52) < 3.2 * s) & (np.abs(i - height / 2) < 4.5 * s)
        back = depth / 2 + 10 * SACRAL_DEPTHS[k] + 2
        roof = level & (np.abs(r) < width * 0.52) & (p > back)
        roof &= p < back + 9 * SACRAL_DEPTHS[k] + 3 + 4 * (np.abs(r) < 3.5)
        mask = (body | (wings & ~holes) | (roof if k < 4 else body)) & ~kept
        region.tissue[mask], region.vert[mask] = Tissue.SACRUM, anatomy.SACRUM
        if k < 3:
            disc = body & (np.abs(i - height / 2) < rudiment) & (rho < 0.8) & ~kept
            region.tissue[disc] = Tissue.SACRAL_DISC
        region.tissue[body & (rho > 0.88) & ~kept] |= SHELL
        if k < 3:
            ilium = (np.abs(np.abs(r) - wing - 7) < 5) & (p > -depth * 0.6) & (np.abs(i) < height)
            free = ilium & (region.vert == 0) & (region.tissue != Tissue.SACRUM)
            region.tissue[free] = Tissue.OTHER_BONE
        top = top + tangent * height
        angle -= bend * (0.6 if k == 0 else 1.1)
