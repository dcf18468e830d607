"""Vertebrae C2 to L6 drawn into a canvas: posterior elements from their tables, then the body.

Parts painted later lie on top of those painted before. Lengths are mm, local points (p, i, r).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from .body import draw_body
from .geometry import Array, Canvas, Point, Region
from .lengths import Measures, as_length
from .measures import MEAN
from .plan import SpinePlan, Stream, Vertebra
from .vertebra_shapes import (
    MIN_SPINOUS_MM,
    RIB_ODDS,
    SHAPES,
    BonePart,
    Draw,
    Place,
    Shape,
)

SIDES: Final = (-1, 1)
"""Left and right: the sign of r."""
ROOM_LOW: Final = (-32.0, -42.0, -75.0)
ROOM_HIGH: Final = (88.0, 78.0, 75.0)
"""World corners, relative to the body's centre, of the box that holds all of a vertebra: mm, p
and i in a person of mean size; the ribs are cut at the sides."""


def vertebra_region(canvas: Canvas, plan: SpinePlan, vertebra: Vertebra) -> Region:
    """Region that holds all of a vertebra."""
    scale = np.array([plan.size, plan.size, 1.0])
    return Region(canvas, vertebra.frame, np.array(ROOM_LOW) * scale, np.array(ROOM_HIGH) * scale)


def draw_vertebra(canvas: Canvas, plan: SpinePlan, index: int) -> None:
    """Draw vertebra ``index`` of the plan (not C2, see `upper_cervical`)."""
    vertebra = plan.vertebrae[index]
    region = vertebra_region(canvas, plan, vertebra)
    if region.box is None:
        return
    rng = plan.rng(Stream.VERTEBRA, index)
    draw_posterior_elements(region, plan, vertebra, SHAPES[vertebra.region], rng)
    draw_body(region, plan, vertebra, rng)


def draw_posterior_elements(
    region: Region, plan: SpinePlan, vertebra: Vertebra, shape: Shape, rng: np.random.Generator
) -> None:
    """Draw ribs, arch and processes from the table of a shape."""
    measures = vertebra_measures(plan, vertebra)
    measures |= _drawn(shape.draws, vertebra, plan.size, rng)
    # the order of the draws is part of the phantom: a change here changes every spine
    ribs = [side for side in SIDES if shape.ribs and _has_rib(vertebra, rng)]
    measures |= _drawn(shape.spinous_draws, vertebra, plan.size, rng)
    if "spinous_angle" in measures:
        length = measures["spinous_length"]
        if shape.covered:
            length = max(length - shape.covered, MIN_SPINOUS_MM)
        angle = MEAN[vertebra.name].spinous_angle + measures["spinous_angle"]
        measures["spinous_run"] = length * np.cos(angle)
        measures["spinous_fall"] = length * np.sin(angle)
    for name, levels in shape.given.items():
        measures[name] = as_length(levels[vertebra.name]).at(measures)
    for side in SIDES:
        if side in ribs:
            paint_parts(region, shape.ribs, measures, 0, side=side)
        paint_parts(region, shape.sides, measures, vertebra.label, side=side)
    paint_parts(region, shape.middle, measures, vertebra.label)


def vertebra_measures(plan: SpinePlan, vertebra: Vertebra) -> dict[str, float]:
    """The measures of `lengths` for one vertebra, mm."""
    return {
        "mm": 1.0,
        "size": plan.size,
        "height": vertebra.height,
        "depth": vertebra.depth,
        "width": vertebra.width,
        "canal": vertebra.canal_centre,
        "back": vertebra.canal_centre + vertebra.canal_depth / 2,
        "side": vertebra.canal_width / 2,
        "pedicle": MEAN[vertebra.name].pedicle_width * plan.size,
        "next": vertebra.height / 2 + vertebra.disc_height,
    }


def paint_parts(
    region: Region,
    parts: Iterable[BonePart],
    measures: Measures,
    label: int,
    *,
    side: int = 1,
    where: Array | None = None,
    reach: float | None = None,
) -> None:
    """Paint capsules of a table into a region.

    Parameters
    ----------
    parts
        Later ones lie on top.
    label
        Of the vertebra; 0 for what belongs to none.
    side
        1 as the table says, on the right; -1 mirrored to the left.
    where
        Mask of the voxels of the region that may be painted; all by default.
    reach
        How far (mm) beyond a capsule voxels are looked at, see `Region.capsule`.
    """
    for part in parts:
        start, end = (_place(point, measures, side) for point in (part.start, part.end))
        capsule = region.capsule(start, end, _place(part.radii, measures), reach=reach)
        if capsule is not None and where is not None:
            box, mask = capsule
            capsule = box, mask & where[box]
        region.paint(capsule, part.tissue[side > 0], label)


def _place(point: Place, measures: Measures, side: int = 1) -> Point:
    """Coordinates of a point of a table, mm."""
    p, i, r = (as_length(x).at(measures) for x in point)
    return p, i, side * r


def _drawn(
    draws: Iterable[Draw], vertebra: Vertebra, size: float, rng: np.random.Generator
) -> dict[str, float]:
    """Values of the measures that are drawn for one vertebra."""
    values = {}
    for draw in draws:
        if draw.mean is not None:
            mean = draw.mean[vertebra.name] * (size if draw.grows else 1.0)
            values[draw.name] = mean * rng.uniform(draw.low, draw.high)
        else:
            value = rng.uniform(draw.low, draw.high) * (size if draw.grows else 1.0)
            values[draw.name] = value * draw.share.get(vertebra.name, 1.0)
    return values


def _has_rib(vertebra: Vertebra, rng: np.random.Generator) -> bool:
    """Whether a thoracic vertebra has a rib on one side; drawn for those that may lack it."""
    odds = RIB_ODDS.get(vertebra.name)
    return odds is None or rng.random() < odds
