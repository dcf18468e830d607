"""Rasterise a spine plan into label arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from .canal import canal_course
from .canal_contents import draw_canal
from .discs import draw_disc
from .geometry import Array, Axes, Canvas, Point, SmoothField
from .plan import LABEL_OF, Anomalies, SpinePlan, Stream, Vertebra, draw_plan
from .sacrum import draw_sacrum
from .soft_tissue import draw_soft_tissue
from .tissues import BONE, POSTERIOR_ELEMENTS, SHELL, label_table
from .upper_cervical import draw_atlas, draw_axis
from .vertebra import draw_vertebra

DEFAULT_SPACING: Final = (1.5, 1.5, 2.0)
"""Voxel size in P, I, R (mm)."""
BROAD_CELL_MM: Final = (10.0, 10.0, 10.0)
BROAD_MM: Final = (0.4, 1.0)
FINE_CELL_MM: Final = (4.5, 4.5, 4.5)
FINE_MM: Final = (0.1, 0.35)
"""Wobble of all surfaces: lattice and standard deviation of its broad dents and of the finer
roughness. Ours."""
ANTERIOR_MM: Final = (45, 70)
POSTERIOR_MM: Final = (85, 105)
BELOW_SACRUM_MM: Final = (45, 95)
"""Room around a spine where the window does not say."""
ABOVE: Final = 0.9
"""Room above and below the centre of the last vertebra in view, as a share of its height."""
HEAD_MM: Final = 34.0
"""Room above the body of C2 in a window with the head; grows with the person."""


@dataclass(frozen=True)
class FieldOfView:
    """Window on a spine. Lengths are mm; None leaves a value to the seed."""

    top: str | None = None
    """Uppermost vertebra that is wholly in view; None is C1 with some of the head."""
    bottom: str | None = None
    """Lowest vertebra wholly in view, or "sacrum"; None is the sacrum."""
    width: float = 100.0
    """Extent in R."""
    offset: float = 0.0
    """Shift of the window's middle to the right of the spine."""
    anterior: float | None = None
    """Room before the bodies' centres (by default `ANTERIOR_MM`)."""
    posterior: float | None = None
    """Room behind the bodies' centres (by default `POSTERIOR_MM`)."""
    above: float | None = None
    """Room above the centre of the top vertebra (by default `ABOVE` of its height)."""
    below: float | None = None
    """Room below the centre of the bottom vertebra (by default `ABOVE` of its height), or below
    the promontory (`BELOW_SACRUM_MM`)."""


@dataclass(frozen=True)
class Phantom:
    """A synthetic labelled spine. Arrays are uint8 in (P, I, R)."""

    plan: SpinePlan
    tissue: Array
    """Tissue codes (`tissues.Tissue`), bone shells flagged with `tissues.SHELL`."""
    spine: Array
    """Semantic labels of SPINEPS."""
    vert: Array
    """Vertebrae 1 to 28 by name, discs 100 + v, end plates 200 + v, sacrum 26."""
    spacing: Point
    origin: Point
    """World coordinates (P, I, R; mm) of the first voxel's centre."""

    @property
    def affine(self) -> Array:
        """Voxel-to-world matrix (RAS+, mm); its axis codes are P, I, R."""
        matrix = np.zeros((4, 4))
        matrix[1, 0], matrix[2, 1], matrix[0, 2] = (
            -self.spacing[0],
            -self.spacing[1],
            self.spacing[2],
        )
        matrix[:3, 3] = (self.origin[2], -self.origin[0], -self.origin[1])
        matrix[3, 3] = 1
        return matrix

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """Names of the vertebrae that have voxels in view, cranial to caudal."""
        present = set(np.unique(self.vert).tolist())
        return tuple(name for name in self.plan.levels if LABEL_OF[name] in present)

    @cached_property
    def centres(self) -> dict[str, Point]:
        """Voxel coordinates (P, I, R) of the body centres, inside the window or not."""
        centres = {}
        for vertebra in self.plan.vertebrae:
            p, i, r = (vertebra.frame.origin - np.asarray(self.origin)) / self.spacing
            centres[vertebra.name] = (float(p), float(i), float(r))
        return centres


