"""Mosaic of sagittal slices and a curved coronal cut with masks, names and disc levels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import CANAL, CORD, CORPUS, CORPUS_BORDER, DISC
from ..core.components import bounding_box
from ..core.files import whole_file
from ..core.marks import picture_options
from ..core.volume import Volume
from .mosaic_layout import KEY, ROWS, MosaicLayout, Panel
from .mosaic_panel import LABEL_HEIGHT, Cut, disc_names, draw_panel

OFFSETS_MM: Final = (-12.0, -6.0, 0.0, 6.0, 12.0)
"""Wanted distances of the sagittal slices to the right of the middle of the canal [mm]."""
NEAR_MM: Final = 6.0
"""Distance of two wanted slices [mm]."""
MARGIN_MM: Final = 32.0
"""What is shown of the image before, behind and beside the masks [mm]; its height stays whole."""
COARSEST_MM: Final = 0.8
FINEST_MM: Final = 0.25
"""Largest and smallest size of a pixel: for whole spines, and for short images."""
MIN_HEIGHT: Final = 640
"""Height to which short images are enlarged, down to the finest pixels [pixels]."""
GAP: Final = 6
WINDOW: Final = (1.0, 99.5)
PNG_LEVEL: Final = 3
"""Level of compression: a tenth of the time of the smallest file, which is 8 % smaller."""


def draw_mosaic(image: Volume, spine: Volume, vert: Volume, path: str | Path) -> Path:
    """Draw each cut three times: alone, with vertebrae and discs by name, and with tissues.

    The right column is a coronal cut that follows the bodies, so that it bends with the spine. As
    is usual in radiology, the right side of the patient is on the left. What the image shows far
    from the masks is left out, but never above or below them. The picture carries the places of
    its panels, see `MosaicLayout`.

    Parameters
    ----------
    image, spine, vert
        Image and final masks on the same grid, any orientation.
    """
    from PIL import Image

    parts = [nii.reorient(("P", "I", "L")) for nii in (image, spine, vert)]
    grey, tissue, number = (part.get_array() for part in parts)
    zoom = tuple(float(size) for size in parts[0].zoom)
    low, high = np.percentile(grey, WINDOW)
    grey = np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1)
    cuts = _cuts(grey, tissue, number, zoom)
    pixel = float(np.clip(grey.shape[1] * zoom[1] / MIN_HEIGHT, FINEST_MM, COARSEST_MM))
    discs = disc_names(number)
    rows = [[draw_panel(cut, kind, pixel, discs) for cut in cuts] for kind in ROWS]
    layout = _layout(cuts, rows[0])
    page = Image.new("RGB", (layout.width, layout.height), "white")
    for top, panels in zip(layout.tops, rows, strict=True):
        for place, panel in zip(layout.panels, panels, strict=True):
            page.paste(panel, (place.left, top - LABEL_HEIGHT))
    path = Path(path)
    options = picture_options(path)
    options["pnginfo"].add_text(KEY, layout.as_text())
    with whole_file(path) as temporary:
        page.save(temporary, format="PNG", compress_level=PNG_LEVEL, **options)
    return path


def _cuts(
    grey: NDArray[Any], tissue: NDArray[Any], number: NDArray[Any], zoom: tuple[float, ...]
) -> list[Cut]:
    """Sagittal slices from left to right and the coronal cut; axes of the volumes are P, I, L."""
    depth, side = _near_masks((tissue > 0) | (number > 0), zoom)
    middle = _middle(tissue, number)
    volumes = (grey, tissue, number)
    cuts = []
    for plane in _planes(middle, zoom[2], grey.shape[2]):
        title = _title((middle - plane) * zoom[2], zoom[2])
        g, t, n = (a[depth, :, plane].T for a in volumes)
        cuts.append(Cut(title, g, t, n, (zoom[1], zoom[0]), ("A", "P")))
    course = _course(number, tissue)
    rows = np.arange(grey.shape[1])
    g, t, n = (a[course, rows][:, side] for a in volumes)
    cuts.append(Cut("coronal along the bodies", g, t, n, (zoom[1], zoom[2]), ("R", "L")))
    return cuts


def _near_masks(inside: NDArray[Any], zoom: tuple[float, ...]) -> tuple[slice, slice]:
    """Parts of P and L that the masks reach, with a margin; all of both if there are none."""
    if not inside.any():
        return slice(None), slice(None)
    deep, _, wide = bounding_box(inside)
    return _widened(deep, zoom[0]), _widened(wide, zoom[2])


def _widened(part: slice, spacing: float) -> slice:
    margin = int(np.ceil(MARGIN_MM / spacing))
    return slice(max(part.start - margin, 0), part.stop + margin)


def _layout(cuts: list[Cut], panels: list[Any]) -> MosaicLayout:
    """Places of the panels of a row, which all rows share."""
    height = panels[0].height
    places, left = [], 0
    for cut, panel in zip(cuts, panels, strict=True):
        places.append(Panel(cut.title, left, panel.width))
        left += panel.width + GAP
    first, second, third = (row * (height + GAP) + LABEL_HEIGHT for row in range(len(ROWS)))
    return MosaicLayout(
        left - GAP,
        len(ROWS) * (height + GAP) - GAP,
        (first, second, third),
        height - LABEL_HEIGHT,
        places,
        _seen(cut.number for cut in cuts),
        _seen(cut.tissue for cut in cuts),
    )


def _seen(masks: Iterable[NDArray[Any]]) -> list[int]:
    """Labels in any of the masks."""
    return sorted({int(n) for mask in masks for n in np.unique(mask) if n})


def _planes(middle: float, spacing: float, count: int) -> list[int]:
    """Sagittal slices near the wanted distances; what a narrow image lacks is left out."""
    reach = max(spacing, NEAR_MM) / 2
    planes = {}
    for offset in OFFSETS_MM:
        wanted = middle - offset / spacing
        plane = int(np.clip(round(wanted), 0, count - 1))
        if abs(plane - wanted) * spacing <= reach + 1e-6 or not offset:
            planes[plane] = True
    return list(planes)


def _title(offset: float, spacing: float) -> str:
    """Title of a slice at that distance from the middle; slices lie `spacing` apart [mm]."""
    if abs(offset) <= spacing / 2:
        return "sagittal, middle"
    return f"sagittal, {abs(offset):.0f} mm {'right' if offset > 0 else 'left'}"


def _middle(tissue: NDArray[Any], number: NDArray[Any]) -> float:
    """Index of the sagittal slice through the canal, else through the vertebrae."""
    for mask in ((tissue == CANAL) | (tissue == CORD), number > 0):
        at = np.nonzero(mask.any(axis=(0, 1)))[0]
        if at.size:
            weights = mask.sum(axis=(0, 1))[at]
            return float((at * weights).sum() / weights.sum())
    return float(tissue.shape[2] - 1) / 2


def _course(number: NDArray[Any], tissue: NDArray[Any]) -> NDArray[np.intp]:
    """Index of the coronal plane of each row: through the middle of bodies and discs."""
    body = np.isin(tissue, (CORPUS_BORDER, CORPUS, DISC)) & (number > 0)
    counts = body.sum(axis=(0, 2))
    rows = np.flatnonzero(counts)
    if rows.size == 0:
        return np.full(number.shape[1], number.shape[0] // 2)
    depth = body.sum(axis=2)[:, rows]
    centre = (np.arange(number.shape[0])[:, None] * depth).sum(axis=0) / counts[rows]
    full = np.interp(np.arange(number.shape[1]), rows, centre)
    return np.asarray(np.clip(np.rint(full), 0, number.shape[0] - 1), np.intp)
