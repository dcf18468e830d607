"""What surrounds the spine: muscle, fat, vessels, organs, lungs, skin.

It is there so that images look like scans outside the labels; all values are ours, fitted by eye,
and are listed in `soft_tissue_shapes`. Offsets p and r are mm from the course of the canal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .canal import CanalPath, inside_canal
from .geometry import Array, Canvas, SmoothField
from .plan import SpinePlan, Stream
from .soft_tissue_shapes import (
    CHEST,
    CLEFT,
    FIELDS,
    HEAD,
    LINING,
    MUSCLE,
    NECK,
    ORGANS,
    PSOAS,
    SKIN,
    VESSELS,
)
from .tissues import Tissue


def draw_soft_tissue(
    canvas: Canvas, plan: SpinePlan, course: CanalPath, p: Array, r: Array
) -> None:
    """Fill the canvas with soft tissue; bones are drawn over it later.

    Parameters
    ----------
    p, r
        Offsets (mm) of the voxels from the canal's course, posterior and right.
    """
    rng, tissue, levels = plan.rng(Stream.SOFT_TISSUE), canvas.tissue, canvas.axes[1]
    regions = _regions(plan, levels, rng)
    body = _body_profile(plan, levels)
    coarse = SmoothField(rng, FIELDS.coarse).on(canvas.axes)
    streaks = SmoothField(rng, FIELDS.streaks).on(canvas.axes)
    tissue[:] = Tissue.FAT
    side = np.abs(r)
    _organs(canvas, plan, rng, regions, body, coarse, p, r)
    _muscles(tissue, plan, rng, regions["C"], coarse, streaks, p, side)
    _psoas(canvas, plan, rng, regions, body, p, side)
    _ligaments(tissue, course, rng, p, r)
    _skin(canvas, plan, rng, p, coarse)
    _head(canvas, plan)


def _muscles(
    tissue: Array,
    plan: SpinePlan,
    rng: np.random.Generator,
    neck: Array,
    coarse: Array,
    streaks: Array,
    p: Array,
    side: Array,
) -> None:
    """Muscles on the bone, fat between them, and the cleft between left and right."""
    size = plan.size
    reach_p, reach_r = (rng.uniform(*reach) * size for reach in (MUSCLE.behind, MUSCLE.beside))
    # everything beside and behind the canal, up to a fascia
    inside = (side / reach_r) ** 2 + (np.clip(p, 0, None) / reach_p) ** 2
    inside = inside < 1 + MUSCLE.unevenness * coarse
    muscle = inside & (p > MUSCLE.front)
    in_neck = neck[None, :, None] & (side < NECK.half_width * size) & (p > NECK.front)
    muscle |= in_neck & inside
    tissue[muscle] = Tissue.MUSCLE
    # fat lies between the muscles, most of it deep, beside the arches
    (beside, fades_r), (behind, fades_p) = MUSCLE.fat_beside, MUSCLE.fat_behind
    deep = np.exp(-np.clip(side - beside, 0, None) / fades_r)
    deep = deep * np.exp(-np.clip(p - behind, 0, None) / fades_p)
    threshold = rng.uniform(*MUSCLE.lean) - rng.uniform(*MUSCLE.deep_fat) * deep
    tissue[muscle & (streaks > threshold)] = Tissue.FAT
    cleft = side < CLEFT.half_width + CLEFT.unevenness * streaks
    cleft &= (p > CLEFT.front) & (p < CLEFT.back * size)
    tissue[cleft & (streaks < rng.uniform(*CLEFT.ligament))] = Tissue.LIGAMENT
    tissue[cleft & (coarse > rng.uniform(*CLEFT.fat))] = Tissue.FAT


def _ligaments(
    tissue: Array, course: CanalPath, rng: np.random.Generator, p: Array, r: Array
) -> None:
    """Ligamentum flavum and longitudinal ligaments, which line the canal."""
    half_p, half_r = LINING.reach
    near = (np.abs(p) < half_p) & (np.abs(r) < half_r)
    box = np.flatnonzero(near.any((1, 2))), np.flatnonzero(near.any((0, 1)))
    if box[0].size and box[1].size:
        sub = (slice(box[0][0], box[0][-1] + 1), slice(None), slice(box[1][0], box[1][-1] + 1))
        lining = inside_canal(course, p[sub], r[sub], rng.uniform(*LINING.scale))
        tissue[sub][lining] = Tissue.LIGAMENT


def _regions(plan: SpinePlan, levels: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Masks over the I coordinates: neck, chest, belly.

    The borders are drawn around the usual levels: organs must not tell a vertebra's name exactly.
    """
    first_t = next(v for v in plan.vertebrae if v.name == "T1").frame.origin[1]
    first_l = next(v for v in plan.vertebrae if v.name == "L1").frame.origin[1]
    neck = levels <= first_t + rng.uniform(*NECK.end)
    belly = levels >= first_l + rng.uniform(*CHEST.end)
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
    tissue, size, side = canvas.tissue, plan.size, np.abs(r)
    front = body["depth"] + body["canal_depth"] / 2
    chest, belly, neck = (regions[k][None, :, None] for k in "TLC")
    filling = rng.choice(list(ORGANS.beside), p=list(ORGANS.beside.values()))
    flank = belly & (p < ORGANS.beside_back) & (side > ORGANS.beside_from * size)
    tissue[np.broadcast_to(flank, tissue.shape)] = filling
    lung = (side > body["width"] / 2 + CHEST.beside_body) & (p < CHEST.back) & chest
    tissue[lung] = Tissue.LUNG
    blobs = SmoothField(rng, FIELDS.organs).on(canvas.axes)
    before = p < -(front + rng.uniform(*ORGANS.before) + ORGANS.unevenness * coarse)
    tissue[before & (blobs > ORGANS.dull)] = Tissue.ORGAN
    tissue[before & (blobs > ORGANS.bright)] = Tissue.ORGAN_BRIGHT
    tissue[before & (blobs < ORGANS.gas)] = Tissue.GAS
    tissue[(p < -(front + NECK.before)) & ~before & neck] = Tissue.MUSCLE
    for offset in VESSELS.offsets:
        radius, gap = rng.uniform(*VESSELS.radius), rng.uniform(*VESSELS.gap)
        away = p + front + radius + gap
        shift = r - offset * size - rng.uniform(*VESSELS.shift)
        tissue[(shift**2 + away**2 < radius**2) & ~neck] = Tissue.VESSEL
    if rng.random() < NECK.airway_odds:
        half_p, half_r = NECK.airway
        airway = (r / half_r) ** 2 + ((p + front + NECK.airway_before) / half_p) ** 2 < 1
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
    radius, depth = (rng.uniform(*x) * plan.size for x in (PSOAS.half_width, PSOAS.half_depth))
    away = (side - body["width"] / 2 - radius * rng.uniform(*PSOAS.beside)) / radius
    level = (p + body["depth"] * rng.uniform(*PSOAS.before)) / depth
    where = (regions["L"] | regions["C"])[None, :, None]
    canvas.tissue[(away**2 + level**2 < 1) & where] = Tissue.PSOAS


