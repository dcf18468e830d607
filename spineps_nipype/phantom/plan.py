"""The plan of one phantom: which vertebrae there are, how large, where and how deformed.

The plan is drawn once from the seed and knows nothing of grids or windows; what is then rasterised
is a view of it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Final, Literal

import numpy as np

from ..core import anatomy
from .centre_line import draw_centre_line
from .geometry import Array, Frame, make_frame
from .vertebra_sizes import draw_sizes

THORACIC_COUNTS: Final = (11, 12, 13)
THORACIC_ODDS: Final = (0.06, 0.88, 0.06)
LUMBAR_COUNTS: Final = (4, 5, 6)
LUMBAR_ODDS: Final = (0.08, 0.84, 0.08)
"""Numbers of vertebrae: 5.8 % of 293 people had 11 thoracic and 5.5 % 6 lumbar ones (J Orthop Surg
Res 13:124, 2018), 7.7 % of 418 a vertebra more or less than 24 (Tins et al., Insights Imaging 7,
2016). The rarer T13 and L4 are as frequent here, so that there is something to learn them from."""
SIZE: Final = (0.85, 1.2)
"""Scale of a person."""
HEAD_MM: Final = 70.0
"""Length of the centre line above the centre of C2."""
TAIL_MM: Final = 190.0
"""Length of the centre line below the last lumbar vertebra."""
STEP_MM: Final = 1.0
"""Distance of the samples of the centre line."""
AXIAL_COUPLING: Final = (-0.6, 0.6)
"""Axial rotation of the vertebrae relative to their frontal tilt: one factor a spine."""
AXIAL_SD_DEG: Final = 1.5
"""Spread of the axial rotation of each vertebra."""
WAIST: Final = (0.02, 0.09)
"""By how much bodies are less deep in the middle than at their ends, relative."""
SIDE_WAIST: Final = {"C": (0.02, 0.09), "T": (0.04, 0.13), "L": (0.08, 0.2)}
"""The same of their width, by region. In two people of VerSe (CC BY-SA 4.0; measured only) L1 to
L5 are 0.83 to 0.87 times as wide in the middle as at their ends, T11 and T12 0.90."""
CONCAVITY_MM: Final = (0.5, 2.2)
"""Depth of the end plates' hollow: 1.5 mm above and 0.7 mm below a lumbar disc in the mean (Wang,
Battié and Videman, Eur Spine J 21, 2012)."""
ROUNDNESS: Final = (2.1, 2.8)
"""Exponent of the bodies' outline: 2 is an ellipse, more is squarer."""
CONUS: Final = (-1.0, 0.9)
"""End of the cord, in vertebrae from the centre of the first lumbar one: the last thoracic to the
second lumbar one. Saifuddin et al. (Spine 23, 1998) found the middle of T12 to the top of L3."""
LABEL_OF: Final = {name: label for label, name in anatomy.VERTEBRA_NAMES.items()}


class Stream(IntEnum):
    """Streams of random numbers, one a part, so that a change of one part leaves the others."""

    PLAN = 0
    VERTEBRA = 1
    DISC = 2
    SACRUM = 3
    CANAL = 4
    SOFT_TISSUE = 5
    WOBBLE = 6
    WINDOW = 7
    ROOTS = 9


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
    side_waist: float
    """Place of this spine in the ranges of `SIDE_WAIST`: 0 the least, 1 the most."""
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

    def side_waist_of(self, vertebra: Vertebra) -> float:
        """By how much a body is narrower in the middle than at its ends, relative."""
        least, most = SIDE_WAIST[vertebra.region]
        return least + self.side_waist * (most - least)

    def rng(self, *stream: int) -> np.random.Generator:
        """Generator for one part of the phantom, independent of all other parts: see `Stream`."""
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
    rng = np.random.default_rng((seed, Stream.PLAN))
    names = draw_levels(rng, anomalies)
    size = float(rng.uniform(*SIZE))
    sizes = draw_sizes(
        rng, names, size, fractures=anomalies.fractures, degenerated=anomalies.degenerated
    )
    height, disc = sizes.height, sizes.disc_height
    arc_of = np.concatenate([[0], np.cumsum(height[:-1] / 2 + disc[:-1] + height[1:] / 2)])
    sacrum_start = float(arc_of[-1] + height[-1] / 2 + disc[-1])
    arc = np.arange(-HEAD_MM, sacrum_start + TAIL_MM, STEP_MM)
    points, tangents, side = draw_centre_line(
        rng, names, arc, arc_of, sacrum_start, anomalies.scoliosis_deg
    )
    axial = np.interp(arc_of, arc, side) * rng.uniform(*AXIAL_COUPLING)
    axial = axial + np.deg2rad(rng.normal(0, AXIAL_SD_DEG, len(names)))
    vertebrae = []
    for k, name in enumerate(names):
        centre = np.array([np.interp(arc_of[k], arc, points[:, j]) for j in range(3)])
        tangent = np.array([np.interp(arc_of[k], arc, tangents[:, j]) for j in range(3)])
        vertebrae.append(
            Vertebra(
                name,
                LABEL_OF[name],
                make_frame(centre, tangent, float(axial[k])),
                **{part.name: getattr(sizes, part.name)[k].item() for part in fields(sizes)},
            )
        )
    position = names.index("L1") + rng.uniform(*CONUS)
    conus = np.interp(position, np.arange(len(names)), [v.frame.origin[1] for v in vertebrae])
    return SpinePlan(
        seed=seed,
        size=size,
        vertebrae=tuple(vertebrae),
        arc=arc,
        points=points,
        tangents=tangents,
        sacrum_start=sacrum_start,
        waist=float(rng.uniform(*WAIST)),
        concavity=float(rng.uniform(*CONCAVITY_MM)),
        roundness=float(rng.uniform(*ROUNDNESS)),
        conus=float(conus),
        side_waist=float(rng.uniform()),
    )
