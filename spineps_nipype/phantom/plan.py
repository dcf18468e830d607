"""The plan of one phantom: which vertebrae there are, how large, where and how deformed.

The plan is drawn once from the seed and knows nothing of grids or windows; what is then rasterised
is a view of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..core import anatomy
from .geometry import Frame, make_frame
from .measures import MEAN

Array = np.ndarray

THORACIC_COUNTS: Final = (11, 12, 13)
THORACIC_ODDS: Final = (0.06, 0.88, 0.06)
LUMBAR_COUNTS: Final = (4, 5, 6)
LUMBAR_ODDS: Final = (0.08, 0.84, 0.08)
DEGENERATED_ODDS: Final = 0.12
"""Share of discs that have lost height and fluid (three times as often in the lumbar spine)."""
FRACTURE_ODDS: Final = 0.25
"""Share of spines with one or two compressed bodies."""
TAIL_MM: Final = 190.0
"""Length of the centre line below the last lumbar vertebra."""
LABEL_OF: Final = {name: label for label, name in anatomy.VERTEBRA_NAMES.items()}


@dataclass(frozen=True)
class Anomalies:
    """What to force in a phantom; None leaves it to the seed."""

    thoracic: int | None = None
    """Number of thoracic vertebrae: 11, 12 or 13."""
    lumbar: int | None = None
    """Number of lumbar vertebrae: 4, 5 or 6."""
    scoliosis_deg: float | None = None
    """Greatest tilt of the centre line in the frontal plane, degrees."""
    fractures: int | None = None
    """Number of compressed bodies."""
    degenerated: float | None = None
    """Share of degenerated lumbar discs, 0 to 1."""


@dataclass(frozen=True)
class Vertebra:
    """One vertebra of the plan; lengths in mm."""

    name: str
    label: int
    frame: Frame
    height: float
    depth: float
    width: float
    wedge: float
    """Relative loss of height at the front edge (gain at the back)."""
    canal_depth: float
    canal_width: float
    disc_height: float
    degeneration: float
    """Of the disc below: 0 healthy to 1 black and narrow."""
    fractured: bool

    @property
    def region(self) -> Literal["C", "T", "L"]:
        """First letter of the name."""
        return self.name[0]  # type: ignore[return-value]

    @property
    def number(self) -> int:
        """Number within the region."""
        return int(self.name[1:])

    @property
    def canal_centre(self) -> float:
        """Distance of the canal's centre behind the body's centre."""
        return self.depth / 2 + self.canal_depth / 2 + 0.5


@dataclass(frozen=True)
class SpinePlan:
    """A whole spine, C2 (which carries C1) to the last lumbar vertebra, and the sacrum's curve."""

    seed: int
    size: float
    """Scale of the person."""
    vertebrae: tuple[Vertebra, ...]
    arc: Array
    """Arc length (mm) of the sampled centre line."""
    points: Array
    """Centre line, world coordinates (n, 3)."""
    tangents: Array
    sacrum_start: float
    """Arc length at which the sacrum begins."""
    waist: float
    concavity: float
    """Depth of the end plates' hollow, mm."""
    roundness: float
    """Exponent of the bodies' outline."""
    conus: float
    """World I coordinate of the cord's end."""

    @property
    def levels(self) -> tuple[str, ...]:
        """Names from C1 down to the last lumbar vertebra."""
        return ("C1", *(v.name for v in self.vertebrae))

    def rng(self, *stream: int) -> np.random.Generator:
        """Generator for one part of the phantom, independent of all other parts."""
        return np.random.default_rng((self.seed, *stream))

    def on_line(self, arc: float) -> tuple[Array, Array]:
        """Point and unit tangent of the centre line."""
        point = np.array([np.interp(arc, self.arc, self.points[:, k]) for k in range(3)])
        tangent = np.array([np.interp(arc, self.arc, self.tangents[:, k]) for k in range(3)])
        return point, tangent / np.linalg.norm(tangent)


