"""Mean dimensions of vertebrae, discs, sacrum and cord, in mm.

They are the centre of the random draws, not a claim about anyone: rounded, and smoothed from level
to level.

References
----------
Bodies, canal, pedicles and processes: Panjabi et al., cervical vertebrae, Spine 16:861-869, 1991;
thoracic, Spine 16:888-901, 1991; lumbar, Spine 17:299-306, 1992. Berry et al., Spine 12:362-367,
1987. Bodies and discs: Gilad and Nissan, Spine 11:154-157, 1986.

Lumbar discs lie within what Zhang et al. (J Orthop Surg Res 13:34, 2018) found in 169 healthy
people (L1-L2 6.3 to 11.0 mm, L4-L5 7.8 to 14.6 mm). Thoracic discs are higher here than the 2.7
(T4-T5) to 5.4 mm (T10-T11) that are measured in CT (Eur Spine J, 2015, doi
10.1007/s00586-015-3925-y), and are kept as the networks learned them.

T13 and L6 continue their neighbours; no source gives their size.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Level(NamedTuple):
    """Mean size of one level; all lengths in mm, the angle in radians."""

    height: float
    """Body height."""
    depth: float
    """Body depth, front to back."""
    width: float
    """Body width."""
    disc: float
    """Height of the disc below."""
    canal_depth: float
    canal_width: float
    pedicle_width: float
    """Half width of the pedicle."""
    spinous_length: float
    """From the lamina to the tip."""
    spinous_angle: float
    """Downward inclination of the spinous process."""


MEAN: Final[dict[str, Level]] = {
    "C2": Level(20.0, 15.5, 18.0, 5.0, 16.5, 24.0, 3.5, 20, 0.35),
    "C3": Level(13.5, 15.5, 17.5, 5.2, 15.0, 23.0, 2.8, 15, 0.35),
    "C4": Level(13.5, 15.5, 18.0, 5.3, 14.8, 23.0, 2.8, 15, 0.35),
    "C5": Level(13.0, 16.0, 19.0, 5.5, 14.8, 24.0, 2.8, 17, 0.35),
    "C6": Level(13.0, 16.5, 20.5, 5.6, 14.8, 24.5, 3.0, 22, 0.40),
    "C7": Level(14.5, 16.5, 22.5, 5.5, 15.0, 23.5, 3.3, 31, 0.35),
    "T1": Level(16.0, 16.5, 25.0, 4.4, 15.5, 20.0, 4.0, 31, 0.45),
    "T2": Level(17.0, 17.5, 25.0, 4.2, 15.5, 18.0, 3.5, 30, 0.60),
    "T3": Level(17.5, 19.0, 25.0, 4.2, 15.8, 17.0, 2.8, 31, 0.75),
    "T4": Level(18.0, 20.5, 25.0, 4.2, 16.0, 17.0, 2.6, 33, 0.90),
    "T5": Level(18.5, 22.0, 26.0, 4.5, 16.0, 17.0, 2.6, 36, 1.00),
    "T6": Level(19.0, 24.0, 27.0, 4.8, 16.0, 17.0, 2.8, 38, 1.05),
    "T7": Level(19.5, 25.5, 28.0, 5.0, 16.0, 17.0, 2.9, 38, 1.05),
    "T8": Level(20.0, 26.5, 29.5, 5.0, 16.0, 17.2, 3.1, 36, 1.00),
    "T9": Level(21.0, 27.5, 31.0, 5.2, 16.0, 17.5, 3.4, 32, 0.85),
    "T10": Level(22.0, 28.0, 33.0, 5.6, 15.8, 18.0, 3.7, 28, 0.60),
    "T11": Level(23.0, 28.5, 36.0, 6.2, 16.0, 19.0, 4.4, 25, 0.40),
    "T12": Level(25.0, 29.0, 40.0, 7.0, 17.0, 21.5, 4.4, 24, 0.30),
    "T13": Level(26.0, 30.0, 41.0, 7.5, 17.0, 22.0, 4.4, 24, 0.28),
    "L1": Level(27.0, 31.0, 42.5, 8.3, 17.0, 22.5, 4.2, 29, 0.15),
    "L2": Level(28.0, 32.0, 44.5, 9.6, 16.5, 22.5, 4.4, 30, 0.12),
    "L3": Level(28.0, 33.0, 46.5, 10.6, 16.2, 23.0, 5.0, 30, 0.12),
    "L4": Level(28.0, 34.0, 48.5, 11.4, 16.5, 24.0, 6.2, 28, 0.15),
    "L5": Level(28.0, 34.0, 51.0, 10.6, 17.0, 26.0, 8.0, 22, 0.20),
    "L6": Level(28.0, 34.0, 51.0, 9.6, 16.5, 27.0, 8.5, 20, 0.22),
}

SACRAL_HEIGHTS: Final = (27.0, 23.0, 19.0, 16.0, 13.0)
"""Heights of S1 to S5. Their sum, and twice `SACRAL_WINGS`, agree with 98.0 mm and 108.7 mm
between the auricular surfaces of 78 sacra (Oman Med J, PMC5799488); single values are ours."""
SACRAL_DEPTHS: Final = (0.90, 0.66, 0.48, 0.37, 0.30)
"""Depths of S1 to S5, relative to the last lumbar body."""
SACRAL_WIDTHS: Final = (0.95, 0.78, 0.62, 0.50, 0.38)
"""Widths of the bodies of S1 to S5, relative to the last lumbar body."""
SACRAL_WINGS: Final = (56.0, 48.0, 38.0, 28.0, 18.0)
"""Half widths of the sacrum with its wings, S1 to S5."""

CORD_DEPTH: Final = {"C": 7.0, "T": 6.2, "L": 6.4}
CORD_WIDTH: Final = {"C": 12.0, "T": 8.3, "L": 8.6}
"""Axes of the cord, front to back and across. Frostell et al. (Front Neurol 7:238, 2016) have 7.4
by 13.3 mm at segment C5, 6.3 by 8.3 mm at T8 and 9.4 mm across at L3."""
