"""Shape of vertebral bodies: heights, depth, width, volume.

The body is labels 49 and 50 of the semantic mask, without endplates, arch and processes. Lengths
are measured in the body's own frame: its inferior axis is perpendicular to the mean of both
endplates, and its posterior axis points to the canal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .local_frames import (
    LocalFrame,
    MaskBox,
    Points,
    extent,
    finite_median,
    frame_from,
    grid_covering,
    samples_between,
)

EDGE: Final = 0.1
"""Distance from the edges at which the outer heights are measured, as a share of the depth."""
BAND: Final = 0.1
"""Half width of the band over which a length is a median, as a share of the extent across it."""
PLANE_REGION: Final = 0.3
"""Half size of the region in which planes are fitted to endplates: share of depth and width."""
PLANE_STEP_MM: Final = 1.0
REFINEMENTS: Final = 2
MAX_TILT_DEG: Final = 25.0
"""Endplates that seem tilted further than this against the spine are taken for a bad fit."""
SIDES_OF: Final = {"depth": "AP", "width": "LR"}
"""Sides of the image that may cut off a length."""
IMAGE_POSTERIOR, IMAGE_INFERIOR = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])


@dataclass(frozen=True)
class BodyShape:
    """Measures of a body [mm, mm³]; NaN where the field of view cuts it.

    Parameters
    ----------
    height_anterior, height_middle, height_posterior
        Along the inferior axis, in the median plane.
    depth, width
        At half height, front to back and left to right.
    volume
        Of its voxels.
    cut
        Sides at which it touches the border of the image.
    """

    height_anterior: float
    height_middle: float
    height_posterior: float
    depth: float
    width: float
    volume: float
    cut: str


def spine_directions(centres: Mapping[int, Points], order: Sequence[int]) -> dict[int, Points]:
    """Direction of the spine at each structure, from the centres of its neighbours.

    Parameters
    ----------
    centres
        Centres of vertebral bodies and discs [mm].
    order
        Their keys from cranial to caudal.
    """
    out: dict[int, Points] = {}
    for place, key in enumerate(order):
        above = centres[order[max(place - 1, 0)]]
        below = centres[order[min(place + 1, len(order) - 1)]]
        down = below - above
        length = float(np.linalg.norm(down))
        out[key] = down / length if length > 0 else IMAGE_INFERIOR
    return out


def body_frame(body: MaskBox, direction: Points, canal: Points | None) -> LocalFrame:
    """Coordinate frame of a body.

    Parameters
    ----------
    body
        Mask of the body.
    direction
        Direction of the spine here.
    canal
        Centre of the canal behind the body [mm]; None if it is not in view.
    """
    points = body.points
    centre = points.mean(axis=0)
    behind = IMAGE_POSTERIOR if canal is None else canal - centre
    frame = frame_from(centre, direction, behind)
    # The endplates are looked for along the frame's own axis, so a better frame finds them better.
    for _ in range(REFINEMENTS):
        normal = _plate_normal(body, frame, points)
        if normal is None or normal @ direction < np.cos(np.deg2rad(MAX_TILT_DEG)):
            break
        frame = frame_from(centre, normal, behind)
    # Percentiles, lest single stray voxels move the origin.
    low, high = np.percentile(frame.to_local(points), (1, 99), axis=0)
    return frame.shifted((low + high) / 2)


def _plate_normal(body: MaskBox, frame: LocalFrame, points: Points) -> Points | None:
    """Mean normal of the upper and lower surface of a mask, pointing down."""
    local = frame.to_local(points)
    low, high = local.min(axis=0), local.max(axis=0)
    half = (high - low) * PLANE_REGION
    mid = (low + high) / 2
    axes = [samples_between(m - h, m + h, PLANE_STEP_MM) for m, h in zip(mid, half, strict=True)]
    axes[1] = grid_covering(low[1], high[1], body.step)
    inside = body.sample(frame, *axes)
    filled = inside.any(axis=1)
    if np.count_nonzero(filled) < 6:
        return None
    p, r = np.meshgrid(axes[0], axes[2], indexing="ij")
    first = axes[1][inside.argmax(axis=1)]
    last = axes[1][-1 - inside[:, ::-1].argmax(axis=1)]
    flat = np.stack([p[filled], r[filled], np.ones(np.count_nonzero(filled))], axis=1)
    normal = np.zeros(3)
    for surface in (first, last):
        slope_p, slope_r, _ = np.linalg.lstsq(flat, surface[filled], rcond=None)[0]
        plate = np.array([-slope_p, 1.0, -slope_r])
        normal += plate / np.linalg.norm(plate)
    out: Points = normal @ frame.axes
    return out / np.linalg.norm(out)


def body_shape(body: MaskBox, frame: LocalFrame) -> BodyShape:
    """Measure a body in its own frame."""
    step = body.step
    low, high = np.percentile(frame.to_local(body.points), (0, 100), axis=0)
    size = high - low
    p, i, r = (grid_covering(a, b, step) for a, b in zip(low, high, strict=True))
    band_p, band_i, band_r = (samples_between(-BAND * n, BAND * n, step) for n in size)

    sagittal = body.sample(frame, p, i, band_r)
    waist = sagittal[:, np.abs(i) <= BAND * size[1]]
    depth = finite_median(extent(waist, 0, step))
    front, back = _front_and_back(waist, p)
    heights = extent(sagittal, 1, step)
    found = [
        _height_at(heights, p, place, BAND / 2 * depth)
        for place in (front + EDGE * depth, (front + back) / 2, back - EDGE * depth)
    ]
    width = finite_median(extent(body.sample(frame, band_p, band_i, r), 2, step))

    # Depth and width are measured at half height, so they need both ends of the body in view, too.
    heights_known = not body.cut_at_end
    sides_known = {
        axis: heights_known and not set(letters) & set(body.cut)
        for axis, letters in SIDES_OF.items()
    }
    blank = float("nan")
    anterior, central, posterior = found if heights_known else (blank, blank, blank)
    return BodyShape(
        anterior,
        central,
        posterior,
        depth=depth if sides_known["depth"] else blank,
        width=width if sides_known["width"] else blank,
        volume=body.volume if not body.cut else blank,
        cut=body.cut,
    )


def _front_and_back(waist: NDArray[np.bool_], p: NDArray[np.float64]) -> tuple[float, float]:
    """Front and back of a body at half height [mm]."""
    filled = waist.any(axis=0)
    if not filled.any():
        return float("nan"), float("nan")
    first = p[waist.argmax(axis=0)][filled]
    last = p[-1 - waist[::-1].argmax(axis=0)][filled]
    return float(np.median(first)), float(np.median(last))


def _height_at(
    heights: NDArray[np.float64], p: NDArray[np.float64], place: float, reach: float
) -> float:
    """Median of the heights within `reach` of a place along the depth [mm]."""
    near = np.abs(p - place) <= max(reach, p[1] - p[0]) if np.isfinite(place) else p > np.inf
    return finite_median(heights[near])