def draw_levels(rng: np.random.Generator, anomalies: Anomalies) -> list[str]:
    """Names of the vertebrae from C2 down."""
    thoracic = int(rng.choice(THORACIC_COUNTS, p=THORACIC_ODDS))
    lumbar = int(rng.choice(LUMBAR_COUNTS, p=LUMBAR_ODDS))
    thoracic = thoracic if anomalies.thoracic is None else anomalies.thoracic
    lumbar = lumbar if anomalies.lumbar is None else anomalies.lumbar
    if thoracic not in THORACIC_COUNTS or lumbar not in LUMBAR_COUNTS:
        raise ValueError(
            f"a phantom has 11 to 13 thoracic and 4 to 6 lumbar vertebrae, not {thoracic}/{lumbar}"
        )
    names = [f"C{k}" for k in range(2, 8)]
    names += [f"T{k}" for k in range(1, thoracic + 1)]
    return names + [f"L{k}" for k in range(1, lumbar + 1)]


def draw_plan(seed: int, anomalies: Anomalies | None = None) -> SpinePlan:
    """Draw a spine.

    Parameters
    ----------
    seed
        Non-negative; the plan is a function of it and of ``anomalies`` alone.
    anomalies
        What to force; by default all is drawn with the odds at the top of this module.

    Returns
    -------
    SpinePlan
        World coordinates are mm, (P, I, R), with C2's centre at I = 0.
    """
    anomalies = anomalies or Anomalies()
    rng = np.random.default_rng((seed, 0))
    names = draw_levels(rng, anomalies)
    size = float(rng.uniform(0.85, 1.2))
    sizes = _draw_sizes(rng, names, size, anomalies)
    height, disc = sizes["height"], sizes["disc"]
    arc_of = np.concatenate([[0], np.cumsum(height[:-1] / 2 + disc[:-1] + height[1:] / 2)])
    sacrum_start = float(arc_of[-1] + height[-1] / 2 + disc[-1])
    arc = np.arange(-70.0, sacrum_start + TAIL_MM, 1.0)
    points, tangents, side = _draw_curve(rng, names, arc, arc_of, sacrum_start, anomalies)
    axial = np.interp(arc_of, arc, side) * rng.uniform(-0.6, 0.6)
    axial = axial + np.deg2rad(rng.normal(0, 1.5, len(names)))
    vertebrae = []
    for k, name in enumerate(names):
        centre = np.array([np.interp(arc_of[k], arc, points[:, j]) for j in range(3)])
        tangent = np.array([np.interp(arc_of[k], arc, tangents[:, j]) for j in range(3)])
        values = {key: float(value[k]) for key, value in sizes.items() if key != "fractured"}
        vertebrae.append(
            Vertebra(
                name,
                LABEL_OF[name],
                make_frame(centre, tangent, float(axial[k])),
                values["height"],
                values["depth"],
                values["width"],
                values["wedge"],
                values["canal_depth"],
                values["canal_width"],
                values["disc"],
                values["degeneration"],
                bool(sizes["fractured"][k]),
            )
        )
    last_thoracic = max(k for k, name in enumerate(names) if name[0] == "T")
    position = last_thoracic + 1 + rng.uniform(-1.0, 0.9)
    conus = np.interp(position, np.arange(len(names)), [v.frame.origin[1] for v in vertebrae])
    return SpinePlan(
        seed=seed,
        size=size,
        vertebrae=tuple(vertebrae),
        arc=arc,
        points=points,
        tangents=tangents,
        sacrum_start=sacrum_start,
        waist=float(rng.uniform(0.02, 0.09)),
        concavity=float(rng.uniform(0.5, 2.2)),
        roundness=float(rng.uniform(2.1, 2.8)),
        conus=float(conus),
    )


