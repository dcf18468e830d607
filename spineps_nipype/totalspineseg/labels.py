"""Labels of TotalSpineSeg, and the order of its discs and vertebrae.

Source: TotalSpineSeg 20251028, label map and level map.
"""

from __future__ import annotations

from typing import Final

from ..core import anatomy

CORD: Final = 1
CANAL: Final = 2
"""Canal without the cord."""
C1: Final = 11
SACRUM: Final = 50
"""Sacrum; after step 1 also every vertebra but C1."""
DISC_C2_C3: Final = 63
DISC_C7_T1: Final = 71
DISC_T12_L1: Final = 91
DISC_L5_L6: Final = 96
"""Set by the labeller, although the label map of the original does not name it."""
DISC_L5_S: Final = 100
"""The disc on the sacrum, whichever lumbar vertebra lies above it."""

LANDMARK_DISCS: Final = (DISC_C2_C3, DISC_C7_T1, DISC_T12_L1, DISC_L5_S)
LOCALIZER_DISCS: Final = tuple(range(DISC_C2_C3, DISC_L5_S + 1))
DISCS: Final = (*range(63, 68), *range(71, 83), *range(91, 96), DISC_L5_S)
"""Discs of a normal spine from top to bottom; each has a level."""

LEVEL_C1: Final = 1
LEVEL_C1_C2: Final = 2
LEVEL_C2_C3: Final = 3
LEVEL_OF_DISC: Final[dict[int, int]] = {disc: LEVEL_C2_C3 + i for i, disc in enumerate(DISCS)}
"""Label of a disc to its level in the convention of the Spinal Cord Toolbox."""

VERTEBRA_NAMES: Final[dict[int, str]] = {
    **{10 + i: f"C{i}" for i in range(1, 8)},
    **{20 + i: f"T{i}" for i in range(1, 13)},
    **{40 + i: f"L{i}" for i in range(1, 8)},
    SACRUM: "Sacrum",
}
DISC_NAMES: Final[dict[int, str]] = {
    **{61 + i: f"C{i}C{i + 1}" for i in range(2, 7)},
    DISC_C7_T1: "C7T1",
    **{71 + i: f"T{i}T{i + 1}" for i in range(1, 12)},
    DISC_T12_L1: "T12L1",
    **{91 + i: f"L{i}L{i + 1}" for i in range(1, 6)},
    DISC_L5_S: "L5S",
}
T13, DISC_T12_T13 = 33, 83
"""Numbers that would be those of a 13th thoracic vertebra and of the disc above it. No mask has
them, but the probabilities of other names allow for one."""
ANATOMY: Final[dict[int, int]] = {
    **{10 + i: i for i in range(1, 8)},
    **{20 + i: 7 + i for i in range(1, 13)},
    T13: anatomy.T13,
    **{40 + i: 19 + i for i in range(1, 7)},
    SACRUM: anatomy.SACRUM,
}
"""Label of a vertebra to its label in `core.anatomy`."""
NAMES: Final[dict[int, str]] = {CORD: "SC", CANAL: "CSF", **VERTEBRA_NAMES, **DISC_NAMES}

# Classes of step 1 that carry soft maps
RAW_CANAL_STEP1: Final = 8
RAW_CORD_STEP1: Final = 9

PRIORITY_ORIGINAL: Final = (63, 65, 67, 72, 74, 76, 78, 80, 82, 92, 94)
PRIORITY_SWAPPED: Final = (64, 66, 71, 73, 75, 77, 79, 81, 91, 93, 95)
"""Discs that are marked in the two copies of each training image of step 2."""
