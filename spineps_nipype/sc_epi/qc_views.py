"""Views for quality control: the slices shown, and centres and sizes of their tiles.

Volumes are reoriented so that axis 0 counts slices and axes 1 and 2 are rows and columns of a
picture. Axial slices run from superior, their rows from anterior, their columns from the left of
the picture; sagittal slices run from right, their rows from superior, their columns from
posterior. Source: Spinal Cord Toolbox 7.0, quality control of segmentations.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.volume import Volume
from .settings import Numerics, Plane
from .upstream import upstream

logger = logging.getLogger(__name__)

AXES: Final[dict[Plane, tuple[str, str, str]]] = {
    "Axial": ("I", "P", "R"),
    "Sagittal": ("L", "I", "A"),
}
"""Directions of the axes of a view, in axis codes of nibabel."""
IMAGE_ORDER, MASK_ORDER = 2, 1
"""Degree of the splines that resample image and masks to the pixel size of the picture."""
HALF: Final = 0.5
MIN_AXIAL_RADIUS: Final = 15
"""Smallest half size of an axial tile, in pixels of the picture."""
AXIAL_WIDENING: Final = 1.2
"""Size of an axial tile as a multiple of that of the crop mask."""
SAGITTAL_WIDENING: Final = 0.1
"""Share of the width of the crop mask by which half a sagittal tile is widened."""
SAGITTAL_PARTS: Final = 4
"""Half a sagittal tile has at least the width of the image divided by this."""
AXIAL_MARGIN, SAGITTAL_MARGIN = 3, 2
"""Slices that are shown beyond the crop mask."""
MAX_SAGITTAL_SLICES: Final = 30
"""Largest number of sagittal slices without a crop mask."""

Radius = tuple[int, int]


@dataclass(frozen=True)
class View:
    """Slices of image and mask, and the tiles to cut out of them.

    Parameters
    ----------
    image
        Shape (slices, rows, columns).
    mask
        On the same grid, bool.
    centres
        Row and column of the centre of each tile, shape (slices, 2).
    radius
        Half of the rows and columns of a tile.
    plane
        Direction of the slices.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    centres: NDArray[np.float64]
    radius: Radius
    plane: Plane


def view_of(
    image: Volume,
    mask: Volume,
    plane: Plane,
    *,
    crop: Volume | None = None,
    resolution: float = 0.6,
    numerics: Numerics = "corrected",
) -> View:
    """Choose slices, centres and size of the tiles.

    Parameters
    ----------
    image, mask
        On the same grid; probabilities above one half count as mask.
    plane
        Axial or sagittal.
    crop
        Mask around which tiles are cut out, on the same grid.
    resolution
        Pixel size of the picture in mm.
    numerics
        Corrected: tiles are large enough for the masks, and rows and columns are not mixed up.
        Under ``original``, axial tiles without a crop mask always have 15 pixels around their
        centre, and the rows of sagittal tiles depend on the number of columns. Sizes of tiles
        that make the original fail are rounded down.
    """
    grey = _resampled_in_plane(image, plane, resolution, IMAGE_ORDER).astype(np.float32)
    seg = _mask_in_plane(mask, plane, resolution)
    box = None if crop is None else _mask_in_plane(crop, plane, resolution)
    if box is not None and not box.any():
        logger.warning("the crop mask is empty; tiles are cut as without it")
        box = None
    chosen = _shown_slices(seg, box, plane)
    grey, seg = grey[chosen], seg[chosen]
    box = None if box is None else box[chosen]
    if plane == "Axial":
        around = seg if box is None else box
        return View(grey, seg, slice_centres(around), _axial_radius(seg, box, numerics), plane)
    size = seg.shape[1:]
    if box is None:
        middle = np.tile([size[0] / 2, size[1] / 2], (len(seg), 1))
        return View(grey, seg, middle, (_half(size[0]), _half(size[1])), plane)
    return View(grey, seg, slice_centres(box), _sagittal_radius(box, numerics), plane)