def _draw_sizes(
    rng: np.random.Generator, names: list[str], size: float, anomalies: Anomalies
) -> dict[str, Array]:
    """Sizes of all vertebrae, one array an attribute."""
    n = len(names)
    mean = np.array([MEAN[name] for name in names])
    aspect, disc_scale = rng.uniform(0.96, 1.1), rng.uniform(0.75, 1.2)
    height = mean[:, 0] * size * rng.uniform(0.95, 1.05, n) * rng.uniform(0.95, 1.05)
    depth = mean[:, 1] * size * aspect * 1.03 * rng.uniform(0.97, 1.03, n)
    width = mean[:, 2] * size / aspect * rng.uniform(0.97, 1.03, n)
    disc = mean[:, 3] * size * disc_scale * rng.uniform(0.82, 1.18, n)
    lumbar = np.array([name[0] == "L" for name in names])
    odds = np.where(lumbar, 3 * DEGENERATED_ODDS, DEGENERATED_ODDS)
    if anomalies.degenerated is not None:
        odds = np.where(lumbar, anomalies.degenerated, odds)
    severity = rng.uniform(0.35, 1.0, n)
    degeneration = np.where(rng.random(n) < odds, severity, rng.uniform(0, 0.2, n))
    disc = disc * (1 - 0.55 * degeneration)
    wedge = rng.normal(0, 0.025, n) + np.array([_mean_wedge(name) for name in names])
    fractured = np.zeros(n, bool)
    count = anomalies.fractures
    if count is None:
        count = int(rng.integers(1, 3)) if rng.random() < FRACTURE_ODDS else 0
    for k in rng.permutation(np.arange(9, n))[:count]:
        fractured[k] = True
        height[k] *= rng.uniform(0.62, 0.85)
        wedge[k] += rng.uniform(0.0, 0.22)
    soft = np.ones(5) / 5
    canal_depth = mean[:, 4] * size**0.5 * rng.uniform(0.85, 1.12) * rng.uniform(0.95, 1.05, n)
    canal_width = mean[:, 5] * size**0.5 * rng.uniform(0.92, 1.1)
    return {
        "height": height,
        "depth": depth,
        "width": width,
        "wedge": wedge,
        "canal_depth": np.convolve(np.pad(canal_depth, 2, "edge"), soft, "valid"),
        "canal_width": np.convolve(np.pad(canal_width, 2, "edge"), soft, "valid"),
        "disc": disc,
        "degeneration": degeneration,
        "fractured": fractured,
    }


def _mean_wedge(name: str) -> float:
    """Usual wedge of a body: thoracic ones are lower in front, L5 is lower behind."""
    if name in ("L5", "L6"):
        return -0.08
    return {"C": 0.0, "T": 0.03, "L": -0.01}[name[0]]


def _draw_curve(
    rng: np.random.Generator,
    names: list[str],
    arc: Array,
    arc_of: Array,
    sacrum_start: float,
    anomalies: Anomalies,
) -> tuple[Array, Array, Array]:
    """Centre line, tangents and frontal tilt (radians) at the sampled arc lengths."""
    cervical, thoracic, lumbar = rng.uniform((0.4, 0.6, 0.5), (1.5, 1.4, 1.4))
    n_t = sum(name[0] == "T" for name in names)
    first_t, last = 6, len(names) - 1
    keys = {
        arc_of[0]: -9 * cervical,
        arc_of[2]: -3 * cervical,
        arc_of[first_t]: 18 * thoracic,
        arc_of[first_t + n_t // 2]: 1.0,
        arc_of[first_t + n_t - 1]: -13 * thoracic,
        arc_of[first_t + n_t + 1]: -13 * lumbar,
        arc_of[last - 1]: 9 * lumbar,
        arc_of[last]: 23 * lumbar,
        sacrum_start + 15: 46 * lumbar,
    }
    where = np.array(list(keys))
    angle = np.array(list(keys.values())) + rng.normal(0, 2, len(keys)) + rng.uniform(-6, 6)
    sagittal = np.deg2rad(PchipInterpolator(where, angle)(np.clip(arc, where[0], where[-1])))
    below = arc > where[-1]
    curl = np.deg2rad(rng.uniform(35, 60))
    sagittal[below] -= curl * ((arc[below] - where[-1]) / 100) ** 1.3
    amount = abs(rng.normal(0, 4)) if rng.random() < 0.8 else rng.uniform(6, 16)
    if anomalies.scoliosis_deg is not None:
        amount = anomalies.scoliosis_deg
    length, phase = arc_of[-1], rng.uniform(0, 1, 2)
    wave = np.sin(2 * np.pi * (arc / (length * rng.uniform(0.7, 1.3)) + phase[0]))
    wave = wave + 0.35 * np.sin(2 * np.pi * (arc / (length * 0.45) + phase[1]))
    side = np.deg2rad(amount * wave / np.abs(wave).max())
    tangents = np.stack(
        [np.sin(sagittal) * np.cos(side), np.cos(sagittal) * np.cos(side), np.sin(side)], 1
    )
    points = np.concatenate(
        [np.zeros((1, 3)), np.cumsum(tangents[:-1] * np.diff(arc)[:, None], 0)]
    )
    points -= np.array([np.interp(0.0, arc, points[:, k]) for k in range(3)])
    return points, tangents, side
