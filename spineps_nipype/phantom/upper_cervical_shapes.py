"""Atlas and axis as tables, see `vertebra_shapes`.

Both are drawn in the frame of the body of C2. The measures of the atlas agree with Patel and Gupta
(Int J Res Med Sci, 100 dry bones): 71 mm wide, arches 10.2 mm (front) and 8.7 mm (rear) high,
superior facets 21 by 11 mm, inferior ones 18 by 15 mm. The rest is ours, fitted by eye.
"""

from __future__ import annotations

from typing import Final

from .lengths import BACK, CANAL, DEPTH, HEIGHT, NEXT, SIDE, SIZE, WIDTH, measure
from .vertebra_shapes import (
    ARCUS,
    COSTAL,
    DENS_CORE,
    DENS_SHELL,
    INFERIOR,
    SPINOUS,
    SUPERIOR,
    BonePart,
    Draw,
    Shape,
)

REACH: Final = measure("spinous_length")
"""Length of the spinous process of C2."""
AXIS: Final = Shape(
    draws=(Draw("spinous_length", 9, 15),),
    sides=(
        BonePart(
            "transverse process",
            COSTAL,
            start=(1, 2, 0.5 * WIDTH + 1),
            end=(0.4 * CANAL, 5, 0.5 * WIDTH + 8 * SIZE),
            radii=(3, 3, 3),
        ),
        BonePart(
            "superior articular process",
            SUPERIOR,
            start=(3, -0.15 * HEIGHT, 0.5 * WIDTH + 2),
            end=(3, -0.38 * HEIGHT, 0.5 * WIDTH + 5),
            radii=(6.5 * SIZE, 3.0 * SIZE, 5.0 * SIZE),
        ),
        BonePart(
            "inferior articular process",
            INFERIOR,
            start=(CANAL + 3, 0.1 * HEIGHT, SIDE + 3),
            end=(CANAL + 4.8, NEXT - 1.5, SIDE + 3.6 * SIZE),
            radii=(3.8 * SIZE, 3.6 * SIZE, 4.8 * SIZE),
        ),
        BonePart(
            "pedicle",
            ARCUS,
            start=(0.5 * DEPTH - 2, 0, SIDE),
            end=(CANAL + 2, 2, SIDE + 3),
            radii=(3, 4.5 * SIZE, 3 * SIZE),
        ),
        BonePart(
            "lamina",
            ARCUS,
            start=(CANAL + 2, 3, SIDE + 1.5),
            end=(BACK + 3, 0.3 * HEIGHT, 1.2),
            radii=(3 * SIZE, 6.5 * SIZE, 3 * SIZE),
        ),
    ),
    middle=(
        BonePart(
            "spinous process",
            SPINOUS,
            start=(BACK + 5, 0.3 * HEIGHT, 0),
            end=(BACK + 5 + REACH, 0.3 * HEIGHT + 5, 0),
            radii=(4, 6.0 * SIZE, 4.5),
        ),
    ),
)
"""C2 without its body and dens."""
DENS_TOP: Final = -0.5 * HEIGHT - 15.0 * SIZE
"""Tip of the dens: 15 mm above the body of C2."""
DENS: Final = tuple(
    BonePart(name, tissue, (0, -0.34 * HEIGHT, 0), (0.5, DENS_TOP + 4, 0), radii)
    for name, tissue, radii in (
        ("shell of the dens", DENS_SHELL, (5.4 * SIZE, 4.0, 5.0 * SIZE)),
        ("marrow of the dens", DENS_CORE, (4.2 * SIZE, 2.8, 3.8 * SIZE)),
    )
)
"""The dens, drawn over the body."""

LEVEL: Final = -0.5 * HEIGHT - 9.5 * SIZE
"""Height of the middle of the atlas: 9.5 mm above the body of C2."""
FRONT: Final = -9.0 * SIZE
"""Middle of the anterior arch, before the dens."""
REAR: Final = BACK + 2.5
"""Middle of the posterior arch."""
RING_HALF_WIDTH: Final = SIDE + 4 * SIZE
"""Half width of the ellipse on which both arches lie."""
RING_THICKNESS: Final = 0.15
"""Half thickness of the arches, relative to the ellipse."""
RING_HALF_HEIGHT: Final = 4.2 * SIZE
TUBERCLE: Final = BonePart(
    "posterior tubercle",
    SPINOUS,
    start=(REAR, LEVEL, 0),
    end=(REAR + 4 * SIZE, LEVEL + 1, 0),
    radii=(3, 3.5 * SIZE, 3),
)
ATLAS: Final = Shape(
    draws=(),
    middle=(),
    sides=(
        BonePart(
            "transverse process",
            COSTAL,
            start=(2, LEVEL, SIDE + 5 * SIZE),
            end=(4, LEVEL + 1, SIDE + 5 * SIZE + 17 * SIZE),
            radii=(3.5 * SIZE, 3.5 * SIZE, 4),
        ),
        BonePart(
            "superior articular facet",
            SUPERIOR,
            start=(1, LEVEL - 2 * SIZE, SIDE + 3),
            end=(5, LEVEL - 5 * SIZE, SIDE + 5),
            radii=(6.0 * SIZE, 3.2 * SIZE, 5.0 * SIZE),
        ),
        BonePart(
            "inferior articular facet",
            INFERIOR,
            start=(1, LEVEL + 2 * SIZE, SIDE + 2),
            end=(4, LEVEL + 4.5 * SIZE, SIDE + 2),
            radii=(6.0 * SIZE, 3.0 * SIZE, 5.0 * SIZE),
        ),
        BonePart(
            "lateral mass",
            ARCUS,
            start=(1, LEVEL - 1, SIDE + 2),
            end=(4, LEVEL + 1, SIDE + 2),
            radii=(6.0 * SIZE, 3.0 * SIZE, 4.5 * SIZE),
        ),
    ),
)
"""C1 without its arches."""
