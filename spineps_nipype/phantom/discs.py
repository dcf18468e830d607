"""Discs and end plates: what lies between two bodies."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..core import anatomy
from .body import half_height
from .geometry import Canvas, Frame, Region, make_frame
from .plan import SpinePlan, Stream, Vertebra
from .tissues import Tissue

ENDPLATE_MM: Final = (0.6, 0.65)
"""How far an end plate reaches into the body and into the disc. Its cartilage alone is 0.3 to 1 mm
thick in MRI; in a scan of usual resolution the bony plate is not to be told from it."""
ENDPLATE_REACH: Final = 0.97
"""Outline function of the disc up to which there is an end plate."""
SACRAL_ARC_MM: Final = 15.0
"""Arc length below the promontory at which the sacrum's direction is taken."""
SACRAL_DEPTH: Final = 0.95
"""Depth of the upper surface of S1 relative to the last lumbar body."""
REACH_MM: Final = (32.0, 24.0, 40.0)
"""Half size (P, I, R) of the box that holds a disc, mm in a person of mean size."""
ROUNDNESS: Final = 2.3
"""Exponent of the outline: 2 is an ellipse, more is squarer."""
OVERHANG: Final = (1.01, 0.07)
"""Size of a healthy disc relative to the bodies, and what whole degeneration adds."""
BULGE_MM: Final = (0, 3.5)
"""Greatest bulge of a wholly degenerated disc into the canal."""
BULGE_PLACE: Final = (-0.2, 0.2)
BULGE_HALF_WIDTH: Final = 0.25
"""Where across the disc the bulge lies, and how wide it is: shares of the disc's width."""
REAR_HOLLOW: Final = (0.06, 0.25)
"""Hollow of the rear edge: its depth as a share of the disc's depth, and its half width as a share
of the disc's width."""
NUCLEUS: Final = (0.4, 0.7)
"""Outline function up to which there is nucleus: 67 to 86 % of the disc's diameters. In 41 people
it took up 64 % (L4-L5) to 72 % (L5-S1) of the length (Medicine 93, 2014)."""
NUCLEUS_MARGIN: Final = 0.2
"""Share of the disc's height above and below the nucleus."""
BLACK: Final = 0.75
"""Degeneration from which on the nucleus is not to be told from the annulus."""


def sacral_frame(plan: SpinePlan) -> Frame:
    """Frame at the centre of the upper surface of S1."""
    last = plan.vertebrae[-1]
    _, tangent = plan.on_line(plan.sacrum_start + SACRAL_ARC_MM)
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
        top, width, depth = below.origin, upper.width, upper.depth * SACRAL_DEPTH
    bottom = upper.frame.to_world((0, upper.height / 2, 0))
    frame = make_frame((bottom + top) / 2, upper.frame.inferior + below.inferior)
    reach = np.array(REACH_MM) * plan.size
    region = Region(canvas, frame, -reach, reach)
    if region.box is None:
        return
    rng = plan.rng(Stream.DISC, index)
    p, _, r = region.local
    width, depth = (upper.width + width) / 2, (upper.depth + depth) / 2
    healthy, added = OVERHANG
    overhang = healthy + added * upper.degeneration
    bulge = rng.uniform(*BULGE_MM) * upper.degeneration
    spot = rng.uniform(*BULGE_PLACE) * width
    behind = np.exp(-(((r - spot) / (width * BULGE_HALF_WIDTH)) ** 2)) * bulge * (p > 0)
    hollow_depth, hollow_width = REAR_HOLLOW
    hollow = hollow_depth * depth * np.exp(-((r / (width * hollow_width)) ** 2)) * (p > 0)
    rho = (np.abs(r) / (width / 2 * overhang)) ** ROUNDNESS
    rho = rho + (np.abs(p + hollow) / (depth / 2 * overhang + behind)) ** ROUNDNESS
    above_p, above_i, _ = region.coordinates(upper.frame)
    from_upper = above_i - half_height(upper, plan, above_p, rho)
    if lower is None:
        from_lower = -region.coordinates(below)[1]
    else:
        below_p, below_i, _ = region.coordinates(lower.frame)
        from_lower = -below_i - half_height(lower, plan, below_p, rho)
    inside = (rho < 1) & (from_upper > 0) & (from_lower > 0)
    gap = from_upper + from_lower
    core = rng.uniform(*NUCLEUS)
    nucleus = inside & (rho < core)
    nucleus &= np.minimum(from_upper, from_lower) > NUCLEUS_MARGIN * gap
    region.tissue[inside], region.vert[inside] = Tissue.ANNULUS, anatomy.DISC_OFFSET + upper.label
    if upper.degeneration < BLACK:
        region.tissue[nucleus] = Tissue.NUCLEUS
    into_body, into_disc = ENDPLATE_MM
    plate = (rho < ENDPLATE_REACH) & (gap > 0) & (
        ((from_upper > -into_body) & (from_upper < into_disc))
        | ((from_lower > -into_body) & (from_lower < into_disc))
    )  # fmt: skip
    region.tissue[plate] = Tissue.ENDPLATE
    region.vert[plate] = anatomy.ENDPLATE_OFFSET + upper.label
