"""The course of the spinal canal and its cross-sections, C1 to S5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from .geometry import Array, make_frame
from .measures import SACRAL_DEPTHS
from .plan import SpinePlan


@dataclass(frozen=True)
class SacralCanal:
    """Cross-section of the canal at one place of the sacrum."""

    arc: float
    """Arc length below the promontory, mm in a person of mean size."""
    depth: float
    width: float
    """Relative to the canal of the last lumbar vertebra."""


TRIANGLE: Final = {"C": 0.25, "T": 0.05, "L": 0.40}
"""How much narrower the canal is behind than in front (0: an ellipse). Ours."""
SACRAL_CANAL: Final = (
    SacralCanal(5.0, 0.9, 1.0),
    SacralCanal(30.0, 0.65, 0.85),
    SacralCanal(55.0, 0.5, 0.65),
    SacralCanal(78.0, 0.3, 0.4),
    SacralCanal(95.0, 0.15, 0.2),
)
"""The canal from S1 to S5: it narrows to the hiatus. Ours, fitted by eye."""
SACRAL_CANAL_BACK: Final = (5.0, 1.5)
"""Distance (mm) of the canal's centre behind a sacral body: the first times the segment's
relative depth, plus the second."""
ABOVE_MM: Final = 40.0
"""How far the canal goes on above the centre of C2."""
MIN_STEP_MM: Final = 4.0
"""Points of the course that are nearer in I than this are left out, lest it folds."""
SAC_END_MM: Final = 48.0
"""Arc length below the sacral promontory at which the dural sac ends: about S2, where most end
(Binokay et al., Acta Radiol 47, 2006)."""


@dataclass(frozen=True)
class CanalPath:
    """Centre and half axes of the canal on every I coordinate of a grid (mm)."""

    p: Array
    r: Array
    half_depth: Array
    half_width: Array
    triangle: Array
    sac_end: float
    """I coordinate of the end of the dural sac."""
    canal_end: float


def canal_course(plan: SpinePlan, levels: Array) -> CanalPath:
    """Course of the canal at the given I coordinates.

    The canal's cross-sections are taken in planes of constant I and stretched where it leans.
    """
    vertebrae = plan.vertebrae
    centres = [v.frame.to_world((v.canal_centre, 0, 0)) for v in vertebrae]
    first = centres[0] - vertebrae[0].frame.inferior * ABOVE_MM
    depth = [vertebrae[0].canal_depth, *(v.canal_depth for v in vertebrae)]
    width = [vertebrae[0].canal_width, *(v.canal_width for v in vertebrae)]
    shape = [TRIANGLE["C"], *(TRIANGLE[v.region] for v in vertebrae)]
    points = [first, *centres]
    last = vertebrae[-1]
    per_depth, behind = SACRAL_CANAL_BACK
    for segment, canal in zip(SACRAL_DEPTHS, SACRAL_CANAL, strict=True):
        point, tangent = plan.on_line(plan.sacrum_start + canal.arc * plan.size)
        frame = make_frame(point, tangent)
        back = segment * last.depth / 2 + per_depth * segment + behind
        points.append(frame.to_world((back, 0, 0)))
        depth.append(last.canal_depth * canal.depth)
        width.append(last.canal_width * canal.width)
        shape.append(TRIANGLE["L"])
    at = np.array(points)
    order = np.argsort(at[:, 1])
    order = order[np.concatenate([[True], np.diff(at[order, 1]) > MIN_STEP_MM])]
    where = np.clip(levels, at[order[0], 1], at[order[-1], 1])
    course = [PchipInterpolator(at[order, 1], at[order, k])(where) for k in (0, 2)]
    slope = PchipInterpolator(at[order, 1], at[order, 0]).derivative()(where)
    stretch = np.sqrt(1 + slope**2)
    axes = [np.interp(where, at[order, 1], np.asarray(x)[order]) for x in (depth, width, shape)]
    sac_end = plan.on_line(plan.sacrum_start + SAC_END_MM * plan.size)[0][1]
    return CanalPath(
        p=course[0].astype(np.float32),
        r=course[1].astype(np.float32),
        half_depth=(axes[0] / 2 * stretch).astype(np.float32),
        half_width=(axes[1] / 2).astype(np.float32),
        triangle=axes[2].astype(np.float32),
        sac_end=float(sac_end),
        canal_end=float(at[order[-1], 1]),
    )


def inside_canal(course: CanalPath, p: Array, r: Array, scale: float = 1.0) -> Array:
    """Mask of the bony canal, scaled; p and r are offsets (mm) from the course."""
    y = p / (course.half_depth[None, :, None] * scale)
    shape = course.triangle[None, :, None]
    half = course.half_width[None, :, None] * scale * (1 - shape * y)
    return np.asarray((np.abs(r) < half * np.sqrt(np.clip(1 - y * y, 0, None))) & (np.abs(y) < 1))