def slice_centres(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Centre of mass of each slice; slices without mask get interpolated ones.

    Returns
    -------
    array
        Shape (slices, 2); 0 without any mask.
    """
    have = np.flatnonzero(mask.any(axis=(1, 2)))
    out = np.zeros((len(mask), 2))
    if not len(have):
        return out
    centres = np.array([ndimage.center_of_mass(mask[i]) for i in have])
    index = np.arange(len(mask))
    for k in range(2):
        out[:, k] = np.interp(index, have, centres[:, k])
    return out


def extents(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Last minus first row and column of each slice that has a mask, shape (slices, 2)."""
    have = mask[np.flatnonzero(mask.any(axis=(1, 2)))]
    sides = [have.any(axis=2), have.any(axis=1)]
    spans = [
        side.shape[1] - 1 - np.flip(side, 1).argmax(axis=1) - side.argmax(axis=1) for side in sides
    ]
    return np.stack(spans, axis=1).astype(np.int64)


def _axial_radius(
    seg: NDArray[np.bool_], crop: NDArray[np.bool_] | None, numerics: Numerics
) -> Radius:
    if upstream(numerics).axial_tiles_fixed:
        if crop is None:
            return MIN_AXIAL_RADIUS, MIN_AXIAL_RADIUS
        span = extents(crop)
        both = [
            max(MIN_AXIAL_RADIUS, int((span[:, k] * AXIAL_WIDENING // 2).max())) for k in (0, 1)
        ]
        return both[0], both[1]
    around = seg if crop is None else crop
    span = extents(around) + 1
    widest = math.ceil(span.max(initial=0) * AXIAL_WIDENING / 2)
    same = max(MIN_AXIAL_RADIUS, widest)
    return same, same


def _sagittal_radius(crop: NDArray[np.bool_], numerics: Numerics) -> Radius:
    rows, columns = crop.shape[1:]
    width = extents(crop)[:, 1] + 1
    wanted = int((width // 2 + (SAGITTAL_WIDENING * width) // 2).max())
    if upstream(numerics).sagittal_sides_swapped:
        return _half(columns), max(rows // SAGITTAL_PARTS, wanted)
    return _half(rows), max(columns // SAGITTAL_PARTS, wanted, 1)


def _half(size: int) -> int:
    return max(size // 2, 1)


def _shown_slices(seg: NDArray[np.bool_], crop: NDArray[np.bool_] | None, plane: Plane) -> slice:
    """Range of the slices that are shown."""
    count = len(seg)
    if crop is not None:
        have = np.flatnonzero(crop.any(axis=(1, 2)))
        margin = AXIAL_MARGIN if plane == "Axial" else SAGITTAL_MARGIN
        return slice(max(int(have[0]) - margin, 0), min(int(have[-1]) + 1 + margin, count))
    if plane == "Axial" or count <= MAX_SAGITTAL_SLICES:
        return slice(0, count)
    logger.warning("%d sagittal slices: %d around the mask are shown", count, MAX_SAGITTAL_SLICES)
    have = np.flatnonzero(seg.any(axis=(1, 2)))
    middle = int(have.mean()) if len(have) else count // 2
    start = min(max(middle - MAX_SAGITTAL_SLICES // 2, 0), count - MAX_SAGITTAL_SLICES)
    return slice(start, start + MAX_SAGITTAL_SLICES)


def _mask_in_plane(nii: Volume, plane: Plane, resolution: float) -> NDArray[np.bool_]:
    return np.asarray(_resampled_in_plane(nii, plane, resolution, MASK_ORDER) > HALF)


def _resampled_in_plane(nii: Volume, plane: Plane, resolution: float, order: int) -> NDArray[Any]:
    """Reoriented volume with square pixels of a size in mm; the distance of slices stays."""
    turned = nii.reorient(AXES[plane])
    data = turned.get_array().astype(np.float32)
    zoom = [float(z) for z in turned.zoom]
    size = [
        max(1, round(n * z / resolution)) for n, z in zip(data.shape[1:], zoom[1:], strict=True)
    ]
    steps = [n / m for n, m in zip(data.shape[1:], size, strict=True)]
    offset = [(s - 1) / 2 for s in steps]
    return np.stack(
        [
            ndimage.affine_transform(
                part, np.array(steps), offset, output_shape=size, order=order, mode="nearest"
            )
            for part in data
        ]
    )
