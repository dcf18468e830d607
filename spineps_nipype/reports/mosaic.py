"""Mosaic of sagittal slices and a curved coronal cut with masks, names and disc levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import CANAL, CORD, CORPUS, CORPUS_BORDER, DISC
from ..core.files import whole_file
from ..core.marks import picture_options
from ..core.volume import Volume
from .mosaic_panel import Cut, disc_names, draw_panel

OFFSETS_MM: Final = (-12.0, -6.0, 0.0, 6.0, 12.0)
"""Distances of the sagittal slices to the right of the middle of the canal [mm]."""
COARSEST_MM: Final = 0.8
FINEST_MM: Final = 0.3
"""Largest and smallest size of a pixel: for whole spines, and for short images."""
MIN_HEIGHT: Final = 440
"""Height to which short images are enlarged, down to the finest pixels [pixels]."""
GAP: Final = 6
WINDOW: Final = (1.0, 99.5)
PNG_LEVEL: Final = 3
"""Level of compression: a tenth of the time of the smallest file, which is 8 % smaller."""


def draw_mosaic(image: Volume, spine: Volume, vert: Volume, path: str | Path) -> Path:
    """Draw each cut twice: with vertebrae, discs and endplates by name, and with tissues.

    The right column is a coronal cut that follows the bodies, so that it bends with the spine. As
    is usual in radiology, the right side of the patient is on the left.

    Parameters
    ----------
    image, spine, vert
        Image and final masks on the same grid, any orientation.
    """
    from PIL import Image

    parts = [nii.reorient(("P", "I", "L")) for nii in (image, spine, vert)]
    grey, tissue, number = (part.get_array() for part in parts)
    zoom = np.asarray(parts[0].zoom, float)
    low, high = np.percentile(grey, WINDOW)
    grey = np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1)
    middle = _middle(tissue, number)
    volumes = (grey, tissue, number)
    cuts = []
    for offset in OFFSETS_MM:
        plane = int(np.clip(round(middle - offset / zoom[2]), 0, grey.shape[2] - 1))
        g, t, n = (a[:, :, plane].T for a in volumes)
        cuts.append(Cut(_title(offset), g, t, n, (zoom[1], zoom[0]), ("A", "P")))
    course = _course(number, tissue)
    rows = np.arange(grey.shape[1])
    g, t, n = (a[course, rows] for a in volumes)
    cuts.append(Cut("coronal along the bodies", g, t, n, (zoom[1], zoom[2]), ("R", "L")))

    pixel = float(np.clip(grey.shape[1] * zoom[1] / MIN_HEIGHT, FINEST_MM, COARSEST_MM))
    discs = disc_names(number)
    vertebrae = [draw_panel(cut, "vert", pixel, discs) for cut in cuts]
    structures = [draw_panel(cut, "spine", pixel) for cut in cuts]
    strips = [_joined(Image, panels) for panels in (vertebrae, structures)]
    width, height = strips[0].width, sum(s.height + GAP for s in strips)
    page = Image.new("RGB", (width, height), "white")
    top = 0
    for strip in strips:
        page.paste(strip, (0, top))
        top += strip.height + GAP
    path = Path(path)
    with whole_file(path) as temporary:
        page.save(temporary, format="PNG", compress_level=PNG_LEVEL, **picture_options(path))
    return path


def _title(offset: float) -> str:
    """Title of a sagittal slice at that distance from the middle [mm]."""
    if not offset:
        return "sagittal, middle"
    return f"sagittal, {abs(offset):g} mm {'right' if offset > 0 else 'left'}"


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


def _joined(Image: Any, panels: list[Any]) -> Any:
    """Panels side by side as one picture; `Image` is the module of Pillow."""
    height = max(p.height for p in panels)
    strip = Image.new("RGB", (sum(p.width + GAP for p in panels), height), "white")
    left = 0
    for panel in panels:
        strip.paste(panel, (left, 0))
        left += panel.width + GAP
    return strip
