"""Vertebral bodies: a superellipse with a waist, hollow end plates and what lies inside.

Lengths are mm, local points are (p, i, r), see `geometry`.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from .geometry import WOBBLE_MM, Array, Axes, Region
from .plan import SpinePlan, Vertebra
from .tissues import SHELL, Tissue

RIM_MM: Final = 1.1
"""Thickness of the cortical rim of a body."""
BORDER_MM: Final = 3.0
"""Depth from the surface at which the body's interior begins."""
FRACTURED_HOLLOW: Final = 2.2
"""How much deeper the end plates of a compressed body are hollowed."""
LIP: Final = 0.08
"""Growth of the outline at the end plates next to a wholly degenerated disc (osteophytes)."""
LIP_SHARPNESS: Final = 6
"""Exponent with which the lips rise towards the end plates."""
OUTLINE_REACH: Final = 1.15
"""Half heights from the middle beyond which the outline no longer changes."""
REAR_HOLLOW: Final = (0.08, 0.22)
"""Hollow of the rear wall: its depth as a share of the body's depth, and its half width as a
share of the body's width."""
VEIN_ODDS: Final = 0.7
"""Chance that the basivertebral vein shows."""
VEIN_HALF_HEIGHT_MM: Final = 1.4
VEIN_HALF_WIDTH: Final = 0.15
"""Share of the body's width."""
HEMANGIOMA_ODDS: Final = 0.06
"""Chance of a hemangioma in a body: on CT 1 to 4 % of bodies have one (Slon et al., Eur Spine J
24, 2015), on MRI 1 % of cervical to 10 % of lumbar ones (Neuroradiol J 36, 2023)."""
HEMANGIOMA_RADIUS_MM: Final = (3, 8)
HEMANGIOMA_PLACE: Final = 0.25
"""Greatest distance from the body's centre, as a share of each of its dimensions."""


def half_height(vertebra: Vertebra, plan: SpinePlan, p: Array, rho: Array) -> Array:
    """Half height of a body (mm) where its outline function is ``rho`` (0 centre, 1 edge)."""
    hollow = plan.concavity * (FRACTURED_HOLLOW if vertebra.fractured else 1.0)
    tilt = 1 + vertebra.wedge * np.clip(2 * p / vertebra.depth, -1, 1)
    return np.asarray(vertebra.height / 2 * tilt - hollow * np.clip(1 - rho, 0, 1))


def outline(vertebra: Vertebra, plan: SpinePlan, local: Axes) -> Array:
    """Outline function of a body: below 1 inside its walls."""
    p, i, r = local
    u = np.clip(2 * i / vertebra.height, -OUTLINE_REACH, OUTLINE_REACH)
    lip = LIP * vertebra.degeneration * np.abs(u) ** LIP_SHARPNESS
    narrower = 1 - u * u
    depth_scale = 1 - plan.waist * narrower + lip
    width_scale = 1 - plan.side_waist_of(vertebra) * narrower + lip
    depth, width = REAR_HOLLOW
    hollow = depth * vertebra.depth * np.exp(-((r / (vertebra.width * width)) ** 2)) * (p > 0)
    a = np.abs(r) / (vertebra.width / 2 * width_scale)
    b = np.abs(p + hollow) / (vertebra.depth / 2 * depth_scale)
    return np.asarray(a**plan.roundness + b**plan.roundness)


def draw_body(
    region: Region, plan: SpinePlan, vertebra: Vertebra, rng: np.random.Generator
) -> None:
    """Draw a body with rim, interior, basivertebral vein and, now and then, a hemangioma."""
    size = np.array([vertebra.depth, vertebra.height, vertebra.width])
    corners = np.array([*product((-1, 1), repeat=3)]) * (size / 2) * OUTLINE_REACH
    world = [region.frame.to_world(corner) for corner in corners]
    box = region.sub_box(np.min(world, 0) - WOBBLE_MM, np.max(world, 0) + WOBBLE_MM)
    if box is None:
        return
    p, i, r = (x[box] for x in region.local)
    rho = outline(vertebra, plan, (p, i, r))
    to_end = half_height(vertebra, plan, p, rho) - np.abs(i)
    to_wall = (1 - rho ** (1 / plan.roundness)) * vertebra.depth / 2
    to_surface = np.minimum(to_end, to_wall)
    inside = (rho < 1) & (to_end > 0)
    deep = inside & (to_surface > BORDER_MM)
    tissue, vert = region.tissue[box], region.vert[box]
    tissue[inside] = Tissue.CORPUS_BORDER
    tissue[deep] = Tissue.CORPUS
    vein = (np.abs(i) < VEIN_HALF_HEIGHT_MM) & (np.abs(r) < vertebra.width * VEIN_HALF_WIDTH)
    if rng.random() < VEIN_ODDS:
        tissue[deep & vein & (p > 0)] = Tissue.BASIVERTEBRAL_VEIN
    if rng.random() < HEMANGIOMA_ODDS:
        centre = rng.uniform(-HEMANGIOMA_PLACE, HEMANGIOMA_PLACE, 3) * size
        radius = rng.uniform(*HEMANGIOMA_RADIUS_MM)
        ball = (p - centre[0]) ** 2 + (i - centre[1]) ** 2 + (r - centre[2]) ** 2 < radius**2
        tissue[deep & ball] = Tissue.HEMANGIOMA
    tissue[inside & (to_surface < RIM_MM)] |= SHELL
    vert[inside] = vertebra.label
