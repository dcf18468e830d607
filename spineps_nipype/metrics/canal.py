"""Cross-sections of the spinal canal and of the cord."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.anatomy import CANAL, CORD
from .bodies import IMAGE_POSTERIOR
from .local_frames import Points, frame_from

SMOOTHING_MM: Final = 6.0
"""Width of the Gaussian that smooths the course of the canal."""
REACH_MM: Final = 25.0
"""Half the side of the square in which a cross-section is sampled."""
STEP_MM: Final = 0.25
MAX_DISTANCE_MM: Final = 40.0
"""A canal further away than this does not belong to a disc."""
MIN_ROWS: Final = 3
"""Rows of voxels that a canal must have."""
MIN_PRESENCE: Final = 0.02
"""Share of canal from which on a sample is part of the cross-section."""
MIN_CORD_MM2: Final = 1.0
"""A smaller cross-section of the cord counts as no cord."""


@dataclass(frozen=True)
class CanalCourse:
    """Points in the middle of the canal from cranial to caudal [mm], and its direction there."""

    points: Points
    tangents: Points

    def at_level_of(self, place: Points) -> tuple[Points, Points] | None:
        """Point of the canal at the level of a place, and its direction; None beyond its ends.

        The plane through both is perpendicular to the canal.
        """
        along = np.einsum("ij,ij->i", place - self.points, self.tangents)
        # Between two points, the plane through the place changes from below to above them.
        crossing = np.flatnonzero((along[:-1] >= 0) & (along[1:] <= 0))
        if crossing.size == 0:
            return None
        far = np.linalg.norm(self.points[crossing] - place, axis=1)
        k = int(crossing[far.argmin()])
        if far.min() > MAX_DISTANCE_MM:
            return None
        gap = along[k] - along[k + 1]
        share = along[k] / gap if gap > 0 else 0.0
        point = self.points[k] * (1 - share) + self.points[k + 1] * share
        tangent = self.tangents[k] * (1 - share) + self.tangents[k + 1] * share
        return point, tangent / np.linalg.norm(tangent)


def canal_course(spine: NDArray[Any], zoom: Points) -> CanalCourse | None:
    """Course of the canal in a semantic PIR mask; None if there is hardly any canal."""
    inside = (spine == CANAL) | (spine == CORD)
    counts = inside.sum(axis=(0, 2))
    rows = np.flatnonzero(counts)
    if rows.size < MIN_ROWS:
        return None
    p = inside.sum(axis=2)[:, rows]
    r = inside.sum(axis=0)[rows]
    centre_p = (np.arange(p.shape[0])[:, None] * p).sum(axis=0) / counts[rows]
    centre_r = (r * np.arange(r.shape[1])).sum(axis=1) / counts[rows]
    index = np.arange(rows[0], rows[-1] + 1)
    points = np.stack([np.interp(index, rows, centre_p), index, np.interp(index, rows, centre_r)])
    points = points.T * zoom
    sigma = SMOOTHING_MM / float(zoom[1])
    smooth = ndimage.gaussian_filter1d(points, sigma, axis=0, mode="nearest")
    smooth[:, 1] = points[:, 1]
    tangents = np.gradient(smooth, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    return CanalCourse(smooth, tangents)


def cross_sections(
    spine: NDArray[Any], zoom: Points, course: CanalCourse, place: Points
) -> tuple[float, float]:
    """Areas of canal (with the cord in it) and cord at the level of a place [mm²].

    The plane is perpendicular to the canal. NaN where the canal ends or leaves the image, and for
    the cord where there is none.
    """
    nan = float("nan")
    found = course.at_level_of(place)
    if found is None:
        return nan, nan
    point, tangent = found
    frame = frame_from(point, tangent, IMAGE_POSTERIOR)
    across = np.arange(-REACH_MM, REACH_MM + STEP_MM / 2, STEP_MM)
    p, r = np.meshgrid(across, across, indexing="ij")
    local = np.stack([p, np.zeros_like(p), r], axis=-1).reshape(-1, 3)
    index = ((local @ frame.axes + frame.origin) / zoom).T
    box = tuple(slice(max(int(a.min()) - 1, 0), max(int(a.max()) + 3, 1)) for a in index)
    near = spine[box]
    offset = np.array([[side.start] for side in box])
    areas = []
    component: NDArray[np.bool_] | None = None
    for wanted in ((CANAL, CORD), (CORD,)):
        mask = np.isin(near, wanted).astype(np.float32)
        share = ndimage.map_coordinates(mask, index - offset, order=1, mode="nearest")
        # Summing the shares, instead of counting samples above one half, does not bias the area.
        share = share.reshape(p.shape)
        if component is None:
            component = _central_component(share > MIN_PRESENCE)
            if component is None or _leaves_image(component, index, spine.shape):
                return nan, nan
        areas.append(float(share[component].sum()) * STEP_MM**2)
    return areas[0], areas[1] if areas[1] >= MIN_CORD_MM2 else nan


def _central_component(inside: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Component nearest to the middle of a plane."""
    if not inside.any():
        return None
    labels, _ = ndimage.label(inside)
    at = np.argwhere(inside)
    middle = (np.array(inside.shape) - 1) / 2
    nearest = at[((at - middle) ** 2).sum(axis=1).argmin()]
    out: NDArray[np.bool_] = labels == labels[tuple(nearest)]
    return out


def _leaves_image(
    component: NDArray[np.bool_], index: NDArray[np.float64], shape: tuple[int, ...]
) -> bool:
    """Whether a part of the plane lies outside the image, by its voxel coordinates (3, n)."""
    at = index[:, component.ravel()]
    limit = np.array(shape)[:, None] - 1
    outside = (at < -0.5) | (at > limit + 0.5)
    return bool(outside.any())
