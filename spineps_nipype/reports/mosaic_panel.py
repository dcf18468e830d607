"""One panel of a mosaic: a cut through the image with its mask, names and disc levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.anatomy import (
    ANATOMICAL_ORDER,
    CORPUS,
    CORPUS_BORDER,
    DISC_OFFSET,
    SACRUM,
    VERTEBRA_NAMES,
)
from ..core.colours import structure_colours, vertebra_colours

Kind = Literal["image", "vert", "spine"]
OPACITY: Final = 0.45
LABEL_HEIGHT: Final = 22
FONT_SIZE: Final = 15
NAME_ROOM: Final = 80
"""Room beside a coronal cut for the names of the discs [pixels]."""
SAGITTAL: Final = ("A", "P")
"""Sides of a sagittal cut."""
GROUND: Final = (0, 0, 0)
"""Colour beside a cut that is narrower than its panel."""
LEVEL_REACH_MM: Final = (4.0, 22.0)
"""How far the line at a disc extends beyond it, to the front and to the back [mm]."""
SIDE_REACH_MM: Final = 10.0
"""The same on both sides of a coronal cut [mm]."""
MIN_DISC: Final = 6
"""Pixels that a disc must have in a cut to get a line."""
BODY: Final = (CORPUS_BORDER, CORPUS, SACRUM)
LINE: Final = (255, 255, 255)


@dataclass(frozen=True)
class Cut:
    """A plane through a scan.

    Parameters
    ----------
    title
        Title above it.
    grey, tissue, number
        Image from 0 to 1, semantic and vertebra mask; rows go down the body.
    spacing
        Size of a row and of a column [mm].
    sides
        Sides of the patient at the left and right border.
    """

    title: str
    grey: NDArray[Any]
    tissue: NDArray[Any]
    number: NDArray[Any]
    spacing: tuple[float, float]
    sides: tuple[str, str]


def draw_panel(
    cut: Cut, kind: Kind, pixel_mm: float, discs: Mapping[int, str] | None = None
) -> Any:
    """Draw a cut alone, with the vertebra mask (names, disc levels) or with the semantic mask.

    Parameters
    ----------
    pixel_mm
        Size of a pixel of the picture.
    discs
        Names of the discs by the label of the vertebra above.

    Returns
    -------
    PIL.Image.Image
    """
    from PIL import Image, ImageDraw, ImageFont

    scale = [size / pixel_mm for size in cut.spacing]
    rows, columns = (max(round(n * s), 1) for n, s in zip(cut.grey.shape, scale, strict=True))
    picture = Image.fromarray(_tinted(cut, kind)).resize(
        (columns, rows), Image.Resampling.BILINEAR
    )
    font = ImageFont.load_default(FONT_SIZE)
    room = 0 if cut.sides == SAGITTAL else 2 * NAME_ROOM
    width = max(columns + room, round(font.getlength(cut.title)) + 4)
    framed = Image.new("RGB", (width, rows + LABEL_HEIGHT), "white")
    left = (width - columns) // 2
    framed.paste(GROUND, (0, LABEL_HEIGHT, width, rows + LABEL_HEIGHT))
    framed.paste(picture, (left, LABEL_HEIGHT))
    draw = ImageDraw.Draw(framed)
    draw.text((2, 2), cut.title, fill="black", font=font)
    write = partial(draw.text, font=font, fill="white", stroke_width=1, stroke_fill="black")

    def place(row: float, column: float) -> tuple[float, float]:
        return left + (column + 0.5) * scale[1], LABEL_HEIGHT + (row + 0.5) * scale[0]

    if kind == "vert":
        for v, row, column in _centres(cut):
            write(place(row, column), VERTEBRA_NAMES[v], anchor="mm")
        for name, front, back in disc_lines(cut, discs or {}):
            draw.line([place(*front), place(*back)], fill=LINE, width=1)
            x, y = place(*back)
            x = min(x + 3, width - font.getlength(name) - 3)
            write((x, y), name, anchor="lm")
    for side, x, anchor in (
        (cut.sides[0], left + 4, "ld"),
        (cut.sides[1], left + columns - 4, "rd"),
    ):
        write((x, framed.height - 4), side, anchor=anchor)
    return framed


def disc_lines(
    cut: Cut, discs: Mapping[int, str]
) -> Iterator[tuple[str, tuple[float, float], tuple[float, float]]]:
    """Name of each disc in a cut, and both ends of the line that marks its level.

    The line follows the long axis of the disc and extends beyond it: from the front through the
    canal in sagittal cuts, to both sides in coronal ones. Ends are given as row and column.
    """
    spacing = np.asarray(cut.spacing)
    before, behind = LEVEL_REACH_MM if cut.sides == SAGITTAL else (SIDE_REACH_MM, SIDE_REACH_MM)
    for v, name in discs.items():
        points = np.argwhere(cut.number == DISC_OFFSET + v)
        if len(points) < MIN_DISC:
            continue
        points = points * spacing
        centre = points.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((points - centre).T))
        along = vectors[:, int(np.argmax(values))]
        if abs(along[1]) < abs(along[0]):  # taller than long: a piece that shows no direction
            along = np.array([0.0, 1.0])
        along = along * np.sign(along[1])
        reach = (points - centre) @ along
        ends = [centre + along * (reach.min() - before), centre + along * (reach.max() + behind)]
        front, back = (tuple(float(x) for x in end / spacing) for end in ends)
        yield name, (front[0], front[1]), (back[0], back[1])


def disc_names(number: NDArray[Any]) -> dict[int, str]:
    """Names of the discs in a vertebra mask by the vertebra above: ``L4/5``, ``T12/L1``."""
    here = {int(n) for n in np.unique(number)}
    order = list(ANATOMICAL_ORDER)
    shown = [v for v in order if v in here or DISC_OFFSET + v in here]
    below = dict(pairwise(shown))
    out = {}
    for v in shown:
        if DISC_OFFSET + v in here:
            upper = VERTEBRA_NAMES[v]
            lower = VERTEBRA_NAMES.get(below.get(v, -1), "")
            out[v] = f"{upper}/{lower[1:] if lower[:1] == upper[0] else lower}"
    return out


def _tinted(cut: Cut, kind: Kind) -> NDArray[np.uint8]:
    """The image in colour, with the labels of a mask painted over it."""
    rgb = np.repeat((255 * cut.grey)[..., None], 3, axis=-1)
    if kind == "image":
        return rgb.astype(np.uint8)
    labels, table = (
        (cut.number, vertebra_colours()) if kind == "vert" else (cut.tissue, structure_colours())
    )
    for n in np.unique(labels):
        if n and int(n) in table:
            inside = labels == n
            rgb[inside] = (1 - OPACITY) * rgb[inside] + OPACITY * np.array(table[int(n)][1])
    return rgb.astype(np.uint8)


def _centres(cut: Cut) -> Iterator[tuple[int, float, float]]:
    """Vertebrae in a cut, and the centre of the body of each, or else of what is there of it."""
    for n in np.unique(cut.number):
        if 0 < n < DISC_OFFSET and int(n) in VERTEBRA_NAMES:
            inside = cut.number == n
            body = inside & np.isin(cut.tissue, BODY)
            row, column = np.argwhere(body if body.any() else inside).mean(axis=0)
            yield int(n), float(row), float(column)
