"""Bodies and discs as pieces, and how they lie beside the canal and one after another.

Everything is measured from moments of the masks, so that voxels are read once and a piece is a
dozen numbers. Arrays have the axes P, I, R; lengths are mm along them. Source: ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from .components import (
    bounding_box,
    component_sizes,
    components_by_size,
)

FloatArray = NDArray[np.float64]

MIN_CANAL_SHARE: Final = 0.2
"""Share of the largest piece of the canal below which a piece is not trusted."""
MOST_PIECES: Final = 200
"""Only so many pieces, the largest, are told apart: what noise leaves beside them is no body."""
SMOOTH_MM: Final = 25.0
"""Length over which the line through the canal is averaged, about one vertebra: its direction is
that of the spine there, not that of the steps between voxels. Chosen."""
CANAL_REACH_MM: Final = 10.0
"""Nothing is known of the canal farther than this above or below its ends."""
BORDER_MM: Final = 6.0
"""Distance from the upper or lower border up to which it may cut a piece off: images are padded on
the way to a network by four voxels (SPINEPS), and networks see little at their border. Chosen."""
BOX: Final = 12.0
"""A box of length L has the variance L**2 / 12 along it."""
FORWARD: Final = np.array([-1.0, 0.0, 0.0])


@dataclass(frozen=True)
class Pieces:
    """Pieces of bodies and discs, each a row.

    Parameters
    ----------
    components
        Number of each voxel, 0 without a piece; number n is row n - 1 of all others.
    is_disc
        Shape (n,), bool.
    centroids
        Shape (n, 3).
    spreads
        Covariance of the voxels, shape (n, 3, 3), mm2.
    volumes
        Shape (n,), mm3.
    is_cut
        Whether the upper or lower border of the image cuts a piece off, shape (n,), bool.
    """

    components: NDArray[Any]
    is_disc: NDArray[np.bool_]
    centroids: FloatArray
    spreads: FloatArray
    volumes: FloatArray
    is_cut: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of pieces."""
        return len(self.volumes)

    def lengths(self, directions: FloatArray) -> FloatArray:
        """Length of each piece along unit vectors of shape (n, ..., 3), as that of a box."""
        variance = np.einsum("n...a,nab,n...b->n...", directions, self.spreads, directions)
        return np.asarray(np.sqrt(BOX * np.maximum(variance, 0)))


def find_pieces(bodies: NDArray[Any], discs: NDArray[np.bool_], zoom: Sequence[float]) -> Pieces:
    """Face-connected pieces of bodies and of discs, from the largest on.

    Parameters
    ----------
    bodies
        Mask, or numbers of bodies, which are pieces of their own where they touch.
    discs
        Mask.
    zoom
        Voxel size.
    """
    disc = int(bodies.max(initial=0)) + 1
    both = np.where(discs, disc, bodies).astype(np.uint16)
    components, count = components_by_size(both, 1)
    if count > MOST_PIECES:
        components[components > MOST_PIECES] = 0
        count = MOST_PIECES
    step = np.asarray(zoom, dtype=float)
    said = cc3d.statistics(components.astype(np.uint32, copy=False))
    volumes = np.multiply(said["voxel_counts"][1:], step.prod(), dtype=float)
    centroids = said["centroids"][1:] * step
    spreads = np.zeros((count, 3, 3))
    is_disc, is_cut = np.zeros((2, count), dtype=bool)
    for row, box in enumerate(said["bounding_boxes"][1:]):
        places = np.argwhere(components[box] == row + 1)
        is_disc[row] = both[box][tuple(places[0])] == disc
        is_cut[row] = min(box[1].start, both.shape[1] - box[1].stop) * step[1] < BORDER_MM
        offsets = (places - places.mean(axis=0)) * step
        spreads[row] = offsets.T @ offsets / len(places) + np.diag(step**2 / BOX)
    return Pieces(components, is_disc, centroids, spreads, volumes, is_cut)


@dataclass(frozen=True)
class CanalLine:
    """Line through the middle of the canal, from top to bottom.

    Parameters
    ----------
    points
        Shape (rows, 3).
    directions
        Unit vectors downward, shape (rows, 3).
    through_sacrum
        Whether it ends in the sacrum, below which there is no column.
    """

    points: FloatArray
    directions: FloatArray
    through_sacrum: bool = False


