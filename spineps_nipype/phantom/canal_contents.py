"""What lies in the spinal canal: epidural fat, dural sac, cord and roots.

Ranges are (low, high) of an even draw; values without a source are ours, fitted by eye to scans.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from .canal import CanalPath, inside_canal
from .geometry import Array, Canvas
from .measures import CORD_DEPTH, CORD_WIDTH
from .plan import SpinePlan, Stream
from .tissues import BODY, SHELL, Tissue

SAC_TAPER_MM: Final = 25.0
"""Length over which the dural sac narrows to its end."""
SAC_DEPTH: Final = (0.78, 0.9)
SAC_WIDTH: Final = (0.84, 0.95)
"""Depth and width of the dural sac relative to the canal; the rest is fat."""
SAC_FORWARD: Final = 0.8
"""How far the sac lies before the canal's centre, as a share of the fat's half depth."""
SAC_TRIANGLE: Final = 0.35
"""How much of the canal's triangular form the sac has."""
REACH_MM: Final = 25.0
"""Half size (mm, P and R) of the box around the course that is looked at."""

CORD_GROWTH: Final = 0.3
"""Exponent with which the cord grows with the person: little."""
CORD_SCALE: Final = (0.85, 1.15)
"""Size of a person's cord relative to the mean."""
CONUS_MM: Final = 28.0
"""Length over which the cord tapers to its end."""
CORD_OFFSET_MM: Final = (-1.2, 0.8)
"""Where the cord lies behind the canal's centre: one draw a spine."""
CORD_WAVE_MM: Final = 0.8
CORD_WAVE_LENGTH_MM: Final = 90.0
"""Amplitude, and length of a radian, of its slow wave forwards and backwards."""
CORD_PHASE: Final = (0, 6)
"""Phase of that wave, radians."""
CORD_BACK: Final = (30.0, 1.2)
"""Length (mm) of the cord's end that lies further back, and by how much (mm)."""

ROOTS_ABOVE_MM: Final = 25.0
"""How far above the end of the cord roots are seen beside it."""
ROOT_DENSITY: Final = 0.75
"""Threshold of the field of strands: roots lie where it is higher."""
ROOTS_LIE_MM: Final = (-3, 1)
"""Roots lie behind this distance from the canal's centre."""
FILUM_MM: Final = (0, 50)
"""Length of the filum that looks like cord; it starts `FILUM_OVERLAP_MM` above the cord's end."""
FILUM_OVERLAP_MM: Final = 4.0
FILUM_RADII_MM: Final = (1.4, 1.5)
FILUM_BACK_MM: Final = 2.0
"""Half axes (P, R) of the filum, and how far it lies behind the canal's centre."""
BUNDLE_ABOVE_MM: Final = (5, 30)
"""How far above the end of the cord the bundle of roots begins."""
BUNDLE_DEPTH_MM: Final = (1, 5)
BUNDLE_THINS_MM: Final = (60, 160)
"""Depth of the bundle at the end of the cord, and the length over which it would thin to nothing;
`BUNDLE_MIN` of its depth remains."""
BUNDLE_MIN: Final = 0.25
BUNDLE_DENSITY: Final = (-1.5, 0.5)
"""Threshold of the field of strands for the bundle: low is dense."""
STRAND_VOXELS: Final = 12
"""Voxels along I over which a strand changes."""
EMPTY: Final = 1e-3
"""Half axis (mm) in place of zero where sac or cord have ended."""


def draw_canal(canvas: Canvas, plan: SpinePlan, course: CanalPath, p: Array, r: Array) -> None:
    """Draw everything inside the bony canal; bodies, discs and end plates are kept.

    Parameters
    ----------
    p, r
        Offsets (mm) of the voxels from the canal's course.
    """
    rng, levels = plan.rng(Stream.CANAL), canvas.axes[1]
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
    depth_share = rng.uniform(*SAC_DEPTH)
    half_depth = course.half_depth[None, :, None] * depth_share
    half_width = course.half_width[None, :, None] * rng.uniform(*SAC_WIDTH)
    taper = np.clip((course.sac_end - levels) / SAC_TAPER_MM, 0.0, 1.0)[None, :, None] ** 0.5
    forward = course.half_depth[None, :, None] * (1 - depth_share) * SAC_FORWARD
    y = (p + forward) / (half_depth * taper + EMPTY)
    x = r / (half_width * taper + EMPTY)
    triangle = SAC_TRIANGLE * course.triangle[None, :, None]
    sac = canal & (x * x * (1 + triangle * y) + y * y < 1)
    tissue[canal], vert[canal] = Tissue.EPIDURAL_FAT, 0
    tissue[sac] = Tissue.CSF
    _draw_cord(tissue, sac, plan, levels, p, r, rng)


