"""Where the patches of the 3-D networks lie: windows on phantoms, turned and scaled grids.

Patches are (P, I, R) on the grid of the model until the end, see `common.patch_images`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from spineps_nipype.phantom import FieldOfView, Phantom, draw_plan, generate

FINEST: Final = (1.0, 1.0, 1.0)
"""Finest grid of the models, mm in P, I, R."""
LUMBAR_SHARE: Final = 0.65
"""Share of phantoms that show the lumbar spine, as most scans do."""
NEAR_A_PHANTOM_SPINE: Final = 0.6
NEAR_A_REAL_SPINE: Final = 0.5
"""Shares of patches around the spine; the others lie anywhere, also in the fat of the back."""

Array = np.ndarray


def draw_phantom(
    seed: int, rng: np.random.Generator, spacing: tuple[float, float, float] = FINEST
) -> Phantom:
    """A window on a phantom: mostly lumbar, from thin slabs to wide volumes.

    Bone that is drawn in thick slices is nearly all cortex, hence the fine grid.
    """
    names = draw_plan(seed).levels
    count = len(names)
    if rng.random() < LUMBAR_SHARE:
        top, bottom = int(rng.integers(count - 9, count - 4)), "sacrum"
    else:
        top = int(rng.integers(0, count - 6))
        low = min(top + int(rng.integers(4, 9)), count - 1)
        bottom = "sacrum" if low == count - 1 else names[low]
    fov = FieldOfView(
        top=names[top],
        bottom=bottom,
        width=float(rng.choice([rng.uniform(14, 30), rng.uniform(30, 80)])),
        offset=float(rng.normal(0, 5)),
    )
    return generate(seed, spacing=spacing, fov=fov)


def patch_centre(
    labels: Array, patch: tuple[int, int, int], rng: np.random.Generator, near: float
) -> list[float]:
    """Centre of a patch in voxels of `labels`.

    Parameters
    ----------
    near
        Probability that it lies around a label, each label being equally likely.
    """
    if rng.random() < near:
        coarse = labels[::4, ::4]  # much faster to search, and every label is larger than that
        voxels = np.argwhere(coarse == rng.choice(np.unique(coarse[coarse > 0])))
        p, i, r = voxels[int(rng.integers(len(voxels)))] * (4, 4, 1)
        return [
            p + rng.uniform(-0.3, 0.3) * patch[0],
            i + rng.uniform(-0.3, 0.3) * patch[1],
            r + rng.uniform(-3, 3),
        ]
    return [float(rng.uniform(0, n - 1)) for n in labels.shape]


def patch_grid(
    patch: tuple[int, int, int], centre: Sequence[float], rng: np.random.Generator, widest: float
) -> list[Array]:
    """Voxel coordinates (P, I, R) of a turned, scaled and sheared patch on the finest grid.

    Parameters
    ----------
    widest
        Largest factor by which slices are moved together or apart.
    """
    p, i, r = np.meshgrid(
        *[np.arange(n, dtype=np.float32) - (n - 1) / 2 for n in patch], indexing="ij"
    )
    angle = np.deg2rad(rng.normal(0, 8))
    scale, aspect = np.exp(rng.normal(0, 0.12)), np.exp(rng.normal(0, 0.05))
    across = np.exp(rng.uniform(-np.log(widest), np.log(widest)))
    tilt = rng.normal(0, 0.03)
    cos, sin = np.cos(angle), np.sin(angle)
    return [
        (cos * p - sin * i) * scale * aspect + centre[0],
        (sin * p + cos * i) * scale / aspect + centre[1],
        r * across + tilt * i + centre[2],
    ]


def with_slice_distance(
    grid: Sequence[Array], centre: Sequence[float], distance: float
) -> list[Array]:
    """A patch of the finest grid with slices `distance` mm apart."""
    p, i, r = grid
    return [p, i, centre[2] + (r - centre[2]) * distance / FINEST[2]]
