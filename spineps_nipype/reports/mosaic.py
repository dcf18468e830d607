"""Mosaic of sagittal slices and a coronal cut along the canal, with masks and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from TPTBox import NII

from ..core.anatomy import CANAL, CORD, DISC_OFFSET, ENDPLATE_OFFSET, VERTEBRA_NAMES
from ..core.files import whole_file
from .colours import structure_colours, vertebra_colours

OFFSETS_MM: Final = (-12.0, -6.0, 0.0, 6.0, 12.0)
"""Sagittal slices, from the middle of the canal to the right [mm]."""
PIXEL_MM: Final = 0.8
OPACITY: Final = 0.45
GAP: Final = 6
LABEL_HEIGHT: Final = 16
WINDOW: Final = (1.0, 99.5)


def draw_mosaic(image: NII, spine: NII, vert: NII, path: str | Path) -> Path:
    """Draw each cut twice: vertebrae, discs and endplates by name, and tissues.

    The right column is a coronal cut that follows the bodies, so that it bends with the spine.

    Parameters
    ----------
    image, spine, vert
        Image and final masks on the same grid, any orientation.
    """
    from PIL import Image

    parts = [nii.reorient(("P", "I", "R")) for nii in (image, spine, vert)]
    grey, tissue, number = (part.get_array() for part in parts)
    zoom = np.asarray(parts[0].zoom, float)
    low, high = np.percentile(grey, WINDOW)
    grey = np.clip((grey - low) / max(float(high - low), 1e-6), 0, 1)
    middle = _middle(tissue, number)
    columns = []
    for offset in OFFSETS_MM:
        r = int(np.clip(round(middle + offset / zoom[2]), 0, grey.shape[2] - 1))
        cut = [a[:, :, r].T for a in (grey, tissue, number)]
        columns.append((f"sagittal {offset:+.0f} mm", cut, (zoom[1], zoom[0])))
    p = _course(number, tissue)
    rows = np.arange(grey.shape[1])
    cut = [a[p, rows] for a in (grey, tissue, number)]
    columns.append(("coronal along the bodies", cut, (zoom[1], zoom[2])))

    strips = []
    for kind in ("vert", "spine"):
        panels = [_panel(Image, cut, spacing, kind, title) for title, cut, spacing in columns]
        strips.append(_joined(Image, panels))
    width, height = strips[0].width, sum(s.height + GAP for s in strips)
    page = Image.new("RGB", (width, height), "white")
    at = 0
    for strip in strips:
        page.paste(strip, (0, at))
        at += strip.height + GAP
    path = Path(path)
    with whole_file(path) as temporary:
        page.save(temporary, format="PNG", optimize=True)
    return path


def _middle(tissue: NDArray[Any], number: NDArray[Any]) -> float:
    """Index of the sagittal slice through the canal, else through the vertebrae."""
    for mask in ((tissue == CANAL) | (tissue == CORD), number > 0):
        at = np.nonzero(mask.any(axis=(0, 1)))[0]
        if at.size:
            weights = mask.sum(axis=(0, 1))[at]
            return float((at * weights).sum() / weights.sum())
    return (tissue.shape[2] - 1) / 2


def _course(number: NDArray[Any], tissue: NDArray[Any]) -> NDArray[np.intp]:
    """Index of the coronal plane of each row: through the middle of bodies and discs."""
    body = ((tissue == 49) | (tissue == 50) | (tissue == 100)) & (number > 0)
    counts = body.sum(axis=(0, 2))
    rows = np.flatnonzero(counts)
    if rows.size == 0:
        return np.full(number.shape[1], number.shape[0] // 2)
    depth = body.sum(axis=2)[:, rows]
    centre = (np.arange(number.shape[0])[:, None] * depth).sum(axis=0) / counts[rows]
    full = np.interp(np.arange(number.shape[1]), rows, centre)
    return np.clip(np.rint(full), 0, number.shape[0] - 1).astype(np.intp)


def _panel(Image: Any, cut: list[Any], spacing: Any, kind: str, title: str) -> Any:
    from PIL import ImageDraw

    grey, tissue, number = cut
    rgb = np.repeat((255 * grey)[..., None], 3, axis=-1)
    labels, table = (
        (number, vertebra_colours()) if kind == "vert" else (tissue, structure_colours())
    )
    for n in np.unique(labels):
        if n and int(n) in table:
            inside = labels == n
            rgb[inside] = (1 - OPACITY) * rgb[inside] + OPACITY * np.array(table[int(n)][1])
    scale = [s / PIXEL_MM for s in spacing]
    size = (round(grey.shape[1] * scale[1]), round(grey.shape[0] * scale[0]))
    picture = Image.fromarray(rgb.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    framed = Image.new("RGB", (size[0], size[1] + LABEL_HEIGHT), "white")
    framed.paste(picture, (0, LABEL_HEIGHT))
    draw = ImageDraw.Draw(framed)
    draw.text((2, 2), title, fill="black")
    if kind == "vert":
        for n in np.unique(number):
            n = int(n)
            name = VERTEBRA_NAMES.get(n)
            if name is None and DISC_OFFSET < n < ENDPLATE_OFFSET:
                name = "-"  # the built-in font has no dash
            if name:
                i, j = np.argwhere(number == n).mean(axis=0)
                place = (j * scale[1] - 6, i * scale[0] + LABEL_HEIGHT - 6)
                draw.text(place, name, fill="white", stroke_width=1, stroke_fill="black")
    return framed


def _joined(Image: Any, panels: list[Any]) -> Any:
    height = max(p.height for p in panels)
    strip = Image.new("RGB", (sum(p.width + GAP for p in panels), height), "white")
    at = 0
    for panel in panels:
        strip.paste(panel, (at, 0))
        at += panel.width + GAP
    return strip
