"""Lordosis and kyphosis from the frames of the vertebral bodies, with the definitions of TPTBox.

Lumbar lordosis: upper side of L1 to the lower side of the last lumbar vertebra; thoracic
kyphosis: upper side of T4 to the lower side of the last thoracic vertebra. Each angle is measured
between the directions of the discs there (mean of both neighbours), in the plane of the curve,
and is unsigned.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any, Final

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
BODY_POINT, DISC_POINT, POSTERIOR_POINT = 50, 100, 128
ARM_MM: Final = 10.0
"""Length of the arrow that tells TPTBox where posterior is; any length would do."""


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
    wanted = []
    if last_lumbar and L1 in frames and {SACRUM, DISC_OFFSET + last_lumbar} & set(present):
        wanted.append("lumbar_lordosis")
    if last_thoracic and T4 in frames and L1 in present:
        wanted.append("thoracic_kyphosis")
    if not wanted:
        return out
    with warnings.catch_warnings():
        # TPTBox uses names that matplotlib is about to change, and warns about its own enums.
        warnings.simplefilter("ignore")
        from TPTBox.spine.spinestats.angles import compute_lordosis_and_kyphosis

        angles = compute_lordosis_and_kyphosis(_as_poi(frames, discs))
    for name in wanted:
        if angles[name] is not None:
            out[f"{name}_deg"] = float(angles[name])
    return out


def _as_poi(frames: Mapping[int, LocalFrame], discs: Mapping[int, Points]) -> Any:
    """Points as TPTBox wants them, on a grid of 1 mm.

    Where two vertebrae have no disc between them, TPTBox tries to take the middle between both
    bodies but fails to find their points; so the middle is given to it in place of the disc.
    """
    from TPTBox import POI

    points: dict[tuple[int, int], tuple[float, ...]] = {}
    for vertebra, frame in frames.items():
        points[vertebra, BODY_POINT] = tuple(frame.origin.tolist())
        arrow = frame.origin + ARM_MM * frame.posterior
        points[vertebra, POSTERIOR_POINT] = tuple(arrow.tolist())
    in_order = sorted(frames, key=ANATOMICAL_ORDER.index)
    for upper, lower in pairwise(in_order):
        middle = (frames[upper].origin + frames[lower].origin) / 2
        points[upper, DISC_POINT] = tuple(middle.tolist())
    for vertebra, place in discs.items():
        if vertebra in VERTEBRA_NAMES:
            points[vertebra, DISC_POINT] = tuple(place.tolist())
    return POI(points, orientation=("P", "I", "R"), zoom=(1, 1, 1), shape=(1000, 1000, 1000))
