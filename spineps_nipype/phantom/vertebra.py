"""Vertebrae C3 to L6: body, arch and processes, drawn into a canvas.

Each part is an anisotropic capsule or a superellipse in the vertebra's own frame; parts painted
later lie on top. Lengths are mm, local points are (p, i, r).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .geometry import Array, Box, Canvas, Region
from .measures import MEAN
from .plan import SpinePlan, Vertebra
from .tissues import SHELL, Tissue

SIDES: Final = (
    (-1, Tissue.COSTAL_LEFT, Tissue.SUPERIOR_LEFT, Tissue.INFERIOR_LEFT),
    (1, Tissue.COSTAL_RIGHT, Tissue.SUPERIOR_RIGHT, Tissue.INFERIOR_RIGHT),
)
RIM_MM: Final = 1.1
"""Thickness of the cortical rim of a body."""
BORDER_MM: Final = 3.0
"""Depth from the surface at which the body's interior begins."""


def vertebra_region(canvas: Canvas, plan: SpinePlan, vertebra: Vertebra) -> Region:
    """Region that holds all of a vertebra."""
    s = plan.size
    reach = vertebra.frame
    low = np.array([-32.0 * s, -42.0 * s, -75.0])
    high = np.array([88.0 * s, 78.0 * s, 75.0])
    return Region(canvas, reach, low, high)


def half_height(vertebra: Vertebra, plan: SpinePlan, p: Array, rho: Array) -> Array:
    """Half height of a body (mm) where its outline function is ``rho`` (0 centre, 1 edge)."""
    hollow = plan.concavity * (2.2 if vertebra.fractured else 1.0)
    tilt = 1 + vertebra.wedge * np.clip(2 * p / vertebra.depth, -1, 1)
    return vertebra.height / 2 * tilt - hollow * np.clip(1 - rho, 0, 1)


def outline(vertebra: Vertebra, plan: SpinePlan, local: tuple[Array, Array, Array]) -> Array:
    """Outline function of a body: below 1 inside its walls."""
    p, i, r = local
    u = np.clip(2 * i / vertebra.height, -1.15, 1.15)
    lip = 0.08 * vertebra.degeneration * np.abs(u) ** 6
    scale = 1 - plan.waist * (1 - u * u) + lip
    hollow = 0.08 * vertebra.depth * np.exp(-((r / (vertebra.width * 0.22)) ** 2)) * (p > 0)
    a = np.abs(r) / (vertebra.width / 2 * scale)
    b = np.abs(p + hollow) / (vertebra.depth / 2 * scale)
    return a**plan.roundness + b**plan.roundness


def draw_vertebra(canvas: Canvas, plan: SpinePlan, index: int) -> None:
    """Draw vertebra ``index`` of the plan (not C2, see `upper_cervical`)."""
    vertebra = plan.vertebrae[index]
    region = vertebra_region(canvas, plan, vertebra)
    if region.box is None:
        return
    rng = plan.rng(1, index)
    {"C": _cervical, "T": _thoracic, "L": _lumbar}[vertebra.region](region, plan, vertebra, rng)
    draw_body(region, plan, vertebra, rng)


def draw_body(
    region: Region, plan: SpinePlan, vertebra: Vertebra, rng: np.random.Generator
) -> None:
    """Draw a body with rim, interior, basivertebral vein and, now and then, a hemangioma."""
    box = _body_box(region, vertebra)
    if box is None:
        return
    local = tuple(x[box] for x in region.local)
    p, i, r = local
    rho = outline(vertebra, plan, local)  # type: ignore[arg-type]
    to_end = half_height(vertebra, plan, p, rho) - np.abs(i)
    to_wall = (1 - rho ** (1 / plan.roundness)) * vertebra.depth / 2
    inside = (rho < 1) & (to_end > 0)
    deep = inside & (np.minimum(to_end, to_wall) > BORDER_MM)
    tissue, vert = region.tissue[box], region.vert[box]
    tissue[inside] = Tissue.CORPUS_BORDER
    tissue[deep] = Tissue.CORPUS
    vein = (np.abs(i) < 1.4) & (np.abs(r) < vertebra.width * 0.15) & (p > 0)
    if rng.random() < 0.7:
        tissue[deep & vein] = Tissue.BASIVERTEBRAL_VEIN
    if rng.random() < 0.06:
        centre = rng.uniform(-0.25, 0.25, 3) * (vertebra.depth, vertebra.height, vertebra.width)
        radius = rng.uniform(3, 8)
        ball = (p - centre[0]) ** 2 + (i - centre[1]) ** 2 + (r - centre[2]) ** 2 < radius**2
        tissue[deep & ball] = Tissue.HEMANGIOMA
    tissue[inside & (np.minimum(to_end, to_wall) < RIM_MM)] |= SHELL
    vert[inside] = vertebra.label


