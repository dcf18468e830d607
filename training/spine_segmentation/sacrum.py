"""The sacrum, which SPIDER masks lack: where it may lie, and where its top certainly does.

All axes are (P, I, R).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.common.spider_masks import CANAL, DISC, disc_plane, large_discs

GAP_MM: Final = 1.0
"""Between the disc and bone; it is the endplate."""
TOP_MM: Final = 10.0
"""Down to this depth below the lowest disc lies the body of S1, which is almost 30 mm high."""
CORE: Final = 0.9
"""Share of the depth (P) of the disc below which S1 lies; discs bulge in front and behind."""
FREE_MM: Final = 5.0
"""Further than this in front of that share there is no bone."""

Array = np.ndarray


@dataclass(frozen=True)
class SacrumPlace:
    """Masks of a scan.

    Parameters
    ----------
    below
        All that lies below the plane of the lowest disc.
    top
        Body of S1, as far down as it is certain.
    before
        What certainly lies in front of it, at the same height.
    """

    below: Array
    top: Array
    before: Array


def locate_sacrum(mask: Array, bodies: Array, spacing: Sequence[float]) -> SacrumPlace | None:
    """Where S1 lies according to the disc above it; None without a disc below the lowest body.

    Parameters
    ----------
    mask
        SPIDER mask.
    bodies
        Numbered from the top, see `spider_masks.number_bodies`.
    """
    disc = _lowest_disc(mask == DISC, spacing)
    if disc is None or not bodies.any():
        return None
    if np.nonzero(disc)[1].mean() <= np.nonzero(bodies == bodies.max())[1].mean():
        return None
    scale = np.asarray(spacing)
    middle, normal = disc_plane(np.argwhere(disc) * scale)
    # the axes of the disc: down along its normal, and backward within its plane
    backward = np.array([1.0, 0.0, 0.0]) - normal[0] * normal
    backward /= np.linalg.norm(backward)
    offset = np.moveaxis(np.indices(mask.shape), 0, -1) * scale - middle
    height, depth = offset @ normal, offset @ backward
    front, back = np.quantile(depth[disc], [(1 - CORE) / 2, (1 + CORE) / 2])
    # the lower surface of the disc, one height for each mm of depth
    columns = np.round(depth - front).astype(int)
    surface = np.full(round(back - front) + 1, -np.inf)
    inside = (columns >= 0) & (columns < len(surface))
    np.maximum.at(surface, columns[disc & inside], height[disc & inside])
    floor = np.where(inside, surface[np.clip(columns, 0, len(surface) - 1)], np.inf)
    top = np.isfinite(floor) & (height > floor + GAP_MM) & (height < floor + TOP_MM)
    top &= disc.any(axis=(0, 1)) & (mask != CANAL)
    before = (height > 0) & (height < TOP_MM) & (depth < front - FREE_MM)
    return SacrumPlace(height > 0, top, before)


def _lowest_disc(discs: Array, spacing: Sequence[float]) -> Array | None:
    pieces, numbers, rows = large_discs(discs, spacing)
    return np.asarray(pieces == numbers[rows.argmax()]) if len(numbers) else None
