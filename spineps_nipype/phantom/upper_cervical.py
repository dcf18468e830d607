"""Atlas (C1) and axis (C2), which are built unlike the vertebrae below them."""

from __future__ import annotations

import numpy as np

from .body import draw_body
from .geometry import Canvas
from .plan import LABEL_OF, SpinePlan, Stream
from .tissues import SHELL, Tissue
from .upper_cervical_shapes import (
    ATLAS,
    AXIS,
    DENS,
    FRONT,
    LEVEL,
    REAR,
    RING_HALF_HEIGHT,
    RING_HALF_WIDTH,
    RING_THICKNESS,
    TUBERCLE,
)
from .vertebra import (
    SIDES,
    draw_posterior_elements,
    paint_parts,
    vertebra_measures,
    vertebra_region,
)


def draw_axis(canvas: Canvas, plan: SpinePlan) -> None:
    """Draw C2 with its dens."""
    axis = plan.vertebrae[0]
    region = vertebra_region(canvas, plan, axis)
    if region.box is None:
        return
    rng = plan.rng(Stream.VERTEBRA, 0)
    draw_posterior_elements(region, plan, axis, AXIS, rng)
    draw_body(region, plan, axis, rng)
    paint_parts(region, DENS, vertebra_measures(plan, axis), axis.label)


def draw_atlas(canvas: Canvas, plan: SpinePlan) -> None:
    """Draw C1: a ring of two arches and two lateral masses around the dens and the canal."""
    axis = plan.vertebrae[0]
    region = vertebra_region(canvas, plan, axis)
    if region.box is None:
        return
    measures, label = vertebra_measures(plan, axis), LABEL_OF["C1"]
    free = (region.tissue & (SHELL - 1)) != Tissue.DENS
    front, rear = FRONT.at(measures), REAR.at(measures)
    p, i, r = region.local
    across = r / RING_HALF_WIDTH.at(measures)
    along = (p - (front + rear) / 2) / ((rear - front) / 2)
    ring = np.sqrt(across**2 + along**2)
    low = np.abs(i - LEVEL.at(measures)) < RING_HALF_HEIGHT.at(measures)
    arches = (np.abs(ring - 1) < RING_THICKNESS) & low & free
    region.tissue[arches], region.vert[arches] = Tissue.ARCUS, label
    paint_parts(region, [TUBERCLE], measures, label, reach=np.inf)
    for side in SIDES:
        paint_parts(region, ATLAS.sides, measures, label, side=side, where=free)
