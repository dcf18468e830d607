"""Mean dimensions of vertebrae and discs, in mm.

Rounded from the morphometric literature: Panjabi et al. (Spine 1991, 1992) for the cervical,
thoracic and lumbar vertebrae, Berry et al. (Spine 1987) and Gilad and Nissan (Spine 1986). They
are the centre of the random draws, not a claim about anyone.
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
"""Heights of S1 to S5."""
SACRAL_DEPTHS: Final = (0.90, 0.66, 0.48, 0.37, 0.30)
"""Depths of S1 to S5, relative to the last lumbar body."""
SACRAL_WIDTHS: Final = (0.95, 0.78, 0.62, 0.50, 0.38)
"""Widths of the bodies of S1 to S5, relative to the last lumbar body."""
SACRAL_WINGS: Final = (56.0, 48.0, 38.0, 28.0, 18.0)
"""Half widths of the sacrum with its wings, S1 to S5."""

CORD_DEPTH: Final = {"C": 7.0, "T": 6.2, "L": 6.4}
CORD_WIDTH: Final = {"C": 12.0, "T": 8.3, "L": 8.6}
"""Axes of the cord; it is widest in the neck."""