def generate(
    seed: int,
    *,
    spacing: Point = DEFAULT_SPACING,
    fov: FieldOfView | None = None,
    anomalies: Anomalies | None = None,
    corpus_interior: bool = False,
    dens: bool = False,
) -> Phantom:
    """Make a labelled spine.

    Parameters
    ----------
    seed
        Non-negative integer; equal arguments give equal arrays.
    spacing
        Voxel size in P, I, R (mm).
    fov
        Window on the spine; by default all of it, C1 to the sacrum.
    anomalies
        Forced variants (numbers of vertebrae, scoliosis, fractures, degeneration).
    corpus_interior, dens
        Give the interior of the bodies (50) and the dens (51) their own labels.

    Returns
    -------
    Phantom

    Raises
    ------
    ValueError
        For a level that the spine does not have, or an empty window.
    """
    plan = draw_plan(seed, anomalies)
    fov = fov or FieldOfView()
    low, high = _window(plan, fov)
    p, i, r = (_axis(a, b, step) for a, b, step in zip(low, high, spacing, strict=True))
    if min(len(p), len(i), len(r)) < 2:
        raise ValueError(f"the window from {low} to {high} mm holds no voxels")
    canvas = Canvas((p, i, r), spacing, _wobble(plan, (p, i, r)))
    origin = float(p[0]), float(i[0]), float(r[0])
    course = canal_course(plan, canvas.axes[1])
    p = canvas.axes[0][:, None, None] - course.p[None, :, None] + canvas.wobble[0]
    r = canvas.axes[2][None, None, :] - course.r[None, :, None] + canvas.wobble[2]
    draw_soft_tissue(canvas, plan, course, p, r)
    draw_axis(canvas, plan)
    draw_atlas(canvas, plan)
    for index in range(1, len(plan.vertebrae)):
        draw_vertebra(canvas, plan, index)
    for index in range(len(plan.vertebrae)):
        draw_disc(canvas, plan, index)
    draw_sacrum(canvas, plan)
    draw_canal(canvas, plan, course, p, r)
    _flag_shells(canvas)
    table = label_table(corpus_interior=corpus_interior, dens=dens)
    return Phantom(
        plan=plan,
        tissue=canvas.tissue,
        spine=table[canvas.tissue],
        vert=canvas.vert,
        spacing=spacing,
        origin=origin,
    )


def _axis(low: float, high: float, step: float) -> Array:
    """Voxel centres at multiples of the step, so that all windows lie on one grid."""
    return (np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step).astype(np.float32)


def _wobble(plan: SpinePlan, axes: Axes) -> Axes:
    """Displacement (mm) of all surfaces along each axis: broad dents and a finer roughness."""
    rng = plan.rng(Stream.WOBBLE)

    def displacement() -> Array:
        broad = SmoothField(rng, BROAD_CELL_MM).on(axes) * np.float32(rng.uniform(*BROAD_MM))
        fine = SmoothField(rng, FINE_CELL_MM).on(axes) * np.float32(rng.uniform(*FINE_MM))
        return np.asarray(broad + fine)

    return displacement(), displacement(), displacement()


def _window(plan: SpinePlan, fov: FieldOfView) -> tuple[Array, Array]:
    """World corners (mm) of the window."""
    rng = plan.rng(Stream.WINDOW)
    margins = (ANTERIOR_MM, POSTERIOR_MM, BELOW_SACRUM_MM)
    anterior, posterior, below_sacrum = (rng.uniform(*margin) for margin in margins)
    in_view = _vertebrae_in_view(plan, fov)
    first, last = in_view[0], in_view[-1]
    above = _room_above(first, plan, fov) if fov.above is None else fov.above
    below = fov.below
    if fov.bottom in (None, "sacrum"):
        below = (below_sacrum if below is None else below) + last.height / 2 + last.disc_height
    elif below is None:
        below = last.height * ABOVE
    points = np.array([v.frame.origin for v in in_view])
    middle = points[:, 2].mean() + fov.offset
    anterior = anterior if fov.anterior is None else fov.anterior
    posterior = posterior if fov.posterior is None else fov.posterior
    low = (points[:, 0].min() - anterior, first.frame.origin[1] - above, middle - fov.width / 2)
    high = (points[:, 0].max() + posterior, last.frame.origin[1] + below, middle + fov.width / 2)
    return np.array(low), np.array(high)


def _vertebrae_in_view(plan: SpinePlan, fov: FieldOfView) -> Sequence[Vertebra]:
    """Bodies whose centres the window holds, from C2 on (C1 has none)."""
    names = plan.levels
    for name in (fov.top, fov.bottom):
        if name not in (None, "sacrum", *names):
            raise ValueError(f"this spine has no {name}; it has {', '.join(names)}")
    top = 0 if fov.top in (None, "C1") else names.index(fov.top or "") - 1
    bottom = len(plan.vertebrae)
    if fov.bottom not in (None, "sacrum"):
        bottom = max(names.index(fov.bottom or ""), 1)
    if bottom <= top:
        raise ValueError(f"{fov.bottom} lies above {fov.top}")
    return plan.vertebrae[top:bottom]


def _room_above(first: Vertebra, plan: SpinePlan, fov: FieldOfView) -> float:
    """Room above the centre of the top body where the window does not say: mm."""
    with_head = fov.top in (None, "C1")
    return first.height / 2 + HEAD_MM * plan.size if with_head else first.height * ABOVE


def _flag_shells(canvas: Canvas) -> None:
    """Flag the surface voxels of the posterior elements and other bones as cortical."""
    bare = canvas.tissue & (SHELL - 1)
    solid = np.isin(bare, (*POSTERIOR_ELEMENTS, *(b for b in BONE if b < POSTERIOR_ELEMENTS[0])))
    inner = solid.copy()
    for axis in range(3):
        for step in (1, -1):
            inner &= np.roll(solid, step, axis)
    canvas.tissue[solid & ~inner] |= SHELL