def _body_box(region: Region, vertebra: Vertebra) -> Box | None:
    """Sub-box of the region that holds the body."""
    half = np.array([vertebra.depth, vertebra.height, vertebra.width]) / 2
    corners = [
        region.frame.to_world(np.array([a, b, c]) * half * 1.15)
        for a in (-1, 1)
        for b in (-1, 1)
        for c in (-1, 1)
    ]
    world = region.canvas.box(np.min(corners, 0) - 3, np.max(corners, 0) + 3)
    assert region.box is not None
    if world is None:
        return None
    sub = []
    for inner, outer in zip(world, region.box, strict=True):
        a, b = max(inner.start, outer.start), min(inner.stop, outer.stop)
        if a >= b:
            return None
        sub.append(slice(a - outer.start, b - outer.start))
    return sub[0], sub[1], sub[2]


def _lumbar(region: Region, plan: SpinePlan, vertebra: Vertebra, rng: np.random.Generator) -> None:
    s, h, d = plan.size, vertebra.height, vertebra.depth
    pc, back = vertebra.canal_centre, vertebra.canal_centre + vertebra.canal_depth / 2
    side = vertebra.canal_width / 2
    mean, label = MEAN[vertebra.name], vertebra.label
    pedicle = mean.pedicle_width * s
    span = rng.uniform(20, 29) * s * (0.75 if vertebra.number >= 5 else 1.0)
    drop, joint = rng.uniform(-4, 3), rng.uniform(0.85, 1.15) * s
    low = h / 2 + vertebra.disc_height
    for sign, costal, superior, inferior in SIDES:
        x = side + pedicle
        thick = 4.5 * s if vertebra.number >= 5 else 3.0 * s
        region.paint(
            region.capsule(
                (pc, -h * 0.12, sign * x),
                (pc + 6 * s, -h * 0.1 + drop, sign * (x + span)),
                (3.0 * s, thick + 2 * s, 4.0),
            ),
            costal,
            label,
        )
        region.paint(
            region.capsule(
                (pc + 3, -h * 0.1, sign * (side + 3.5 * s)),
                (back - 1, h * 0.42, sign * (side + 0.5)),
                (4.2 * s, 6.0 * s, 4.2 * s),
            ),
            Tissue.ARCUS,
            label,
        )
        region.paint(
            region.capsule(
                (pc + 2.5 * s, -h * 0.22, sign * (side + 6.0 * s)),
                (pc + 4.5 * s, -h / 2 - 3 * s, sign * (side + 7.0 * s)),
                (5.6 * joint, 5.0 * joint, 3.9 * joint),
            ),
            superior,
            label,
        )
        region.paint(
            region.capsule(
                (back + 1.5, h * 0.38, sign * (side - 0.5)),
                (back + 1.5, low + h * 0.06, sign * (side + 0.5 * s)),
                (4.8 * joint, 5.5 * joint, 4.3 * joint),
            ),
            inferior,
            label,
        )
        region.paint(
            region.capsule(
                (d / 2 - 3, -h * 0.2, sign * (side + pedicle * 0.6)),
                (pc + 2, -h * 0.12, sign * (side + pedicle * 0.75)),
                (3.5, 7.0 * s, pedicle),
            ),
            Tissue.ARCUS,
            label,
        )
        region.paint(
            region.capsule(
                (pc + 2, h * 0.05, sign * (side + 1.5)),
                (back + 3.5, h * 0.3, sign * 1.5),
                (3.6 * s, h * 0.38, 3.6 * s),
            ),
            Tissue.ARCUS,
            label,
        )
    length = mean.spinous_length * s * rng.uniform(0.85, 1.15)
    tilt = mean.spinous_angle + rng.uniform(-0.1, 0.12)
    tall = rng.uniform(8.5, 12.0) * s * (0.75 if vertebra.number >= 5 else 1.0)
    base = (back + 6.5, h * 0.32, 0.0)
    tip = (base[0] + length * np.cos(tilt), base[1] + length * np.sin(tilt), rng.uniform(-2, 2))
    thin = rng.uniform(2.8, 4.0) * s
    region.paint(region.capsule(base, tip, (4.5, tall, thin)), Tissue.SPINOUS, label)
    near_tip = tuple(np.array(base) * 0.15 + np.array(tip) * 0.85)
    region.paint(
        region.capsule(near_tip, tip, (5.0, tall * 1.12, thin * 1.35)), Tissue.SPINOUS, label
    )


