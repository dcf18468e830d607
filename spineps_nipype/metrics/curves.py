"""Lordosis and kyphosis from the frames of the vertebral bodies, with the definitions of TPTBox.

Lumbar lordosis: upper side of L1 to the lower side of the last lumbar vertebra; thoracic
kyphosis: upper side of T4 to the lower side of the last thoracic vertebra. Each angle is measured
between the directions of the discs there (mean of both neighbours), in the plane of the curve,
and is unsigned. Source: TPTBox, `spinestats.angles`, whose import costs half a second of CPU.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    last_lumbar = next((v for v in (L6, L5, L4) if v in frames), None)
    last_thoracic = next((v for v in (T13, T12, T11) if v in frames), None)
    if last_lumbar and L1 in frames and {SACRUM, DISC_OFFSET + last_lumbar} & set(present):
        out["lumbar_lordosis_deg"] = _angle(frames, discs, L1, last_lumbar)
    if last_thoracic and T4 in frames and L1 in present:
        out["thoracic_kyphosis_deg"] = _angle(frames, discs, T4, last_thoracic)
    return out


def _angle(
    frames: Mapping[int, LocalFrame], discs: Mapping[int, Points], first: int, last: int
) -> float:
    """Angle between the upper side of one vertebra and the lower side of another [degrees]."""
    seen = sorted({*frames, *(set(discs) & set(VERTEBRA_NAMES))}, key=ANATOMICAL_ORDER.index)
    top, bottom = seen.index(first), seen.index(last)
    above, below = seen[: top + 1][-2:], seen[bottom:][:2]  # one alone at an end of what is seen
    upper_disc = discs.get(above[0]) if len(above) > 1 else None
    start, end = _direction(frames, above), _direction(frames, below)
    along = _place(discs.get(last), frames, below) - _place(upper_disc, frames, above)
    normal = np.cross(along, start + end)
    normal = normal / np.linalg.norm(normal)
    start, end = (side - normal * (side @ normal) for side in (start, end))
    cosine = start @ end / np.linalg.norm(start) / np.linalg.norm(end)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _direction(frames: Mapping[int, LocalFrame], beside: Sequence[int]) -> Points:
    """Posterior direction at a disc: mean of those of the whole bodies beside it."""
    return np.asarray(np.mean([frames[v].posterior for v in beside if v in frames], axis=0))


def _place(disc: Points | None, frames: Mapping[int, LocalFrame], beside: Sequence[int]) -> Points:
    """Centre of a disc, else the middle of the whole bodies beside it."""
    if disc is not None:
        return disc
    return np.asarray(np.mean([frames[v].origin for v in beside if v in frames], axis=0))
