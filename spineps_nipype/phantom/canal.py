"""The spinal canal: its course, epidural fat, dural sac, cord and roots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from .geometry import Array, Canvas, make_frame
from .measures import CORD_DEPTH, CORD_WIDTH, SACRAL_DEPTHS
from .plan import SpinePlan
from .tissues import BODY, SHELL, Tissue

TRIANGLE: Final = {"C": 0.25, "T": 0.05, "L": 0.40}
"""How much narrower the canal is behind than in front (0: an ellipse)."""
SAC_END_MM: Final = 48.0
"""Arc length below the sacral promontory at which the dural sac ends (about S2)."""
CONUS_MM: Final = 28.0
"""Length over which the cord tapers to its end."""


@dataclass(frozen=True)
class CanalCourse:
    """Centre and half axes of the canal on every I coordinate of a grid (mm)."""

    p: Array
    r: Array
    half_depth: Array
    half_width: Array
    triangle: Array
    sac_end: float
    """I coordinate of the end of the dural sac."""
    canal_end: float


def canal_course(plan: SpinePlan, levels: Array) -> CanalCourse:
    """Course of the canal at the given I coordinates.

    The canal's cross-sections are taken in planes of constant I and stretched where it leans.
    """
    vertebrae = plan.vertebrae
    centres = [v.frame.to_world((v.canal_centre, 0, 0)) for v in vertebrae]
    first = centres[0] - vertebrae[0].frame.inferior * 40
    depth = [vertebrae[0].canal_depth, *(v.canal_depth for v in vertebrae)]
    width = [vertebrae[0].canal_width, *(v.canal_width for v in vertebrae)]
    shape = [TRIANGLE["C"], *(TRIANGLE[v.region] for v in vertebrae)]
    points = [first, *centres]
    last = vertebrae[-1]
    for k, arc in enumerate((5.0, 30.0, 55.0, 78.0, 95.0)):
        point, tangent = plan.on_line(plan.sacrum_start + arc * plan.size)
        frame = make_frame(point, tangent)
        back = SACRAL_DEPTHS[k] * last.depth / 2 + 5 * SACRAL_DEPTHS[k] + 1.5
        points.append(frame.to_world((back, 0, 0)))
        depth.append(last.canal_depth * (0.9, 0.65, 0.5, 0.3, 0.15)[k])
        width.append(last.canal_width * (1.0, 0.85, 0.65, 0.4, 0.2)[k])
        shape.append(TRIANGLE["L"])
    at = np.array(points)
    order = np.argsort(at[:, 1])
    order = order[np.concatenate([[True], np.diff(at[order, 1]) > 4])]
    where = np.clip(levels, at[order[0], 1], at[order[-1], 1])
    course = [PchipInterpolator(at[order, 1], at[order, k])(where) for k in (0, 2)]
    slope = PchipInterpolator(at[order, 1], at[order, 0]).derivative()(where)
    stretch = np.sqrt(1 + slope**2)
    axes = [np.interp(where, at[order, 1], np.asarray(x)[order]) for x in (depth, width, shape)]
    sac_end = plan.on_line(plan.sacrum_start + SAC_END_MM * plan.size)[0][1]
    return CanalCourse(
        *(x.astype(np.float32) for x in course),
        half_depth=(axes[0] / 2 * stretch).astype(np.float32),
        half_width=(axes[1] / 2).astype(np.float32),
        triangle=axes[2].astype(np.float32),
        sac_end=float(sac_end),
        canal_end=float(at[order[-1], 1]),
    )


def inside_canal(course: CanalCourse, p: Array, r: Array, scale: float = 1.0) -> Array:
    """Mask of the bony canal, scaled; p and r are offsets (mm) from the course."""
    y = p / (course.half_depth[None, :, None] * scale)
    shape = course.triangle[None, :, None]
    half = course.half_width[None, :, None] * scale * (1 - shape * y)
    return (np.abs(r) < half * np.sqrt(np.clip(1 - y * y, 0, None))) & (np.abs(y) < 1)


def draw_canal(canvas: Canvas, plan: SpinePlan, course: CanalCourse, p: Array, r: Array) -> None:
    """Draw everything inside the bony canal; bodies, discs and end plates are kept.

    Parameters
    ----------
    p, r
        Offsets (mm) of the voxels from the canal's course.
    """
    rng, levels = plan.rng(4), canvas.axes[1]
    rows = np.flatnonzero(levels < course.canal_end)
    if rows.size == 0:
        return
    near = _near_line(course, canvas)
    sub = (near[0], slice(0, int(rows[-1]) + 1), near[1])
    p, r = p[sub], r[sub]
    tissue, vert, levels = canvas.tissue[sub], canvas.vert[sub], levels[sub[1]]
    course = _rows(course, sub[1])
    kept = np.isin(tissue & (SHELL - 1), (*BODY, Tissue.ANNULUS, Tissue.NUCLEUS, Tissue.ENDPLATE))
    canal = inside_canal(course, p, r) & ~kept
    fat_share = rng.uniform(0.78, 0.9)
    half_depth = course.half_depth[None, :, None] * fat_share
    half_width = course.half_width[None, :, None] * rng.uniform(0.84, 0.95)
    taper = np.clip((course.sac_end - levels) / 25, 0.0, 1.0)[None, :, None] ** 0.5
    forward = course.half_depth[None, :, None] * (1 - fat_share) * 0.8
    y = (p + forward) / (half_depth * taper + 1e-3)
    x = r / (half_width * taper + 1e-3)
    sac = canal & (x * x * (1 + 0.35 * course.triangle[None, :, None] * y) + y * y < 1)
    tissue[canal], vert[canal] = Tissue.EPIDURAL_FAT, 0
    tissue[sac] = Tissue.CSF
    _draw_cord(tissue, sac, plan, levels, p, r, rng)


def _near_line(course: CanalCourse, canvas: Canvas) -> tuple[slice, slice]:
    """Range of P and R indices that the canal can reach."""
    out = []
    for axis, centre in ((0, course.p), (2, course.r)):
        low, high = np.searchsorted(canvas.axes[axis], (centre.min() - 25, centre.max() + 25))
        out.append(slice(int(low), int(high)))
    return out[0], out[1]


def _rows(course: CanalCourse, rows: slice) -> CanalCourse:
    return CanalCourse(
        course.p[rows],
        course.r[rows],
        course.half_depth[rows],
        course.half_width[rows],
        course.triangle[rows],
        course.sac_end,
        course.canal_end,
    )


def _draw_cord(
    tissue: Array,
    sac: Array,
    plan: SpinePlan,
    levels: Array,
    p: Array,
    r: Array,
    rng: np.random.Generator,
) -> None:
    """Draw cord, filum and the roots of the cauda equina into the dural sac."""
    at = [v.frame.origin[1] for v in plan.vertebrae]
    grow = plan.size**0.3 * rng.uniform(0.85, 1.15)
    taper = np.sqrt(np.clip((plan.conus - levels) / CONUS_MM, 0, 1))
    depth = np.interp(levels, at, [CORD_DEPTH[v.region] for v in plan.vertebrae]) * taper * grow
    width = np.interp(levels, at, [CORD_WIDTH[v.region] for v in plan.vertebrae]) * taper * grow
    wave = rng.uniform(-1.2, 0.8) + 0.8 * np.sin(levels / 90 + rng.uniform(0, 6))
    wave = np.where(levels > plan.conus - 30, wave + 1.2, wave).astype(np.float32)
    offset = p - wave[None, :, None]
    below = levels > plan.conus - 25
    strands = _strands(rng, p.shape) > 0.75
    lying = p > rng.uniform(-3, 1)
    roots = sac & strands & lying & below[None, :, None]
    tissue[roots | _bundle(sac, plan, levels, p)] = Tissue.ROOT
    x = r / (width[None, :, None].astype(np.float32) / 2 + 1e-3)
    y = offset / (depth[None, :, None].astype(np.float32) / 2 + 1e-3)
    tissue[sac & (x * x + y * y < 1) & (taper > 0)[None, :, None]] = Tissue.CORD
    filum = (levels >= plan.conus - 4) & (levels < plan.conus + rng.uniform(0, 50))
    thread = (r / 1.5) ** 2 + ((p - 2) / 1.4) ** 2 < 1
    tissue[sac & thread & filum[None, :, None]] = Tissue.CORD


def _bundle(sac: Array, plan: SpinePlan, levels: Array, p: Array) -> Array:
    """Roots that lie close together on the back of the sac below the cord, as a mask.

    In a scan they look like more of the cord.
    """
    rng = plan.rng(9)
    start = plan.conus - rng.uniform(5, 30)
    thins = np.clip(1 - (levels - plan.conus) / rng.uniform(60, 160), 0.25, 1)
    depth = rng.uniform(1, 5) * np.where(levels > start, thins, 0)
    back = np.where(sac, p, -np.inf).max(axis=(0, 2))
    lying = sac & (p > (back - depth)[None, :, None])
    return np.asarray(lying & (_strands(rng, p.shape) > rng.uniform(-1.5, 0.5)))


def _strands(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random field, drawn out down the canal: above a threshold, threads."""
    count = max(2, shape[1] // 12)
    cross = rng.standard_normal((shape[0], count + 1, shape[2]), dtype=np.float32)
    at = np.linspace(0, count - 1e-3, shape[1])
    low = at.astype(int)
    weight = (at - low).astype(np.float32)[None, :, None]
    return cross[:, low] * (1 - weight) + cross[:, low + 1] * weight
