"""Phantoms as sagittal slices with bodies, discs and names, for the nets of spine-segmentation."""

from __future__ import annotations

from typing import Final

import numpy as np

from spineps_nipype.core import anatomy
from spineps_nipype.phantom import Anomalies, FieldOfView, Phantom, draw_plan, generate, render
from spineps_nipype.phantom.discs import sacral_frame
from spineps_nipype.phantom.geometry import make_frame
from spineps_nipype.phantom.measures import SACRAL_DEPTHS, SACRAL_HEIGHTS, SACRAL_WIDTHS
from spineps_nipype.phantom.plan import LABEL_OF, SpinePlan
from spineps_nipype.spine_segmentation.names import CLASS_NAMES, DISC, VERTEBRA
from training.spine_segmentation.sliced_scan import IGNORED, Array, SlicedScan, sagittal

CLASS_OF: Final = {name: i + 1 for i, name in enumerate(CLASS_NAMES)}
SACRAL_TURN: Final = 0.05
"""Angle (radians) between the upper endplate of S1 and the middle of its body."""
FIRST_NAMED: Final = 1
"""Index of C2 in a plan's levels; C1 has no body."""


def targets(phantom: Phantom) -> tuple[Array, Array]:
    """Semantic target and class of every voxel, (P, I, R)."""
    body = np.isin(phantom.spine, (anatomy.CORPUS_BORDER, anatomy.CORPUS))
    s1 = sacral_body(phantom)
    semantic = np.where(body | s1, VERTEBRA, 0).astype(np.uint8)
    semantic[phantom.spine == anatomy.DISC] = DISC
    table = np.zeros(256, np.uint8)
    for name, label in LABEL_OF.items():
        table[label] = CLASS_OF.get(name, IGNORED)
    classes = np.where(body, table[phantom.vert], 0).astype(np.uint8)
    classes[s1] = CLASS_OF["S1"]
    return semantic, classes


def sacral_body(phantom: Phantom) -> Array:
    """Mask of the body of S1, without wings and roof; bool (P, I, R)."""
    plan = phantom.plan
    top, last = sacral_frame(plan), plan.vertebrae[-1]
    height = SACRAL_HEIGHTS[0] * plan.size
    angle = np.arctan2(top.inferior[0], top.inferior[1]) + SACRAL_TURN
    tangent = np.array([np.sin(angle), np.cos(angle), top.inferior[2]])
    frame = make_frame(top.origin + tangent / np.linalg.norm(tangent) * height / 2, tangent)
    axes = [
        (start + np.arange(n) * step).astype(np.float32)
        for start, n, step in zip(
            phantom.origin, phantom.tissue.shape, phantom.spacing, strict=True
        )
    ]
    offset = np.stack(np.meshgrid(*axes, indexing="ij"), -1) - frame.origin.astype(np.float32)
    # a box in the frame of the body; what of it is sacrum is the body
    inside = np.ones(phantom.tissue.shape, bool)
    sizes = (SACRAL_DEPTHS[0] * last.depth, height, SACRAL_WIDTHS[0] * last.width)
    for axis, size in zip((frame.posterior, frame.inferior, frame.right), sizes, strict=True):
        inside &= np.abs(offset @ axis.astype(np.float32)) < size / 2
    return np.asarray(inside & (phantom.spine == anatomy.SACRUM))


def draw_window(seed: int, count: int, rng: np.random.Generator) -> tuple[str, str]:
    """Uppermost and lowest vertebra of a window with `count` named vertebrae, S1 being one.

    All places on the spine are equally likely.
    """
    names = (*draw_plan(seed).levels[FIRST_NAMED:], "sacrum")
    top = int(rng.integers(0, len(names) - count + 1)) if count < len(names) else 0
    return names[top], names[min(top + count, len(names)) - 1]


def names_in_window(plan: SpinePlan, top: str, bottom: str) -> list[str]:
    """Names of the vertebrae that lie wholly in a window, S1 for the sacrum."""
    names = [*plan.levels, "S1"]
    return names[names.index(top) : names.index("S1" if bottom == "sacrum" else bottom) + 1]


def phantom_scan(
    seed: int,
    limits: tuple[str, str],
    rng: np.random.Generator,
    *,
    spacing: tuple[float, float, float],
    width: float,
    contrast: str = "T2w",
    fractures: int | None = None,
) -> tuple[Phantom, SlicedScan]:
    """A window on a phantom as a sagittal scan.

    Parameters
    ----------
    limits
        From `draw_window`.
    spacing
        P, I, R in mm.
    width
        Extent across the slices in mm.
    fractures
        Number of compressed bodies; None leaves it to the seed.
    """
    fov = FieldOfView(top=limits[0], bottom=limits[1], width=width, offset=float(rng.normal(0, 3)))
    phantom = generate(seed, spacing=spacing, fov=fov, anomalies=Anomalies(fractures=fractures))
    image = render(phantom, contrast=contrast, seed=int(rng.integers(2**31)))
    semantic, classes = targets(phantom)
    return phantom, SlicedScan(sagittal(image), sagittal(semantic), sagittal(classes))
