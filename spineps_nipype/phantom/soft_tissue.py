"""What surrounds the spine: muscle, fat, vessels, organs, lungs, skin."""

from __future__ import annotations

import numpy as np

from .canal import CanalCourse, inside_canal
from .geometry import Array, Canvas, SmoothField
from .plan import SpinePlan
from .tissues import Tissue


def draw_soft_tissue(
    canvas: Canvas, plan: SpinePlan, course: CanalCourse, p: Array, r: Array
) -> None:
    """Fill the canvas with soft tissue; bones are drawn over it later.

    Parameters
    ----------
    p, r
        Offsets (mm) of the voxels from the canal's course, posterior and right.
    """
    rng, tissue, levels = plan.rng(5), canvas.tissue, canvas.axes[1]
    regions = _regions(plan, levels, rng)
    body = _body_profile(plan, levels)
    coarse = SmoothField(rng, (9.0, 12.0, 9.0)).on(canvas.axes)
    streaks = SmoothField(rng, (3.0, 7.0, 4.0)).on(canvas.axes)
    tissue[:] = Tissue.FAT
    side = np.abs(r)
    _organs(canvas, plan, rng, regions, body, coarse, p, r)
    # muscles lie on the bone: everything beside and behind the canal, up to a fascia
    s = plan.size
    reach_p, reach_r = rng.uniform(34, 50) * s, rng.uniform(48, 68) * s
    belly = (side / reach_r) ** 2 + (np.clip(p, 0, None) / reach_p) ** 2 < 1 + 0.12 * coarse
    muscle = belly & (p > -4)
    neck = regions["C"][None, :, None]
    muscle |= neck & (side < 45 * s) & (p > -10) & belly
    tissue[muscle] = Tissue.MUSCLE
    # fat lies between the muscles, most of it deep, beside the arches
    deep = np.exp(-np.clip(side - 8, 0, None) / 10) * np.exp(-np.clip(p - 22, 0, None) / 14)
    threshold = rng.uniform(1.2, 2.4) - rng.uniform(0.3, 2.0) * deep
    tissue[muscle & (streaks > threshold)] = Tissue.FAT
    cleft = (side < 3.0 + 0.8 * streaks) & (p > 4) & (p < 42 * s)
    tissue[cleft & (streaks < rng.uniform(-0.3, 0.8))] = Tissue.LIGAMENT
    tissue[cleft & (coarse > rng.uniform(-0.5, 1.0))] = Tissue.FAT
    _psoas(canvas, plan, rng, regions, body, p, side)
    # ligamentum flavum and longitudinal ligaments line the canal
    near = (np.abs(p) < 22) & (side < 26)
    box = np.flatnonzero(near.any((1, 2))), np.flatnonzero(near.any((0, 1)))
    if box[0].size and box[1].size:
        sub = (slice(box[0][0], box[0][-1] + 1), slice(None), slice(box[1][0], box[1][-1] + 1))
        lining = inside_canal(course, p[sub], r[sub], rng.uniform(1.15, 1.3))
        tissue[sub][lining] = Tissue.LIGAMENT
    _skin(canvas, plan, rng, p, coarse)
    _head(canvas, plan)