def _skin(
    canvas: Canvas, plan: SpinePlan, rng: np.random.Generator, p: Array, coarse: Array
) -> None:
    """Subcutaneous fat, skin and the air behind the back."""
    tissue = canvas.tissue
    back = max(v.frame.origin[0] for v in plan.vertebrae) + rng.uniform(*SKIN.behind) * plan.size
    depth = (back - canvas.axes[0])[:, None, None] + SKIN.unevenness * coarse[:, :, :1]
    fat = np.broadcast_to(depth < rng.uniform(*SKIN.fat), tissue.shape)
    tissue[fat & (p > SKIN.fat_from)] = Tissue.FAT
    tissue[np.broadcast_to(depth < SKIN.thickness, tissue.shape)] = Tissue.SKIN
    tissue[np.broadcast_to(depth < 0, tissue.shape)] = Tissue.AIR


def _head(canvas: Canvas, plan: SpinePlan) -> None:
    """Skull base and brain above the atlas, where the window reaches that far."""
    axis = plan.vertebrae[0]
    base = -axis.height / 2 - HEAD.base * plan.size
    top = axis.frame.to_world((HEAD.base_behind, base, 0))
    if canvas.axes[1][0] > top[1]:
        return
    rows = canvas.axes[1] < top[1] + HEAD.overlap
    centre = axis.frame.to_world((HEAD.behind, base - HEAD.above, 0))
    p, i, r = _scaled(canvas.axes, centre, HEAD.radii)
    distance = p[:, None, None] ** 2 + i[None, rows, None] ** 2 + r[None, None, :] ** 2
    tissue = canvas.tissue[:, rows]
    tissue[distance < 1.0] = Tissue.OTHER_BONE
    tissue[distance < HEAD.brain] = Tissue.BRAIN
    canvas.tissue[:, rows] = tissue


def _scaled(axes: Sequence[Array], centre: Array, radii: Sequence[float]) -> list[Array]:
    """Coordinates of the grid relative to a centre, in units of the radii."""
    return [
        (axis - c).astype(np.float32) / radius
        for axis, c, radius in zip(axes, centre, radii, strict=True)
    ]