def canal_line(
    canal: NDArray[np.bool_],
    zoom: Sequence[float],
    sacrum: NDArray[np.bool_] | None = None,
) -> CanalLine | None:
    """Smooth line through the canal, a point a row; None without a canal.

    Rows without canal between others are interpolated. Below its lower end the line goes on
    through the sacrum, so that what lies in front of that is known to be no part of the column.

    Parameters
    ----------
    canal, sacrum
        Masks; that of the canal may include the cord.
    zoom
        Voxel size.
    """
    rows, middles, volume = _middles(canal)
    if not len(rows):
        return None
    through_sacrum = False
    if sacrum is not None and np.count_nonzero(sacrum) >= MIN_CANAL_SHARE * volume:
        through_sacrum = True
        lower, lower_middles, _ = _middles(sacrum)
        below = lower > rows[-1]
        rows = np.concatenate([rows, lower[below]])
        middles = np.concatenate([middles, lower_middles[below]])
    step = np.asarray(zoom, dtype=float)
    window = max(round(SMOOTH_MM / step[1]), 1)
    every = np.arange(rows[0], rows[-1] + 1)
    front, aside = (_smooth(np.interp(every, rows, values), window) for values in middles.T)
    points = np.stack([front, every, aside], axis=1) * step
    if len(points) < 2:
        return CanalLine(points, np.array([[0.0, 1.0, 0.0]]))
    directions = np.gradient(points, axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return CanalLine(points, directions, through_sacrum)


def _middles(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], FloatArray, int]:
    """Rows of the large pieces of a mask, their middle along P and R in each row, their voxels."""
    if not mask.any():
        return np.zeros(0, dtype=np.intp), np.zeros((0, 2)), 0
    box = bounding_box(mask)
    pieces, count = components_by_size(mask[box], 3)
    sizes = component_sizes(pieces, count)
    large = 1 + np.flatnonzero(sizes[1:] >= MIN_CANAL_SHARE * sizes[1])
    p, i, r = np.nonzero(np.isin(pieces, large))
    weight = np.bincount(i)
    rows = np.flatnonzero(weight)
    sums = np.stack([np.bincount(i, weights=values)[rows] for values in (p, r)], axis=1)
    start = [box[0].start, box[2].start]
    return rows + box[1].start, sums / weight[rows, None] + start, len(p)


def _smooth(values: FloatArray, window: int) -> FloatArray:
    """Moving average; both ends are continued as they begin, turned by half a circle."""
    half = min(window // 2, len(values) - 1)
    if half < 1:
        return values
    head = 2 * values[0] - values[half:0:-1]
    tail = 2 * values[-1] - values[-2 : -half - 2 : -1]
    kernel = np.full(2 * half + 1, 1 / (2 * half + 1))
    return np.asarray(np.convolve(np.concatenate([head, values, tail]), kernel, mode="valid"))


@dataclass(frozen=True)
class Places:
    """How pieces lie beside the canal; without one the spine is taken to run along the axis I.

    Parameters
    ----------
    heights
        Along the canal, growing downward.
    depths
        Length of each piece from its rear to its front.
    rear
        Distance of the rear face in front of the middle of the canal; nan where there is none.
    aside
        Distance of the centroid to one side of the canal; nan where there is none.
    """

    heights: FloatArray
    depths: FloatArray
    rear: FloatArray
    aside: FloatArray


def places_of(pieces: Pieces, canal: CanalLine | None) -> Places:
    """Places of pieces beside the canal."""
    if canal is None:
        unknown = np.full(len(pieces), np.nan)
        depths = pieces.lengths(np.tile(FORWARD, (len(pieces), 1)))
        return Places(pieces.centroids[:, 1], depths, unknown, unknown)
    distance = ((pieces.centroids[:, None] - canal.points) ** 2).sum(axis=2)
    rows = distance.argmin(axis=1)
    down, offset = canal.directions[rows], pieces.centroids - canal.points[rows]
    beyond = (offset * down).sum(axis=1)
    front = FORWARD - (down @ FORWARD)[:, None] * down
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    depths = pieces.lengths(front)
    unknown = (beyond < -CANAL_REACH_MM) | ((beyond > CANAL_REACH_MM) & (not canal.through_sacrum))
    known = np.where(unknown, np.nan, 1.0)
    return Places(
        canal.points[rows, 1] + beyond,
        depths,
        known * ((offset * front).sum(axis=1) - depths / 2),
        known * (offset * np.cross(front, down)).sum(axis=1),
    )


@dataclass(frozen=True)
class Steps:
    """Steps from each piece j to each piece k, arrays of shape (j, k).

    Parameters
    ----------
    directions
        Unit vectors between the centroids, shape (j, k, 3).
    distances
        Between the centroids.
    gaps
        Between both pieces, as boxes; negative if they overlap.
    """

    directions: FloatArray
    distances: FloatArray
    gaps: FloatArray


def steps_between(pieces: Pieces) -> Steps:
    """Steps between all pieces."""
    ahead = pieces.centroids[None] - pieces.centroids[:, None]
    distances = np.linalg.norm(ahead, axis=2)
    directions = ahead / np.maximum(distances, 1e-6)[..., None]
    lengths = pieces.lengths(directions)
    return Steps(directions, distances, distances - (lengths + lengths.T) / 2)
