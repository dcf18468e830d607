"""Which components of disc voxels are intervertebral discs.

Problem: vertebrae are separated by a plane through each disc, so a component that is not a disc
cuts a vertebra in two, and one component for two discs joins two vertebrae. The two-class network
leaves fragments of discs, finds discs within bodies, and lets two discs run together around the
tip of a wedged vertebra.

Rules, in this order; each is a test of one feature that discs have:

1. Size: components below `MIN_DISC_VOXELS` are ignored (`find_discs`).
2. Flatness: a disc fills a plane. If the plane fitted through a component runs through bone, the
   component is a fork of two discs, which is split along that plane (`split_forked_discs`, ours).
3. Size beside neighbours: discs grow steadily down the spine, so a component that is far smaller
   than one near it is a fragment (`drop_disc_fragments`, ours).
4. Spacing: neighbouring discs have similar distances, so the smaller one of a pair that is too
   close is not one (`_drop_crowding`, ours). The closest pair is judged first, because each
   removal changes the distances around it.

Effort: linear in voxels; O(discs^2) for rules 3 and 4.

Arrays have the axes sagittal slice, posterior to anterior, inferior to superior. Lengths are in
pixels of the slices, which have 0.85 mm where slices are resampled.
Source: spine-segmentation 0.3.2 for rule 1; the others are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.components import (
    component_centroids,
    component_sizes,
    label_components,
    much_smaller_than_neighbours,
)
from .names import DISC

MIN_DISC_VOXELS: Final = 100
"""Voxels below which a component of disc voxels is not a disc (spine-segmentation)."""
FRAGMENT_SHARE: Final = 0.25
"""Share of the largest disc near by below which a component is a fragment."""
NEAR_PIXELS: Final = 80.0
"""Difference of heights in pixels (about 70 mm at 0.85 mm) up to which discs are compared: they
grow from the cervical to the lumbar spine."""
CROWDED: Final = ((0.4, 1.0), (0.6, 0.5))
"""Two discs are too close if their distance is below the first number, as a share of the usual
distance, and the smaller one has at most the second number as a share of the larger."""
ENCLOSED_BONE_SHARE: Final = 0.35
"""Share of bone in the plane through a component above which the component encloses a body."""
MIN_ARM_SHARE: Final = 0.25
"""Share of a forked component that each of its two discs must have."""
MIN_SPACED_DISCS: Final = 3
"""Number of discs up to which their usual distance is not known."""
NEIGHBOUR_GAPS: Final = 3
"""Distances on either side of a disc whose median is the usual one."""


def find_discs(semantic: NDArray[Any]) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Discs numbered from the top, and their centroids."""
    components, count = label_components(semantic == DISC, 3)
    sizes = component_sizes(components, count)
    centres = component_centroids(components)
    large = [i for i in range(1, count + 1) if sizes[i] >= MIN_DISC_VOXELS]
    large.sort(key=lambda i: -centres[i][2])
    return _renumber(components, large, count), centres[large].reshape(-1, 3)


def drop_disc_fragments(
    discs: NDArray[np.int16], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Delete components that are fragments beside larger discs, and number the others anew.

    Parameters
    ----------
    discs
        Discs numbered from the top.
    centres
        Their centroids in voxels, shape (discs, 3).

    Returns
    -------
    discs, centres
        Those that remain.
    """
    sizes = component_sizes(discs, len(centres))[1:]
    heights = centres[:, 2]
    fragments = much_smaller_than_neighbours(sizes, heights, NEAR_PIXELS, FRAGMENT_SHARE)
    kept = _drop_crowding(np.flatnonzero(~fragments), heights, sizes)
    return _renumber(discs, 1 + kept, len(centres)), centres[kept]


def split_forked_discs(
    discs: NDArray[np.int16], centres: NDArray[np.float64], bone: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Split components that enclose a body: the discs above and below it, joined at its tip.

    Parameters
    ----------
    discs, centres
        As for `drop_disc_fragments`.
    bone
        Mask of the vertebrae.

    Returns
    -------
    discs, centres
        All discs, numbered from the top.
    """
    out, count = discs.copy(), len(centres)
    for number in range(1, count + 1):
        points = np.argwhere(discs == number)
        # Plane through the component: height as a linear function of slice and depth.
        level = np.column_stack([np.ones(len(points)), points[:, :2]])
        middle = level @ np.linalg.lstsq(level, points[:, 2], rcond=None)[0]
        rows = np.clip(np.round(middle).astype(int), 0, bone.shape[2] - 1)
        columns = np.unique(np.column_stack([points[:, :2], rows]), axis=0)
        # A disc holds its own plane; between the arms of a fork the plane runs through the body.
        if bone[tuple(columns.T)].mean() <= ENCLOSED_BONE_SHARE:
            continue
        lower = points[points[:, 2] < middle]
        # A plane that leaves little on one side does not part two discs.
        if MIN_ARM_SHARE <= len(lower) / len(points) <= 1 - MIN_ARM_SHARE:
            count += 1
            out[tuple(lower.T)] = count
    if count == len(centres):
        return discs, centres
    centroids = component_centroids(out)
    order = 1 + np.argsort(-centroids[1:, 2])
    return _renumber(out, order, count), centroids[order]


def _renumber(
    components: NDArray[Any], kept: Sequence[int] | NDArray[np.intp], count: int
) -> NDArray[np.int16]:
    """Keep some of `count` components and number them in the order given."""
    number = np.zeros(count + 1, dtype=np.int16)
    number[kept] = np.arange(1, len(kept) + 1)
    out: NDArray[np.int16] = number[components]
    return out


def _drop_crowding(
    discs: NDArray[np.intp], heights: NDArray[np.float64], sizes: NDArray[Any]
) -> NDArray[np.intp]:
    """Drop discs that are too close to a larger one, one at a time, from the closest pair on."""
    while len(discs) > MIN_SPACED_DISCS:
        gaps = -np.diff(heights[discs])
        doubtful = (_crowding_disc(pair, gaps, sizes[discs]) for pair in np.argsort(gaps))
        worse = next((place for place in doubtful if place is not None), None)
        if worse is None:
            break
        discs = np.delete(discs, worse)
    return discs


def _crowding_disc(pair: int, gaps: NDArray[np.float64], sizes: NDArray[Any]) -> int | None:
    """Place of the smaller of two neighbouring discs if they are too close, else None.

    Parameters
    ----------
    pair
        Place of the upper disc, and of the gap below it.
    gaps
        Distances of all neighbouring discs.
    sizes
        Voxels of all discs.
    """
    ends = sizes[pair : pair + 2]
    worse = int(pair + ends.argmin())
    # The usual distance comes from the other gaps: both gaps beside the disc in doubt are wrong.
    others = np.r_[gaps[: max(worse - 1, 0)][-NEIGHBOUR_GAPS:], gaps[worse + 1 :][:NEIGHBOUR_GAPS]]
    usual = float(np.median(others)) if len(others) else 0.0
    share = ends.min() / ends.max()
    close = any(gaps[pair] < near * usual and share <= most for near, most in CROWDED)
    return worse if close else None