def _thoracic(
    region: Region, plan: SpinePlan, vertebra: Vertebra, rng: np.random.Generator
) -> None:
    s, h, d, w = plan.size, vertebra.height, vertebra.depth, vertebra.width
    pc, back = vertebra.canal_centre, vertebra.canal_centre + vertebra.canal_depth / 2
    side = vertebra.canal_width / 2
    mean, label, number = MEAN[vertebra.name], vertebra.label, vertebra.number
    pedicle = mean.pedicle_width * s
    long = (19.0 - 0.75 * min(number, 12)) * s * rng.uniform(0.85, 1.15)
    joint, rib = rng.uniform(0.88, 1.12) * s, rng.uniform(3.0, 4.2) * s
    low = h / 2 + vertebra.disc_height
    for sign, costal, superior, inferior in SIDES:
        if number <= 12 or rng.random() < 0.7:
            knee = (pc + 4, 1.0, sign * (side + 6 + long))
            head = (d / 2 - 2, -h * 0.38, sign * (w / 2 + 2))
            end = (pc - 6 * s, 14.0, sign * (side + 34 * s))
            for a, b in ((head, knee), (knee, end)):
                region.paint(region.capsule(a, b, (rib, rib * 1.3, rib)), Tissue.OTHER_BONE, 0)
        region.paint(
            region.capsule(
                (pc + 4, -h * 0.1, sign * (side + 3)),
                (pc + 5 + long * 0.7, -h * 0.15, sign * (side + 4 + long * 0.75)),
                (4.2 * s, 5.0 * s, 3.6 * s),
            ),
            costal,
            label,
        )
        region.paint(
            region.capsule(
                (pc + 3, -h * 0.05, sign * (side + 2.0)),
                (back - 1, h * 0.35, sign * (side + 1.0)),
                (3.6 * s, 6.0 * s, 4.0 * s),
            ),
            Tissue.ARCUS,
            label,
        )
        region.paint(
            region.capsule(
                (back - 3.0 * s, -h * 0.28, sign * (side + 1.0 * s)),
                (back - 1.5 * s, -h / 2 - 5 * s, sign * (side + 1.0 * s)),
                (2.8 * joint, 4.0 * joint, 4.8 * joint),
            ),
            superior,
            label,
        )
        region.paint(
            region.capsule(
                (back + 2.2, h * 0.3, sign * (side - 1.5)),
                (back + 3.2, low - h * 0.02, sign * (side - 1.5)),
                (2.8 * joint, 4.6 * joint, 4.6 * joint),
            ),
            inferior,
            label,
        )
        region.paint(
            region.capsule(
                (d / 2 - 3, -h * 0.2, sign * (side + pedicle * 0.6)),
                (pc + 1, -h * 0.12, sign * (side + pedicle * 0.7)),
                (3.5, 5.8 * s, pedicle),
            ),
            Tissue.ARCUS,
            label,
        )
        region.paint(
            region.capsule(
                (pc + 3, h * 0.08, sign * (side + 1.0)),
                (back + 3.5, h * 0.25, sign * 1.5),
                (2.8 * s, h * 0.42, 2.8 * s),
            ),
            Tissue.ARCUS,
            label,
        )
    length = mean.spinous_length * s * rng.uniform(0.85, 1.15)
    tilt = mean.spinous_angle + rng.uniform(-0.1, 0.1)
    tall = (4.6 if number < 11 else 6.8) * s * rng.uniform(0.9, 1.2)
    base = (back + 6.0, h * 0.25, 0.0)
    tip = (base[0] + length * np.cos(tilt), base[1] + length * np.sin(tilt), rng.uniform(-2, 2))
    region.paint(
        region.capsule(base, tip, (4.6, tall, rng.uniform(2.4, 3.2) * s)), Tissue.SPINOUS, label
    )


