"""Vertebral bodies and discs in masks of SPIDER, which join all vertebrae in one value.

All arrays are (P, I, R). The benchmarks read the same masks by frozen rules of their own
(`benchmarks/against_truth/spider_bodies.py`): what training learns from may change, what it is
measured with may not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy import ndimage

from spineps_nipype.core import anatomy
from spineps_nipype.core.components import (
    component_centroids,
    component_sizes,
    label_components,
)

VERTEBRA, DISC, CANAL = 1, 2, 3
"""Values of a mask."""
MIN_BODY_MM3: Final = 1500.0
"""Smaller pieces of vertebrae in front of the canal are no bodies."""
MIN_DISC_MM3: Final = 300.0
"""Smaller pieces of discs separate nothing."""
NEAR_DISC_MM: Final = 40.0
"""Bone further than this from the middle of a disc, along any axis, is not divided by it."""
DIVIDED: Final = 0.15
"""A disc divides a piece of bone if this share of it or more lies on either side of its plane."""
CANAL_MARGIN_MM: Final = 2.0
"""Bodies end this far in front of the canal."""
CANAL_PART: Final = 0.02
"""Pieces below this share of the largest are no canal: interpolated masks of SPIDER have specks
of its value where discs end, half-way between background and the value of a disc."""
LEVELS: Final = tuple(
    name for label, name in anatomy.VERTEBRA_NAMES.items() if label in range(1, 25)
)
"""C1 to L5."""

Array = np.ndarray


def number_bodies(mask: Array, spacing: Sequence[float]) -> Array:
    """Bodies of a mask, numbered from the top.

    A body is bone in front of the canal. Discs separate bodies, also where a bridge of bone
    around the disc joins two of them.

    Parameters
    ----------
    spacing
        Voxel size, mm.
    """
    canal = _without_specks(mask == CANAL)
    rows = np.flatnonzero(canal.any(axis=(0, 2)))
    if not len(rows):
        return np.zeros(mask.shape, np.uint8)
    # the front of the canal in each row; rows that show no canal take it from their neighbours
    front = np.array([np.flatnonzero(canal[:, row].any(axis=1))[0] for row in rows])
    limit = np.interp(np.arange(mask.shape[1]), rows, front) - CANAL_MARGIN_MM / spacing[0]
    before = np.arange(mask.shape[0])[:, None] < limit[None]
    pieces, count = ndimage.label((mask == VERTEBRA) & before[..., None])
    count = _split_bridged(pieces, count, mask == DISC, spacing)
    sizes = np.bincount(pieces.ravel()) * float(np.prod(spacing))
    kept = [k for k in range(1, count + 1) if sizes[k] >= MIN_BODY_MM3]
    heights = {k: float(np.nonzero(pieces == k)[1].mean()) for k in kept}
    table = np.zeros(count + 1, np.uint8)
    for number, piece in enumerate(sorted(kept, key=heights.__getitem__), start=1):
        table[piece] = number
    return np.asarray(table[pieces])


def _without_specks(canal: Array) -> Array:
    pieces, count = label_components(canal, 3)
    sizes = component_sizes(pieces, count)
    sizes[0] = 0
    return np.asarray((sizes > CANAL_PART * sizes.max())[pieces])


def _split_bridged(pieces: Array, count: int, discs: Array, spacing: Sequence[float]) -> int:
    """Cut pieces of bone in place along the planes of the discs that divide them.

    Returns
    -------
    int
        Number of pieces now; the lower half of a cut piece has a new number.
    """
    scale = np.asarray(spacing)
    for voxels in _disc_voxels(discs, scale):
        middle, normal = disc_plane(voxels)
        beside = np.all(np.abs(np.argwhere(pieces) * scale - middle) < NEAR_DISC_MM, axis=1)
        near = pieces[pieces > 0][beside]
        for piece in np.unique(near):
            bone = np.argwhere(pieces == piece)
            lower = (bone * scale - middle) @ normal > 0
            # a spur beyond the plane leaves the piece whole
            if min(np.count_nonzero(lower), np.count_nonzero(~lower)) < DIVIDED * len(bone):
                continue
            count += 1
            pieces[tuple(bone[lower].T)] = count
    return count


def _disc_voxels(discs: Array, scale: Array) -> Iterator[Array]:
    """Places of the voxels of each disc that is no speck, mm."""
    labels, count = ndimage.label(discs)
    for number in range(1, count + 1):
        voxels = np.argwhere(labels == number) * scale
        if len(voxels) * scale.prod() >= MIN_DISC_MM3:
            yield voxels


def disc_plane(voxels: Array) -> tuple[Array, Array]:
    """Middle of a disc, and the direction in which it is thinnest, pointing down.

    Parameters
    ----------
    voxels
        Their places, mm (P, I, R).
    """
    middle = voxels.mean(axis=0)
    normal = np.linalg.svd(np.cov((voxels - middle).T))[0][:, 2]
    return middle, normal * (np.sign(normal[1]) or 1.0)


def large_discs(discs: Array, spacing: Sequence[float]) -> tuple[Array, Array, Array]:
    """Discs of a mask without its specks.

    Parameters
    ----------
    spacing
        Voxel size, mm.

    Returns
    -------
    pieces, numbers, rows
        All pieces numbered, the numbers of the discs, and the row of the middle of each disc.
    """
    pieces, count = label_components(discs, 1)
    sizes = component_sizes(pieces, count)[1:] * float(np.prod(spacing))
    large = np.flatnonzero(sizes >= MIN_DISC_MM3)
    return pieces, 1 + large, component_centroids(pieces)[1:, 1][large]


def disc_below(bodies: Array, mask: Array) -> bool:
    """Whether there is a disc below the lowest body.

    Parameters
    ----------
    bodies
        From `number_bodies`.
    """
    lowest = np.nonzero(bodies == bodies.max())[1].mean()
    discs, count = ndimage.label(mask == DISC)
    middles = ndimage.mean(np.indices(mask.shape)[1], discs, range(1, count + 1))
    return bool(np.max(middles, initial=-1) > lowest)


def lumbar_names(count: int) -> dict[int, str]:
    """Names of bodies that are numbered from the top, the last of which is L5."""
    if not 0 < count <= len(LEVELS):
        return {}
    return dict(enumerate(LEVELS[len(LEVELS) - count :], start=1))


def vertebra_counts(root: Path) -> dict[str, int]:
    """Number of vertebrae in each scan of SPIDER, by subject.

    Parameters
    ----------
    root
        BIDS folder with the column ``num_vertebrae`` in its participants table.
    """
    with (root / "participants.tsv").open(encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return {row["participant_id"]: int(row["num_vertebrae"]) for row in rows}
