"""Planes across the spine, one for each disc or vertebra, and the voxels below them.

Coordinates are voxels: sagittal slice, posterior to anterior, inferior to superior.
Source: spine-segmentation 0.3.2, splitting by disc planes.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .settings import Numerics
from .upstream import upstream

FIT_POINTS: Final = 4
"""Centroids at each end from which the curve is extrapolated."""
FIT_DEGREE: Final = 2
VOXEL_CENTRE: Final = 0.5
"""Added by the original to voxel indices, but not to centroids, before it compares them."""
UP: Final = (0.0, 0.0, 1.0)
"""Normal where no direction is known."""

Points = NDArray[np.float64]


def plane_normals(centroids: Points, numerics: Numerics = "corrected") -> Points:
    """Upward unit normals of planes through points along the spine.

    The normal at a point is the direction from its lower to its upper neighbour; at both ends the
    curve is extrapolated by one point.

    Parameters
    ----------
    centroids
        Shape (n, 3), from superior to inferior.
    numerics
        Two points are extrapolated along a line; under ``original`` along a parabola.

    Returns
    -------
    array
        Shape (n, 3). A single point has the normal of the third axis.
    """
    if len(centroids) == 0:
        return np.zeros((0, 3))
    if len(centroids) == 1:
        return np.array([UP])
    curve = np.vstack(
        [
            _extrapolated(centroids[:FIT_POINTS], numerics),
            centroids,
            _extrapolated(centroids[::-1][:FIT_POINTS], numerics),
        ]
    )
    normals = curve[:-2] - curve[2:]
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.where(length > 0, length, 1), UP)


def below_plane(points: NDArray[Any], centre: Points, normal: Points) -> NDArray[np.bool_]:
    """Whether voxel indices of shape (n, 3) lie below a plane."""
    return np.asarray((points + VOXEL_CENTRE - centre) @ normal < 0)


def centroids_of(labels: NDArray[Any], numbers: NDArray[Any] | list[int]) -> Points:
    """Centroid of each number in voxels, shape (n, 3); every number must occur."""
    points = np.argwhere(labels != 0)
    values = labels[tuple(points.T)]
    return np.array([points[values == n].mean(axis=0) for n in numbers]).reshape(-1, 3)


def _extrapolated(points: Points, numerics: Numerics) -> Points:
    """One point before the first of up to four points."""
    steps = np.arange(len(points), dtype=float)
    forced = upstream(numerics).parabola_through_two
    degree = FIT_DEGREE if forced else min(FIT_DEGREE, len(points) - 1)
    # Least squares of smallest norm: two points leave a parabola undetermined.
    powers = np.vander(steps, degree + 1)
    scale = np.sqrt((powers * powers).sum(axis=0))
    factors = np.linalg.lstsq(powers / scale, points, rcond=None)[0]
    at_minus_one = np.vander([-1.0], degree + 1)
    return np.asarray((at_minus_one / scale) @ factors)
