"""Posterior elements of the vertebrae as tables: capsules, with where they start and end.

A row is one capsule. Its ends are points (p, i, r) of the vertebra's own frame, whose origin is
the centre of the body: posterior, inferior, and towards the side that is drawn (left and right are
mirror images). Its radii are half axes along p, i, r. See `lengths` for how a length is written:
plain numbers are mm, ``SIZE`` is a mm that grows with the person.

Where the canal, the body, the pedicle and the spinous process lie comes from `measures`, which
names its sources; the articular processes are as large as the facets of Panjabi et al. (Spine 18,
1993: 9.6 to 16.3 mm wide, 10.2 to 18.4 mm high from C3 to L5). How the capsules are placed and
joined is ours, fitted by eye to scans and to masks of SPINEPS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .lengths import (
    BACK,
    CANAL,
    DEPTH,
    HEIGHT,
    NEXT,
    PEDICLE,
    SIDE,
    SIZE,
    WIDTH,
    Length,
    measure,
)
from .measures import MEAN
from .tissues import SHELL, Tissue

Place = tuple[Length | float, Length | float, Length | float]
"""Coordinates or half axes (p, i, r), mm."""
Pair = tuple[int, int]
"""Tissues of a part on the left and on the right."""

COSTAL: Final[Pair] = (Tissue.COSTAL_LEFT, Tissue.COSTAL_RIGHT)
SUPERIOR: Final[Pair] = (Tissue.SUPERIOR_LEFT, Tissue.SUPERIOR_RIGHT)
INFERIOR: Final[Pair] = (Tissue.INFERIOR_LEFT, Tissue.INFERIOR_RIGHT)
ARCUS: Final[Pair] = (Tissue.ARCUS, Tissue.ARCUS)
SPINOUS: Final[Pair] = (Tissue.SPINOUS, Tissue.SPINOUS)
RIB: Final[Pair] = (Tissue.OTHER_BONE, Tissue.OTHER_BONE)
UNCINATE: Final[Pair] = (Tissue.CORPUS_BORDER | SHELL, Tissue.CORPUS_BORDER | SHELL)
DENS_SHELL: Final[Pair] = (Tissue.DENS | SHELL, Tissue.DENS | SHELL)
DENS_CORE: Final[Pair] = (Tissue.DENS, Tissue.DENS)


@dataclass(frozen=True)
class BonePart:
    """One capsule of a vertebra."""

    name: str
    tissue: Pair
    start: Place
    end: Place
    radii: Place


@dataclass(frozen=True)
class Draw:
    """A measure that is drawn anew, and evenly, for every vertebra."""

    name: str
    low: float
    high: float
    """Limits: mm, or with `mean` relative to it."""
    mean: Mapping[str, float] | None = None
    """Mean by level, mm in a person of mean size."""
    share: Mapping[str, float] = field(default_factory=dict)
    """How much of it the named levels have; all others have the whole."""
    grows: bool = True
    """Whether it grows with the person."""


@dataclass(frozen=True)
class Shape:
    """How the vertebrae of a region are built, in the order in which it is painted."""

    draws: tuple[Draw, ...]
    sides: tuple[BonePart, ...]
    """Drawn on the left, then mirrored to the right."""
    middle: tuple[BonePart, ...]
    """Drawn once, over the sides: the spinous process."""
    spinous_draws: tuple[Draw, ...] = ()
    """Drawn after the ribs: ``spinous_length``, ``spinous_angle`` (radians, added to the mean of
    `measures`) and what else the spinous process needs."""
    covered: float = 0.0
    """Length of the spinous process that the lamina covers, mm."""
    given: Mapping[str, Mapping[str, Length | float]] = field(default_factory=dict)
    """Measures that differ between the levels, and are not drawn: measure, level, length."""
    ribs: tuple[BonePart, ...] = ()
    """Drawn before the sides, with no label."""


LOW_LUMBAR: Final = ("L5", "L6")
SHORT: Final = dict.fromkeys(LOW_LUMBAR, 0.75)
"""Transverse and spinous processes of the lowest lumbar vertebrae relative to those above: ours;
that L3 has the longest transverse process is in Rädel and Paton (World Neurosurg 189, 2024)."""
SPINOUS_LENGTH: Final = {name: level.spinous_length for name, level in MEAN.items()}
THORACIC_TRANSVERSE: Final = {f"T{k}": 19.0 - 0.75 * min(k, 12) for k in range(1, 14)}
"""Length of the transverse process beyond the lamina, mm: it shrinks from T1 to T12 (ours)."""
THORACIC_SPINOUS_HEIGHT: Final = {f"T{k}": 4.6 if k < 11 else 6.8 for k in range(1, 14)}
"""Half height of the spinous process, mm: from T11 on it is a plate as in the lumbar spine."""
RIB_ODDS: Final = {"T13": 0.7}
"""Chance of a rib on either side; every other thoracic vertebra has both. Ours."""
MIN_SPINOUS_MM: Final = 5.0
"""Minimal length of the spinous process beyond the lamina."""

SPINOUS_DRAWS: Final = (
    Draw("spinous_length", 0.85, 1.15, mean=SPINOUS_LENGTH),
    Draw("spinous_angle", -0.1, 0.1, grows=False),
)
RUN: Final = measure("spinous_run")
"""How far the spinous process runs backwards, from its length and angle."""
FALL: Final = measure("spinous_fall")
"""How far it falls."""
SWAY: Final = measure("spinous_sway")
"""How far its tip lies beside the middle."""
TALL: Final = measure("spinous_height")
THIN: Final = measure("spinous_thickness")
"""Half height and half thickness of the spinous process."""
JOINT: Final = measure("joint")
"""One mm of an articular process of mean size."""
TRANSVERSE: Final = measure("transverse")
"""Length of the transverse process."""
DROP: Final = measure("drop")
"""How far the tip of the transverse process hangs down."""
FLANGE: Final = measure("flange")
"""Half height of the transverse process."""
GIRTH: Final = measure("rib")
"""Half thickness of a rib."""
FORK: Final = measure("fork")
"""Half distance of the two tips of a spinous process."""

CERVICAL: Final = Shape(
    draws=(Draw("joint", 0.9, 1.15), Draw("transverse", 7, 11)),
    spinous_draws=SPINOUS_DRAWS,
    covered=6.0,
    given={
        # bifid from C3 to C5; those of C6 and C7 have hardly two tips
        "fork": dict.fromkeys(("C3", "C4", "C5"), 3.0 * SIZE) | dict.fromkeys(("C6", "C7"), 0.5)
    },
    sides=(
        BonePart(
            "transverse process",
            COSTAL,
            start=(1, 0, 0.5 * WIDTH + 1),
            end=(0.4 * CANAL, 0.18 * HEIGHT, 0.5 * WIDTH + TRANSVERSE),
            radii=(3.0 * SIZE, 3.2 * SIZE, 3.0),
        ),
        BonePart(
            "superior articular process",
            SUPERIOR,
            start=(CANAL - 2, -0.08 * HEIGHT, SIDE + 4.0 * SIZE),
            end=(CANAL - 1, -0.62 * HEIGHT, SIDE + 4.2 * SIZE),
            radii=(4.4 * JOINT, 3.4 * JOINT, 5.0 * JOINT),
        ),
        BonePart(
            "inferior articular process",
            INFERIOR,
            start=(CANAL + 3, 0.2 * HEIGHT, SIDE + 3.6 * SIZE),
            end=(CANAL + 4.8, NEXT - 1.5, SIDE + 3.6 * SIZE),
            radii=(3.8 * JOINT, 3.4 * JOINT, 4.8 * JOINT),
        ),
        BonePart(
            "pedicle",
            ARCUS,
            start=(0.5 * DEPTH - 2, -0.1 * HEIGHT, SIDE + 0.5),
            end=(CANAL, 0, SIDE + 3),
            radii=(2.8, 3.4 * SIZE, 3.0 * SIZE),
        ),
        BonePart(
            "lamina",
            ARCUS,
            start=(CANAL + 3, 0.1 * HEIGHT, SIDE + 1.5),
            end=(BACK + 3.0, 0.3 * HEIGHT, 1.2),
            radii=(2.5 * SIZE, 5.0 * SIZE, 2.8 * SIZE),
        ),
        BonePart(
            "uncinate process",
            UNCINATE,
            start=(1, -0.3 * HEIGHT, 0.5 * WIDTH - 1),
            end=(1, -0.5 * HEIGHT - 1.5, 0.5 * WIDTH),
            radii=(5, 2, 2),
        ),
    ),
    middle=tuple(
        BonePart(
            f"{side} tip of the spinous process",
            SPINOUS,
            start=(BACK + 5.0, 0.3 * HEIGHT, 0),
            end=(BACK + 5.0 + RUN, 0.3 * HEIGHT + FALL, beside),
            radii=(3.6, 4.2 * SIZE, 2.6 * SIZE),
        )
        for side, beside in (("left", -FORK), ("right", FORK))
    ),
)
"""C3 to C7."""

THORACIC: Final = Shape(
    draws=(
        Draw("transverse", 0.85, 1.15, mean=THORACIC_TRANSVERSE),
        Draw("joint", 0.88, 1.12),
        Draw("rib", 3.0, 4.2),
    ),
    spinous_draws=(
        *SPINOUS_DRAWS,
        Draw("spinous_height", 0.9, 1.2, mean=THORACIC_SPINOUS_HEIGHT),
        Draw("spinous_sway", -2, 2, grows=False),
        Draw("spinous_thickness", 2.4, 3.2),
    ),
    ribs=(
        BonePart(
            "head and neck of the rib",
            RIB,
            start=(0.5 * DEPTH - 2, -0.38 * HEIGHT, 0.5 * WIDTH + 2),
            end=(CANAL + 4, 1.0, SIDE + 6 + TRANSVERSE),
            radii=(GIRTH, 1.3 * GIRTH, GIRTH),
        ),
        BonePart(
            "body of the rib",
            RIB,
            start=(CANAL + 4, 1.0, SIDE + 6 + TRANSVERSE),
            end=(CANAL - 6 * SIZE, 14.0, SIDE + 34 * SIZE),
            radii=(GIRTH, 1.3 * GIRTH, GIRTH),
        ),
    ),
    sides=(
        BonePart(
            "transverse process",
            COSTAL,
            start=(CANAL + 4, -0.1 * HEIGHT, SIDE + 3),
            end=(CANAL + 5 + 0.7 * TRANSVERSE, -0.15 * HEIGHT, SIDE + 4 + 0.75 * TRANSVERSE),
            radii=(4.2 * SIZE, 5.0 * SIZE, 3.6 * SIZE),
        ),
        BonePart(
            "pars interarticularis",
            ARCUS,
            start=(CANAL + 3, -0.05 * HEIGHT, SIDE + 2.0),
            end=(BACK - 1, 0.35 * HEIGHT, SIDE + 1.0),
            radii=(3.6 * SIZE, 6.0 * SIZE, 4.0 * SIZE),
        ),
        BonePart(
            "superior articular process",
            SUPERIOR,
            start=(BACK - 3.0 * SIZE, -0.28 * HEIGHT, SIDE + 1.0 * SIZE),
            end=(BACK - 1.5 * SIZE, -0.5 * HEIGHT - 5 * SIZE, SIDE + 1.0 * SIZE),
            radii=(2.8 * JOINT, 4.0 * JOINT, 4.8 * JOINT),
        ),
        BonePart(
            "inferior articular process",
            INFERIOR,
            start=(BACK + 2.2, 0.3 * HEIGHT, SIDE - 1.5),
            end=(BACK + 3.2, NEXT - 0.02 * HEIGHT, SIDE - 1.5),
            radii=(2.8 * JOINT, 4.6 * JOINT, 4.6 * JOINT),
        ),
        BonePart(
            "pedicle",
            ARCUS,
            start=(0.5 * DEPTH - 3, -0.2 * HEIGHT, SIDE + 0.6 * PEDICLE),
            end=(CANAL + 1, -0.12 * HEIGHT, SIDE + 0.7 * PEDICLE),
            radii=(3.5, 5.8 * SIZE, PEDICLE),
        ),
        BonePart(
            "lamina",
            ARCUS,
            start=(CANAL + 3, 0.08 * HEIGHT, SIDE + 1.0),
            end=(BACK + 3.5, 0.25 * HEIGHT, 1.5),
            radii=(2.8 * SIZE, 0.42 * HEIGHT, 2.8 * SIZE),
        ),
    ),
    middle=(
        BonePart(
            "spinous process",
            SPINOUS,
            start=(BACK + 6.0, 0.25 * HEIGHT, 0),
            end=(BACK + 6.0 + RUN, 0.25 * HEIGHT + FALL, SWAY),
            radii=(4.6, TALL, THIN),
        ),
    ),
)
"""T1 to T13."""

_BASE: Final[Place] = (BACK + 6.5, 0.32 * HEIGHT, 0)
_TIP: Final[Place] = (BACK + 6.5 + RUN, 0.32 * HEIGHT + FALL, SWAY)
LUMBAR: Final = Shape(
    draws=(
        Draw("transverse", 20, 29, share=SHORT),
        Draw("drop", -4, 3, grows=False),
        Draw("joint", 0.85, 1.15),
    ),
    spinous_draws=(
        Draw("spinous_length", 0.85, 1.15, mean=SPINOUS_LENGTH),
        Draw("spinous_angle", -0.1, 0.12, grows=False),
        Draw("spinous_height", 8.5, 12.0, share=SHORT),
        Draw("spinous_sway", -2, 2, grows=False),
        Draw("spinous_thickness", 2.8, 4.0),
    ),
    given={
        "flange": dict.fromkeys(("L1", "L2", "L3", "L4"), 5.0 * SIZE)
        | dict.fromkeys(LOW_LUMBAR, 6.5 * SIZE)
    },
    sides=(
        BonePart(
            "transverse process",
            COSTAL,
            start=(CANAL, -0.12 * HEIGHT, SIDE + PEDICLE),
            end=(CANAL + 6 * SIZE, -0.1 * HEIGHT + DROP, SIDE + PEDICLE + TRANSVERSE),
            radii=(3.0 * SIZE, FLANGE, 4.0),
        ),
        BonePart(
            "pars interarticularis",
            ARCUS,
            start=(CANAL + 3, -0.1 * HEIGHT, SIDE + 3.5 * SIZE),
            end=(BACK - 1, 0.42 * HEIGHT, SIDE + 0.5),
            radii=(4.2 * SIZE, 6.0 * SIZE, 4.2 * SIZE),
        ),
        BonePart(
            "superior articular process",
            SUPERIOR,
            start=(CANAL + 2.5 * SIZE, -0.22 * HEIGHT, SIDE + 6.0 * SIZE),
            end=(CANAL + 4.5 * SIZE, -0.5 * HEIGHT - 3 * SIZE, SIDE + 7.0 * SIZE),
            radii=(5.6 * JOINT, 5.0 * JOINT, 3.9 * JOINT),
        ),
        BonePart(
            "inferior articular process",
            INFERIOR,
            start=(BACK + 1.5, 0.38 * HEIGHT, SIDE - 0.5),
            end=(BACK + 1.5, NEXT + 0.06 * HEIGHT, SIDE + 0.5 * SIZE),
            radii=(4.8 * JOINT, 5.5 * JOINT, 4.3 * JOINT),
        ),
        BonePart(
            "pedicle",
            ARCUS,
            start=(0.5 * DEPTH - 3, -0.2 * HEIGHT, SIDE + 0.6 * PEDICLE),
            end=(CANAL + 2, -0.12 * HEIGHT, SIDE + 0.75 * PEDICLE),
            radii=(3.5, 7.0 * SIZE, PEDICLE),
        ),
        BonePart(
            "lamina",
            ARCUS,
            start=(CANAL + 2, 0.05 * HEIGHT, SIDE + 1.5),
            end=(BACK + 3.5, 0.3 * HEIGHT, 1.5),
            radii=(3.6 * SIZE, 0.38 * HEIGHT, 3.6 * SIZE),
        ),
    ),
    middle=(
        BonePart("spinous process", SPINOUS, start=_BASE, end=_TIP, radii=(4.5, TALL, THIN)),
        BonePart(
            "tip of the spinous process",
            SPINOUS,
            start=(
                0.15 * _BASE[0] + 0.85 * _TIP[0],
                0.15 * _BASE[1] + 0.85 * _TIP[1],
                0.85 * _TIP[2],
            ),
            end=_TIP,
            radii=(5.0, 1.12 * TALL, 1.35 * THIN),
        ),
    ),
)
"""L1 to L6."""

SHAPES: Final = {"C": CERVICAL, "T": THORACIC, "L": LUMBAR}
"""By the first letter of the level; C1 and C2 are in `upper_cervical_shapes`."""