def _cervical(
    region: Region, plan: SpinePlan, vertebra: Vertebra, rng: np.random.Generator
) -> None:
    s, h, d, w = plan.size, vertebra.height, vertebra.depth, vertebra.width
    pc, back = vertebra.canal_centre, vertebra.canal_centre + vertebra.canal_depth / 2
    side = vertebra.canal_width / 2
    mean, label = MEAN[vertebra.name], vertebra.label
    joint, long = rng.uniform(0.9, 1.15) * s, rng.uniform(7, 11) * s
    low = h / 2 + vertebra.disc_height
    for sign, costal, superior, inferior in SIDES:
        region.paint(
            region.capsule(
                (1, 0, sign * (w / 2 + 1)),
                (pc * 0.4, h * 0.18, sign * (w / 2 + long)),
                (3.0 * s, 3.2 * s, 3.0),
            ),
            costal,
            label,
        )
        region.paint(
            region.capsule(
                (pc - 2, -h * 0.08, sign * (side + 4.0 * s)),
                (pc - 1, -h * 0.62, sign * (side + 4.2 * s)),
                (4.4 * joint, 3.4 * joint, 5.0 * joint),
            ),
            superior,
            label,
        )
        region.paint(
            region.capsule(
                (pc + 3, h * 0.2, sign * (side + 3.6 * s)),
                (pc + 4.8, low - 1.5, sign * (side + 3.6 * s)),
                (3.8 * joint, 3.4 * joint, 4.8 * joint),
            ),
            inferior,
            label,
        )
        region.paint(
            region.capsule(
                (d / 2 - 2, -h * 0.1, sign * (side + 0.5)),
                (pc, 0, sign * (side + 3)),
                (2.8, 3.4 * s, 3.0 * s),
            ),
            Tissue.ARCUS,
            label,
        )
        region.paint(
            region.capsule(
                (pc + 3, h * 0.1, sign * (side + 1.5)),
                (back + 3.0, h * 0.3, sign * 1.2),
                (2.5 * s, 5.0 * s, 2.8 * s),
            ),
            Tissue.ARCUS,
            label,
        )
        # the uncinate process: the body's raised lateral edge
        region.paint(
            region.capsule(
                (1, -h * 0.3, sign * (w / 2 - 1)), (1, -h / 2 - 1.5, sign * (w / 2)), (5, 2, 2)
            ),
            Tissue.CORPUS_BORDER | SHELL,
            label,
        )
    length = mean.spinous_length * s * rng.uniform(0.85, 1.15)
    tilt = mean.spinous_angle + rng.uniform(-0.1, 0.1)
    base = (back + 5.0, h * 0.3, 0.0)
    length = max(length - 6, 5)
    tip = np.array([base[0] + length * np.cos(tilt), base[1] + length * np.sin(tilt), 0.0])
    fork = 3.0 * s if vertebra.number < 6 else 0.5
    for sign in (-1, 1):
        end = tuple(tip + np.array([0, 0, sign * fork]))
        region.paint(
            region.capsule(base, end, (3.6, 4.2 * s, 2.6 * s)),
            Tissue.SPINOUS,
            label,  # type: ignore[arg-type]
        )
