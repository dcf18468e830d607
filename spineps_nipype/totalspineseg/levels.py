"""Levels: one labelled voxel for each disc, at the front of the canal or at the tip of the disc.

Source: TotalSpineSeg 20251028 (front of the canal) and 20260429 (posterior tip of the disc),
extraction of levels. Arrays have the axes right, anterior, superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate
from scipy.spatial import cKDTree

from ..core.components import Box, bounding_box
from ..errors import EmptyResultError
from .centreline import slice_extents, slice_means
from .labels import C1, DISCS, LEVEL_C1, LEVEL_C1_C2, LEVEL_C2_C3, SACRUM
from .masks import label_boxes, label_mask
from .profiles import SEED, Profile
from .settings import Numerics
from .upstream import upstream

SPLINE_SMOOTHING: Final = 8000.0
"""Smoothing of the spline through the canal (TotalSpineSeg); a third of it for voxels of 1 mm."""
SPLINE_DEGREE: Final = 3

Points = NDArray[np.int64]
Voxel = tuple[int, int, int]


def extract_levels(
    seg: NDArray[Any],
    *,
    canal_labels: Sequence[int] = (1, 2),
    disc_labels: Sequence[int] = DISCS,
    c1_label: int = C1,
    c2_label: int = SACRUM,
    profile: Profile = SEED,
    numerics: Numerics = "corrected",
) -> NDArray[np.uint8]:
    """Map of the levels, one voxel each: 3 for C2-C3, 4 for C3-C4, … 25 for L5-S.

    Parameters
    ----------
    seg
        Numbered label map, 1 mm.
    canal_labels, disc_labels
        Labels of canal and cord, and of the discs from top to bottom.
    c1_label, c2_label
        Labels of C1 and of the structure that holds C2; levels 1 and 2 need both and C2-C3.
    profile
        Weight release whose rule places the points.
    numerics
        The label of a disc tells its level; under ``original`` discs are counted from the
        uppermost one, so that all levels below a missing disc are shifted.

    Raises
    ------
    EmptyResultError
        If there is no canal or no disc.
    """
    out = np.zeros(seg.shape, dtype=np.uint8)
    boxes = label_boxes(seg)
    if not set(canal_labels) & set(boxes):
        raise EmptyResultError(
            "No canal labels found in the segmentation.", remedy="Check the result of step 1."
        )
    table = {label: place for place, label in enumerate(disc_labels)}
    present = [label for label in disc_labels if label in boxes]
    if not present:
        raise EmptyResultError(
            "No disc labels found in the segmentation.", remedy="Check the result of step 1."
        )
    canal = label_mask(seg, canal_labels)
    posterior = profile.levels == "posterior"
    line = smooth_line(canal) if posterior else front_line(canal)
    place = _posterior_tip if posterior else _nearest_on_line
    points: dict[int, Voxel] = {}
    counted = upstream(numerics).levels_counted
    for count, label in enumerate(present):
        index = table[present[0]] + count if counted else table[label]
        points[LEVEL_C2_C3 + index] = place(_voxels(seg, label, boxes[label]), line)
    if LEVEL_C2_C3 in points:
        upper = _upper_levels(seg, points[LEVEL_C2_C3], line, c1_label, c2_label, profile)
        points.update(upper)
    for level, voxel in points.items():
        out[voxel] = level
    return out


def front_line(canal: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Front of the canal in each slice: the centre from left to right, the foremost voxel."""
    box = bounding_box(canal)
    part = canal[box]
    left, right = slice_extents(part, 0)
    _, front = slice_extents(part, 1)
    height = np.flatnonzero(left >= 0)
    points = np.stack([(left[height] + right[height]) // 2, front[height], height], axis=1)
    points = points[part[tuple(points.T)]]
    start = np.array([side.start for side in box], dtype=float)
    return np.asarray(points[np.lexsort(points.T[::-1])] + start)


def smooth_line(canal: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Smoothing spline through the centres of mass of the canal, one point for each slice."""
    box = bounding_box(canal)
    x, y, z = slice_means(canal[box])
    wanted = np.arange(box[2].stop - box[2].start, dtype=float)
    degree = SPLINE_DEGREE if len(z) > SPLINE_DEGREE else len(z) - 2
    if degree >= 1:
        smoothing = (len(z) / len(wanted)) ** 2 * SPLINE_SMOOTHING / 3
        x, y = (
            interpolate.splev(wanted, interpolate.splrep(z, v, k=degree, s=smoothing))
            for v in (x, y)
        )
    else:
        x, y = np.interp(wanted, z, x), np.interp(wanted, z, y)
    return np.stack([x, y, wanted], axis=1) + [float(side.start) for side in box]


def _voxels(seg: NDArray[Any], label: int, box: Box) -> Points:
    """Voxels of a label in C order."""
    return np.asarray(np.argwhere(seg[box] == label) + [side.start for side in box])


def _nearest(point: NDArray[Any], line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Point of a line nearest to a position; the first one of equal ones."""
    found: NDArray[np.float64] = line[((line - point) ** 2).sum(axis=1).argmin()]
    return found


def _closest_voxel(voxels: Points, line: NDArray[np.float64]) -> Points:
    """Voxel nearest to a line; the first one of equal ones."""
    distance, _ = cKDTree(line).query(voxels)
    # A rounding error must not decide between equal distances of whole positions.
    closest: Points = voxels[np.round(distance**2, 6).argmin()]
    return closest


def _nearest_on_line(voxels: Points, line: NDArray[np.float64]) -> Voxel:
    """Level on the line, beside the voxel of the disc that is nearest to it."""
    return _voxel(_nearest(_closest_voxel(voxels, line), line))


def _posterior_tip(voxels: Points, line: NDArray[np.float64]) -> Voxel:
    """Level on the disc: its voxel that is nearest to the line."""
    return _voxel(_closest_voxel(voxels, line))


def _voxel(point: NDArray[Any]) -> Voxel:
    x, y, z = (int(v) for v in np.rint(point))
    return x, y, z


def _upper_levels(
    seg: NDArray[Any],
    c2_c3: Voxel,
    line: NDArray[np.float64],
    c1_label: int,
    c2_label: int,
    profile: Profile,
) -> dict[int, Voxel]:
    """Levels C1 and C1-C2, from the top of C2 below C1 in the sagittal plane of level C2-C3."""
    c1 = seg == c1_label
    if np.count_nonzero(c1) <= profile.min_c1_voxels:
        return {}
    top = int(np.flatnonzero(c1.any(axis=(0, 1)))[-1])
    plane = seg[c2_c3[0], :, :top] == c2_label
    if not plane.any():
        return {}
    z = int(np.flatnonzero(plane.any(axis=0))[-1])
    tip = np.array([c2_c3[0], int(plane[:, z].argmax()), z])
    middle = (tip + c2_c3) // 2
    if profile.levels == "posterior":
        line = line.copy()
        line[:, :2] += np.array(c2_c3[:2]) - _nearest(np.array(c2_c3), line)[:2]
        inside = np.array(seg.shape) - 1
        return {
            LEVEL_C1: _voxel(np.clip(_nearest(tip, line), 0, inside)),
            LEVEL_C1_C2: _voxel(np.clip(_nearest(middle, line), 0, inside)),
        }
    return {
        LEVEL_C1: _voxel(_nearest(tip, line)),
        LEVEL_C1_C2: _voxel(_nearest(middle, line)),
    }
