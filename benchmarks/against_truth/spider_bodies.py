"""Vertebral bodies in truth masks that join all vertebrae in one value, as those of SPIDER do.

These rules are frozen: they are the ruler of the figures and do not follow what training makes of
the same masks. Whoever changes what they give raises `truth.TRUTH_VERSION`, since figures of
different versions cannot be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from scipy import ndimage

from spineps_nipype.core import anatomy
from spineps_nipype.core.components import component_sizes, label_components

MIN_BODY_MM3: Final = 1500.0
"""Smaller pieces of vertebrae in front of the canal are no bodies."""
MIN_DISC_MM3: Final = 300.0
"""Smaller pieces of discs separate nothing."""
NEAR_DISC_MM: Final = 40.0
"""Bone further than this from the middle of a disc, along any axis, is not divided by it."""
MIN_DIVIDED_SHARE: Final = 0.15
"""A disc divides a piece of bone if this share of it or more lies on either side of its plane."""
CANAL_MARGIN_MM: Final = 2.0
"""Bodies end this far in front of the canal."""
MIN_CANAL_SHARE: Final = 0.02
"""Pieces below this share of the largest are no canal: interpolated masks of SPIDER have specks
of its value where discs end, half-way between background and the value of a disc."""
LEVELS: Final = tuple(anatomy.VERTEBRA_NAMES[label] for label in range(1, 25))
"""C1 to L5."""

Array = np.ndarray


def number_bodies(vertebrae: Array, discs: Array, canal: Array, spacing: Sequence[float]) -> Array:
    """Bodies of the vertebrae, numbered from the top.

    A body is bone in front of the canal. Discs separate bodies, also where a bridge of bone
    around the disc joins two of them.

    Parameters
    ----------
    vertebrae, discs, canal
        Masks (P, I, R), bool.
    spacing
        Voxel size, mm.

    Returns
    -------
    array
        uint8, 0 where no body is.
    """
    canal = _without_specks(canal)
    rows = np.flatnonzero(canal.any(axis=(0, 2)))
    if not len(rows):
        return np.zeros(vertebrae.shape, np.uint8)
    # the front of the canal in each row; rows that show no canal take it from their neighbours
    front = np.array([np.flatnonzero(canal[:, row].any(axis=1))[0] for row in rows])
    limit = np.interp(np.arange(canal.shape[1]), rows, front) - CANAL_MARGIN_MM / spacing[0]
    before = np.arange(canal.shape[0])[:, None] < limit[None]
    pieces, count = ndimage.label(vertebrae & before[..., None])
    for voxels in _disc_voxels(discs, np.asarray(spacing)):
        count = _divide(pieces, count, voxels, np.asarray(spacing))
    sizes = np.bincount(pieces.ravel()) * float(np.prod(spacing))
    kept = [k for k in range(1, count + 1) if sizes[k] >= MIN_BODY_MM3]
    heights = {k: float(np.nonzero(pieces == k)[1].mean()) for k in kept}
    table = np.zeros(count + 1, np.uint8)
    table[sorted(kept, key=heights.__getitem__)] = np.arange(1, len(kept) + 1)
    return np.asarray(table[pieces])


def _without_specks(canal: Array) -> Array:
    pieces, count = label_components(canal, 3)
    sizes = component_sizes(pieces, count)
    sizes[0] = 0
    return np.asarray((sizes > MIN_CANAL_SHARE * sizes.max())[pieces])


def _disc_voxels(discs: Array, scale: Array) -> Iterator[Array]:
    """Places of the voxels of each disc that is no speck, mm."""
    labels, count = ndimage.label(discs)
    for number in range(1, count + 1):
        voxels = np.argwhere(labels == number) * scale
        if len(voxels) * scale.prod() >= MIN_DISC_MM3:
            yield voxels


def _divide(pieces: Array, count: int, disc: Array, scale: Array) -> int:
    """Cut the pieces of bone that a disc divides, in place; returns how many there are now."""
    middle, normal = _plane(disc)
    near = [
        np.flatnonzero(np.abs(np.arange(n) * step - centre) < NEAR_DISC_MM)
        for n, step, centre in zip(pieces.shape, scale, middle, strict=True)
    ]
    for piece in np.unique(pieces[np.ix_(*near)]):
        if not piece:
            continue
        bone = np.argwhere(pieces == piece)
        lower = (bone * scale - middle) @ normal > 0
        smaller = min(np.count_nonzero(lower), np.count_nonzero(~lower))
        if smaller >= MIN_DIVIDED_SHARE * len(bone):  # else it is a spur beyond the plane
            count += 1
            pieces[tuple(bone[lower].T)] = count
    return count


def _plane(disc: Array) -> tuple[Array, Array]:
    """Middle of a disc [mm], and the direction in which it is thinnest, pointing down."""
    middle = disc.mean(axis=0)
    normal = np.linalg.svd(np.cov((disc - middle).T))[0][:, 2]
    return middle, normal * (np.sign(normal[1]) or 1.0)


def lumbar_names(count: int) -> dict[int, str]:
    """Names of bodies that are numbered from the top, the last of which is L5."""
    if not 0 < count <= len(LEVELS):
        return {}
    return dict(enumerate(LEVELS[len(LEVELS) - count :], start=1))