def _regions(plan: SpinePlan, levels: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Masks over the I coordinates: neck, chest, belly.

    The borders are drawn around the usual levels: organs must not tell a vertebra's name exactly.
    """
    first_t = next(v for v in plan.vertebrae if v.name == "T1").frame.origin[1]
    first_l = next(v for v in plan.vertebrae if v.name == "L1").frame.origin[1]
    neck = levels <= first_t + rng.uniform(-25, 30)
    belly = levels >= first_l + rng.uniform(-75, 25)
    return {"C": neck, "T": ~neck & ~belly, "L": belly}


def _body_profile(plan: SpinePlan, levels: Array) -> dict[str, Array]:
    """Depth and width of the bodies and depth of the canal over the I coordinates."""
    at = [v.frame.origin[1] for v in plan.vertebrae]
    names = ("depth", "width", "canal_depth")
    return {
        name: np.interp(levels, at, [getattr(v, name) for v in plan.vertebrae]).astype(np.float32)[
            None, :, None
        ]
        for name in names
    }


def _organs(
    canvas: Canvas,
    plan: SpinePlan,
    rng: np.random.Generator,
    regions: dict[str, Array],
    body: dict[str, Array],
    coarse: Array,
    p: Array,
    r: Array,
) -> None:
    """Lungs, abdominal organs, great vessels, airway."""
    tissue, s, side = canvas.tissue, plan.size, np.abs(r)
    front = body["depth"] + body["canal_depth"] / 2
    chest, belly, neck = (regions[k][None, :, None] for k in "TLC")
    filling = rng.choice([Tissue.FAT, Tissue.ORGAN, Tissue.PSOAS], p=[0.5, 0.25, 0.25])
    tissue[np.broadcast_to(belly & (p < -4) & (side > 26 * s), tissue.shape)] = filling
    tissue[(side > body["width"] / 2 + 4) & (p < 2) & chest] = Tissue.LUNG
    blobs = SmoothField(rng, (16.0, 20.0, 16.0)).on(canvas.axes)
    before = p < -(front + rng.uniform(8, 18) + 4 * coarse)
    tissue[before & (blobs > -0.2)] = Tissue.ORGAN
    tissue[before & (blobs > 0.55)] = Tissue.ORGAN_BRIGHT
    tissue[before & (blobs < -1.1)] = Tissue.GAS
    tissue[(p < -(front + 2)) & ~before & neck] = Tissue.MUSCLE
    for offset in (-9 * s, 12 * s):
        radius, gap = rng.uniform(8, 12), rng.uniform(1, 5)
        away = p + front + radius + gap
        shift = r - offset - rng.uniform(-4, 4)
        tissue[(shift**2 + away**2 < radius**2) & ~neck] = Tissue.VESSEL
    if rng.random() < 0.9:
        airway = (r / 9) ** 2 + ((p + front + 16) / 8) ** 2 < 1
        tissue[airway & neck] = Tissue.GAS


def _psoas(
    canvas: Canvas,
    plan: SpinePlan,
    rng: np.random.Generator,
    regions: dict[str, Array],
    body: dict[str, Array],
    p: Array,
    side: Array,
) -> None:
    """Psoas and quadratus beside the lumbar bodies, longus muscles beside the cervical ones."""
    radius = rng.uniform(12, 18) * plan.size
    tall = rng.uniform(16, 24) * plan.size
    away = (side - body["width"] / 2 - radius * rng.uniform(0.75, 1.0)) / radius
    level = (p + body["depth"] * rng.uniform(0.4, 0.75)) / tall
    where = (regions["L"] | regions["C"])[None, :, None]
    canvas.tissue[(away**2 + level**2 < 1) & where] = Tissue.PSOAS


def _skin(
    canvas: Canvas, plan: SpinePlan, rng: np.random.Generator, p: Array, coarse: Array
) -> None:
    """Subcutaneous fat, skin and the air behind the back."""
    tissue = canvas.tissue
    back = max(v.frame.origin[0] for v in plan.vertebrae) + rng.uniform(75, 105) * plan.size
    depth = (back - canvas.axes[0])[:, None, None] + 1.5 * coarse[:, :, :1]
    fat = np.broadcast_to(depth < rng.uniform(4, 24), tissue.shape)
    tissue[fat & (p > 34)] = Tissue.FAT
    tissue[np.broadcast_to(depth < 2, tissue.shape)] = Tissue.SKIN
    tissue[np.broadcast_to(depth < 0, tissue.shape)] = Tissue.AIR


def _head(canvas: Canvas, plan: SpinePlan) -> None:
    """Skull base and brain above the atlas, where the window reaches that far."""
    axis, s = plan.vertebrae[0], plan.size
    top = axis.frame.to_world((10, -axis.height / 2 - 24 * s, 0))
    if canvas.axes[1][0] > top[1]:
        return
    rows = canvas.axes[1] < top[1] + 10
    centre = axis.frame.to_world((8, -axis.height / 2 - 24 * s - 52, 0))
    p, i, r = (
        (axis_values - c).astype(np.float32) / radius
        for axis_values, c, radius in zip(canvas.axes, centre, (78, 58, 66), strict=True)
    )
    distance = p[:, None, None] ** 2 + i[None, rows, None] ** 2 + r[None, None, :] ** 2
    tissue = canvas.tissue[:, rows]
    tissue[distance < 1.0] = Tissue.OTHER_BONE
    tissue[distance < 0.86] = Tissue.BRAIN
    canvas.tissue[:, rows] = tissue