def _near_line(course: CanalPath, canvas: Canvas) -> tuple[slice, slice]:
    """Range of P and R indices that the canal can reach."""
    out = []
    for axis, centre in ((0, course.p), (2, course.r)):
        low, high = np.searchsorted(
            canvas.axes[axis], (centre.min() - REACH_MM, centre.max() + REACH_MM)
        )
        out.append(slice(int(low), int(high)))
    return out[0], out[1]


def _rows(course: CanalPath, rows: slice) -> CanalPath:
    """The course on some of its I coordinates."""
    names = ("p", "r", "half_depth", "half_width", "triangle")
    return replace(course, **{name: getattr(course, name)[rows] for name in names})


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
    grow = plan.size**CORD_GROWTH * rng.uniform(*CORD_SCALE)
    taper = np.sqrt(np.clip((plan.conus - levels) / CONUS_MM, 0, 1))
    depth = np.interp(levels, at, [CORD_DEPTH[v.region] for v in plan.vertebrae]) * taper * grow
    width = np.interp(levels, at, [CORD_WIDTH[v.region] for v in plan.vertebrae]) * taper * grow
    offset = rng.uniform(*CORD_OFFSET_MM)
    phase = rng.uniform(*CORD_PHASE)
    wave = offset + CORD_WAVE_MM * np.sin(levels / CORD_WAVE_LENGTH_MM + phase)
    end, further_back = CORD_BACK
    wave = np.where(levels > plan.conus - end, wave + further_back, wave).astype(np.float32)
    below = levels > plan.conus - ROOTS_ABOVE_MM
    strands = _strands(rng, p.shape) > ROOT_DENSITY
    lying = p > rng.uniform(*ROOTS_LIE_MM)
    roots = sac & strands & lying & below[None, :, None]
    tissue[roots | _bundle(sac, plan, levels, p)] = Tissue.ROOT
    x = r / (width[None, :, None].astype(np.float32) / 2 + EMPTY)
    y = (p - wave[None, :, None]) / (depth[None, :, None].astype(np.float32) / 2 + EMPTY)
    tissue[sac & (x * x + y * y < 1) & (taper > 0)[None, :, None]] = Tissue.CORD
    filum = levels >= plan.conus - FILUM_OVERLAP_MM
    filum &= levels < plan.conus + rng.uniform(*FILUM_MM)
    half_p, half_r = FILUM_RADII_MM
    thread = (r / half_r) ** 2 + ((p - FILUM_BACK_MM) / half_p) ** 2 < 1
    tissue[sac & thread & filum[None, :, None]] = Tissue.CORD


def _bundle(sac: Array, plan: SpinePlan, levels: Array, p: Array) -> Array:
    """Roots that lie close together on the back of the sac below the cord, as a mask.

    In a scan they look like more of the cord.
    """
    rng = plan.rng(Stream.ROOTS)
    start = plan.conus - rng.uniform(*BUNDLE_ABOVE_MM)
    thins = 1 - (levels - plan.conus) / rng.uniform(*BUNDLE_THINS_MM)
    thins = np.clip(thins, BUNDLE_MIN, 1)
    depth = rng.uniform(*BUNDLE_DEPTH_MM) * np.where(levels > start, thins, 0)
    back = np.where(sac, p, -np.inf).max(axis=(0, 2))
    lying = sac & (p > (back - depth)[None, :, None])
    return np.asarray(lying & (_strands(rng, p.shape) > rng.uniform(*BUNDLE_DENSITY)))


def _strands(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random field stretched along the canal: what exceeds a threshold looks like strands."""
    count = max(2, shape[1] // STRAND_VOXELS)
    cross = rng.standard_normal((shape[0], count + 1, shape[2]), dtype=np.float32)
    at = np.linspace(0, count - 1e-3, shape[1])
    low = at.astype(int)
    weight = (at - low).astype(np.float32)[None, :, None]
    return np.asarray(cross[:, low] * (1 - weight) + cross[:, low + 1] * weight)
