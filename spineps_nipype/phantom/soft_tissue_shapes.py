"""Sizes and places of the soft tissue around the spine: ours, fitted by eye to scans.

Lengths are mm; those that grow with the person say so. Ranges are (low, high) of an even draw.
"Behind", "before" and "beside" are offsets from the middle of the canal unless they say of what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .tissues import Tissue

Range = tuple[float, float]
Cell = tuple[float, float, float]
"""Lattice of a `SmoothField`: mm along P, I, R."""


@dataclass(frozen=True)
class Fields:
    """How coarse the random fields are that make borders uneven and organs blotchy."""

    coarse: Cell = (9.0, 12.0, 9.0)
    streaks: Cell = (3.0, 7.0, 4.0)
    """Fat between muscle fibres."""
    organs: Cell = (16.0, 20.0, 16.0)


@dataclass(frozen=True)
class Neck:
    """What is different beside and before the cervical spine."""

    end: Range = (-25, 30)
    """Where the neck ends below the centre of T1: not sharply, see `_regions`."""
    half_width: float = 45
    """Half width of the muscles; grows with the person."""
    front: float = -10
    """Muscles lie behind this."""
    before: float = 2
    """How far before the bodies the muscles before the spine begin."""
    airway_odds: float = 0.9
    airway: tuple[float, float] = (8, 9)
    """Half axes (P, R) of the airway."""
    airway_before: float = 16
    """How far its middle lies before the bodies."""


@dataclass(frozen=True)
class Chest:
    """Lungs beside the thoracic spine."""

    end: Range = (-75, 25)
    """Where the belly begins below the centre of L1."""
    beside_body: float = 4
    """How far beside the bodies they begin."""
    back: float = 2
    """They lie before this."""


@dataclass(frozen=True)
class Organs:
    """What lies before and beside the lumbar spine."""

    beside: Mapping[Tissue, float] = field(
        default_factory=lambda: {Tissue.FAT: 0.5, Tissue.ORGAN: 0.25, Tissue.PSOAS: 0.25}
    )
    """What fills the flanks, and how often."""
    beside_back: float = -4
    """It lies before this."""
    beside_from: float = 26
    """How far beside the middle it begins; grows with the person."""
    before: Range = (8, 18)
    """How far before the bodies organs begin."""
    unevenness: float = 4
    """Standard deviation of that border."""
    dull: float = -0.2
    bright: float = 0.55
    gas: float = -1.1
    """Values of the field of organs above which they are dull or bright, and below which gas."""


@dataclass(frozen=True)
class Vessels:
    """Vena cava and aorta."""

    offsets: tuple[float, float] = (-9, 12)
    """How far right of the middle they lie; grows with the person."""
    shift: Range = (-4, 4)
    """Spread of that."""
    radius: Range = (8, 12)
    gap: Range = (1, 5)
    """Distance from the bodies."""


@dataclass(frozen=True)
class Muscle:
    """Muscles of the back, and the fat between them."""

    behind: Range = (34, 50)
    beside: Range = (48, 68)
    """How far the fascia lies behind and beside; grows with the person."""
    unevenness: float = 0.12
    """Of the fascia, relative to its squared distance."""
    front: float = -4
    """Muscles lie behind this."""
    fat_beside: tuple[float, float] = (8, 10)
    fat_behind: tuple[float, float] = (22, 14)
    """Up to where deep fat is at its densest, and over which length it fades from there."""
    lean: Range = (1.2, 2.4)
    """Value of the field of streaks from which on it is fat, far from the arches ..."""
    deep_fat: Range = (0.3, 2.0)
    """... and by how much that is lower close to them."""


@dataclass(frozen=True)
class Cleft:
    """The middle of the back: interspinous ligaments and fat."""

    half_width: float = 3.0
    unevenness: float = 0.8
    front: float = 4
    back: float = 42
    """It reaches from here to there behind the canal's middle; the end grows with the person."""
    ligament: Range = (-0.3, 0.8)
    """Values of the field of streaks below which it is ligament."""
    fat: Range = (-0.5, 1.0)
    """Values of the coarse field above which it is fat."""


@dataclass(frozen=True)
class Psoas:
    """Psoas and quadratus beside the lumbar, longus muscles beside the cervical bodies."""

    half_width: Range = (12, 18)
    half_depth: Range = (16, 24)
    """Half axes; grow with the person."""
    beside: Range = (0.75, 1.0)
    """How far the middle lies beside the body's wall, in half widths."""
    before: Range = (0.4, 0.75)
    """How far it lies before the canal's middle, in depths of the body."""


@dataclass(frozen=True)
class Lining:
    """Ligaments that line the canal."""

    scale: Range = (1.15, 1.3)
    """Size of the canal with its lining relative to the canal."""
    reach: tuple[float, float] = (22, 26)
    """Half size (P, R) of the box that is looked at."""


@dataclass(frozen=True)
class Skin:
    """The skin of the back and the fat under it."""

    behind: Range = (75, 105)
    """How far it lies behind the rearmost body; grows with the person."""
    unevenness: float = 1.5
    thickness: float = 2
    fat: Range = (4, 24)
    """Depth to which the fat reaches ..."""
    fat_from: float = 34
    """... but not nearer to the canal's middle than this."""


@dataclass(frozen=True)
class Head:
    """Skull base and brain, an ellipsoid above the atlas."""

    base: float = 24
    """Height of the skull base above the body of C2; grows with the person."""
    base_behind: float = 10
    overlap: float = 10
    """How far below the skull base the ellipsoid may reach."""
    above: float = 52
    behind: float = 8
    """Its centre: above the skull base, and behind the body of C2."""
    radii: tuple[float, float, float] = (78, 58, 66)
    """Half axes (P, I, R)."""
    brain: float = 0.86
    """Squared distance, relative to the surface, up to which it is brain."""


FIELDS: Final = Fields()
NECK: Final = Neck()
CHEST: Final = Chest()
ORGANS: Final = Organs()
VESSELS: Final = Vessels()
MUSCLE: Final = Muscle()
CLEFT: Final = Cleft()
PSOAS: Final = Psoas()
LINING: Final = Lining()
SKIN: Final = Skin()
HEAD: Final = Head()
