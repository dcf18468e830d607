"""Atlas (C1) and axis (C2), which are built unlike the vertebrae below them."""

from __future__ import annotations

from typing import Final

import numpy as np

from .geometry import Canvas, capsule_mask
from .plan import LABEL_OF, SpinePlan
from .tissues import SHELL, Tissue
from .vertebra import SIDES, draw_body, vertebra_region

DENS_MM: Final = 15.0
"""Height of the dens above the body of C2."""
ATLAS_MM: Final = 9.5
"""Distance of the atlas ring above the upper edge of C2's body."""


def draw_axis(canvas: Canvas, plan: SpinePlan) -> None:
    """Draw C2 with its dens."""
    axis = plan.vertebrae[0]
    region = vertebra_region(canvas, plan, axis)
    if region.box is None:
        return
    rng, s, h, d, w = plan.rng(1, 0), plan.size, axis.height, axis.depth, axis.width
    pc, side, label = axis.canal_centre, axis.canal_width / 2, axis.label
    back, low = pc + axis.canal_depth / 2, h / 2 + axis.disc_height
    for sign, costal, superior, inferior in SIDES:
        parts = (
            ((1, 2, sign * (w / 2 + 1)), (pc * 0.4, 5, sign * (w / 2 + 8 * s)), (3, 3, 3), costal),
            ((3, -h * 0.15, sign * (w / 2 + 2)), (3, -h * 0.38, sign * (w / 2 + 5)),
             (6.5 * s, 3.0 * s, 5.0 * s), superior),
            ((pc + 3, h * 0.1, sign * (side + 3)), (pc + 4.8, low - 1.5, sign * (side + 3.6 * s)),
             (3.8 * s, 3.6 * s, 4.8 * s), inferior),
            ((d / 2 - 2, 0, sign * side), (pc + 2, 2, sign * (side + 3)),
             (3, 4.5 * s, 3 * s), Tissue.ARCUS),
            ((pc + 2, 3, sign * (side + 1.5)), (back + 3, h * 0.3, sign * 1.2),
             (3 * s, 6.5 * s, 3 * s), Tissue.ARCUS),
        )  # fmt: skip
        for start, end, radii, tissue in parts:
            region.paint(region.capsule(start, end, radii), tissue, label)
    length = rng.uniform(9, 15) * s
    region.paint(
        region.capsule(
            (back + 5, h * 0.3, 0), (back + 5 + length, h * 0.3 + 5, 0), (4, 6.0 * s, 4.5)
        ),
        Tissue.SPINOUS,
        label,
    )
    draw_body(region, plan, axis, rng)
    top = -h / 2 - DENS_MM * s
    for radii, flag in (((5.4 * s, 4.0, 5.0 * s), SHELL), ((4.2 * s, 2.8, 3.8 * s), 0)):
        region.paint(
            region.capsule((0, -h * 0.34, 0), (0.5, top + 4, 0), radii), Tissue.DENS | flag, label
        )


def draw_atlas(canvas: Canvas, plan: SpinePlan) -> None:
    """Draw C1: a ring of two arches and two lateral masses around the dens and the canal."""
    axis = plan.vertebrae[0]
    region = vertebra_region(canvas, plan, axis)
    if region.box is None:
        return
    s, pc = plan.size, axis.canal_centre
    label, level = LABEL_OF["C1"], -axis.height / 2 - ATLAS_MM * s
    side, front = axis.canal_width / 2, -9.0 * s
    back = pc + axis.canal_depth / 2 + 2.5
    p, i, r = region.local
    middle, half = (front + back) / 2, (back - front) / 2
    ring = np.sqrt((r / (side + 4 * s)) ** 2 + ((p - middle) / half) ** 2)
    free = (region.tissue & 127) != Tissue.DENS
    arch = (np.abs(ring - 1) < 0.15) & (np.abs(i - level) < 4.2 * s) & free
    region.tissue[arch], region.vert[arch] = Tissue.ARCUS, label
    tubercle = capsule_mask(
        list(region.local), (back, level, 0), (back + 4 * s, level + 1, 0), (3, 3.5 * s, 3)
    )
    region.tissue[tubercle], region.vert[tubercle] = Tissue.SPINOUS, label
    for sign, costal, superior, inferior in SIDES:
        x = side + 5 * s
        parts = (
            ((2, level, sign * x), (4, level + 1, sign * (x + 17 * s)),
             (3.5 * s, 3.5 * s, 4), costal),
            ((1, level - 2 * s, sign * (side + 3)), (5, level - 5 * s, sign * (side + 5)),
             (6.0 * s, 3.2 * s, 5.0 * s), superior),
            ((1, level + 2 * s, sign * (side + 2)), (4, level + 4.5 * s, sign * (side + 2)),
             (6.0 * s, 3.0 * s, 5.0 * s), inferior),
            ((1, level - 1, sign * (side + 2)), (4, level + 1, sign * (side + 2)),
             (6.0 * s, 3.0 * s, 4.5 * s), Tissue.ARCUS),
        )  # fmt: skip
        for start, end, radii, tissue in parts:
            part = region.capsule(start, end, radii)
            if part is None:
                continue
            box, mask = part
            region.paint((box, mask & free[box]), tissue, label)
