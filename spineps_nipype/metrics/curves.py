"""Lordosis and kyphosis from the frames of the vertebral bodies, with the definitions of TPTBox.

Lumbar lordosis: upper side of L1 to the lower side of the last lumbar vertebra; thoracic
kyphosis: upper side of T4 to the lower side of the last thoracic vertebra. Each angle is measured
between the directions of the discs there (mean of both neighbours), in the plane of the curve,
and is unsigned.

Source: `compute_lordosis_and_kyphosis` of TPTBox, to which the angles are equal. It is not called,
because importing it takes longer than all measures together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from ..core.anatomy import (
    ANATOMICAL_ORDER,
    DISC_OFFSET,
    L1,
    L5,
    L6,
    SACRUM,
    T1,
    T11,
    T12,
    T13,
    VERTEBRA_NAMES,
)
from .local_frames import LocalFrame, Points

T4: Final = T1 + 3
L4: Final = L5 - 1
ARM_MM: Final = 10.0
"""TPTBox knows a direction by a point that is so far behind the body."""
POINT_DECIMALS, ANGLE_DECIMALS = 3, 4
"""TPTBox rounds points to a micrometre; a direction has no more digits than that leaves."""


def curvatures(
    frames: Mapping[int, LocalFrame], discs: Mapping[int, Points], present: Collection[int]
) -> dict[str, float]:
    """Angles of the curves that are wholly in view [degrees].

    Parameters
    ----------
    frames
        Frame of each vertebral body that is in view.
    discs
        Centre of each disc by the number of the vertebra above it [mm].
    present
        All labels of the vertebra mask: they tell whether a curve is in view to its end.

    Returns
    -------
    dict of float
        ``lumbar_lordosis_deg``, ``thoracic_kyphosis_deg``; NaN for a curve that is not in view.
    """
    out = {"lumbar_lordosis_deg": float("nan"), "thoracic_kyphosis_deg": float("nan")}
    spine = _spine(frames, discs)
    last_lumbar = next((v for v in (L6, L5, L4) if v in frames), None)
    last_thoracic = next((v for v in (T13, T12, T11) if v in frames), None)
    if last_lumbar and L1 in frames and {SACRUM, DISC_OFFSET + last_lumbar} & set(present):
        out["lumbar_lordosis_deg"] = spine.angle(L1, last_lumbar)
    if last_thoracic and T4 in frames and L1 in present:
        out["thoracic_kyphosis_deg"] = spine.angle(T4, last_thoracic)
    return out


@dataclass(frozen=True)
class _Spine:
    """Bodies with their directions to behind, and discs below vertebrae."""

    bodies: Mapping[int, Points]
    behind: Mapping[int, Points]
    discs: Mapping[int, Points]

    def angle(self, upper: int, lower: int) -> float:
        """Angle from above one body to below another, in the plane of the curve [degrees]."""
        above, below = self._beside(upper, -1), self._beside(lower, 1)
        start, end = self._direction(upper, above), self._direction(lower, below)
        top = self.bodies[upper] if above is None else self.discs.get(above, self.bodies[upper])
        down = self.discs.get(lower, self.bodies[lower]) - top
        normal = _unit(np.cross(down, start + end))
        start, end = (_unit(one - normal * (normal @ one)) for one in (start, end))
        angle = np.degrees(np.arccos(np.clip(start @ end, -1, 1)))
        return round(float(angle), ANGLE_DECIMALS)

    def _beside(self, vertebra: int, step: int) -> int | None:
        """Next vertebra above (-1) or below (1) of which body or disc is in view."""
        known = sorted({*self.bodies, *self.discs}, key=ANATOMICAL_ORDER.index)
        place = known.index(vertebra) + step
        return known[place] if 0 <= place < len(known) else None

    def _direction(self, vertebra: int, other: int | None) -> Points:
        """Direction to behind between two bodies, of the first where the other is not in view."""
        one = self.behind[vertebra]
        if other is None or other not in self.behind:
            return one
        return (one + self.behind[other]) / 2


def _spine(frames: Mapping[int, LocalFrame], discs: Mapping[int, Points]) -> _Spine:
    """Points as TPTBox has them; the middle between two bodies stands for a missing disc."""
    bodies = {v: frame.origin.round(POINT_DECIMALS) for v, frame in frames.items()}
    arrows = {
        v: (frame.origin + ARM_MM * frame.posterior).round(POINT_DECIMALS)
        for v, frame in frames.items()
    }
    between = {
        upper: (frames[upper].origin + frames[lower].origin) / 2
        for upper, lower in pairwise(sorted(frames, key=ANATOMICAL_ORDER.index))
    }
    between |= {v: place for v, place in discs.items() if v in VERTEBRA_NAMES}
    return _Spine(
        bodies,
        {v: _unit(arrow - bodies[v]) for v, arrow in arrows.items()},
        {v: place.round(POINT_DECIMALS) for v, place in between.items()},
    )


def _unit(vector: Points) -> Points:
    return vector / float(np.linalg.norm(vector))
