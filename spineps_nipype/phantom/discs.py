"""Discs and end plates: what lies between two bodies."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..core import anatomy
from .body import half_height
from .geometry import Canvas, Frame, Region, make_frame
from .plan import SpinePlan, Vertebra
from .tissues import Tissue

ENDPLATE_MM: Final = (0.6, 0.65)
"""How far an end plate reaches into the body and into the disc."""


def sacral_frame(plan: SpinePlan) -> Frame:
    """Frame at the centre of the upper surface of S1."""
    last = plan.vertebrae[-1]
    _, tangent = plan.on_line(plan.sacrum_start + 15)
    middle = tangent + last.frame.inferior
    centre = last.frame.to_world((0, last.height / 2, 0))
    return make_frame(centre + middle / np.linalg.norm(middle) * last.disc_height, tangent)


def draw_disc(canvas: Canvas, plan: SpinePlan, index: int) -> None:
    """Draw the disc below vertebra ``index`` and the end plates on both sides of it."""
    upper = plan.vertebrae[index]
    lower: Vertebra | None = None
    if index + 1 < len(plan.vertebrae):
        lower = plan.vertebrae[index + 1]
        below, top = lower.frame, lower.frame.to_world((0, -lower.height / 2, 0))
        width, depth = lower.width, lower.depth
    else:
        below = sacral_frame(plan)
        top, width, depth = below.origin, upper.width, upper.depth * 0.95
    bottom = upper.frame.to_world((0, upper.height / 2, 0))
    frame = make_frame((bottom + top) / 2, upper.frame.inferior + below.inferior)
    reach = np.array([32.0, 24.0, 40.0]) * plan.size
    region = Region(canvas, frame, -reach, reach)
    if region.box is None:
        return
    rng = plan.rng(2, index)
    p, _, r = region.local
    width, depth = (upper.width + width) / 2, (upper.depth + depth) / 2
    swell = 1.01 + 0.07 * upper.degeneration
    bulge = rng.uniform(0, 3.5) * upper.degeneration
    spot = rng.uniform(-0.2, 0.2) * width
    behind = np.exp(-(((r - spot) / (width * 0.25)) ** 2)) * bulge * (p > 0)
    hollow = 0.06 * depth * np.exp(-((r / (width * 0.25)) ** 2)) * (p > 0)
    rho = (np.abs(r) / (width / 2 * swell)) ** 2.3
    rho = rho + (np.abs(p + hollow) / (depth / 2 * swell + behind)) ** 2.3
    above_p, above_i, _ = region.coordinates(upper.frame)
    from_upper = above_i - half_height(upper, plan, above_p, rho)
    if lower is None:
        from_lower = -region.coordinates(below)[1]
    else:
        below_p, below_i, _ = region.coordinates(lower.frame)
        from_lower = -below_i - half_height(lower, plan, below_p, rho)
    inside = (rho < 1) & (from_upper > 0) & (from_lower > 0)
    gap = from_upper + from_lower
    core = rng.uniform(0.4, 0.7)
    nucleus = inside & (rho < core) & (np.minimum(from_upper, from_lower) > 0.2 * gap)
    region.tissue[inside], region.vert[inside] = Tissue.ANNULUS, anatomy.DISC_OFFSET + upper.label
    if upper.degeneration < 0.75:
        region.tissue[nucleus] = Tissue.NUCLEUS
    into_body, into_disc = ENDPLATE_MM
    plate = (rho < 0.97) & (gap > 0) & (
        ((from_upper > -into_body) & (from_upper < into_disc))
        | ((from_lower > -into_body) & (from_lower < into_disc))
    )  # fmt: skip
    region.tissue[plate] = Tissue.ENDPLATE
    region.vert[plate] = anatomy.ENDPLATE_OFFSET + upper.label
