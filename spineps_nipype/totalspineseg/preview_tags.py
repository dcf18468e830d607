"""Names beside the structures of a picture, placed where they cover nothing.

Source: TotalSpineSeg 20251028, text tags of previews.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from .masks import label_boxes

FONT_SIZE: Final = 15
OUTLINE: Final = 1
"""Width of the white border around the letters, in pixels."""
MAX_SHIFT: Final = 2
"""Distance of a text above or below its structure, as a multiple of its height."""
WHITE: Final = (255, 255, 255)
Side = Literal["right", "left"]
Corner = tuple[int, int]


def draw_tags(
    picture: NDArray[np.uint8],
    labels: NDArray[Any],
    colours: Mapping[int, tuple[int, int, int]],
    right: Mapping[int, str],
    left: Mapping[int, str],
) -> None:
    """Write names into a picture, on the right or left side of their structures.

    Parameters
    ----------
    picture
        Rows, columns, RGB; changed in place.
    labels
        Label of every pixel.
    colours
        Colour of every label.
    right, left
        Label to name; labels that are not in the picture are left out.
    """
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(FONT_SIZE)
    taken = np.zeros(labels.shape, dtype=bool)
    sides: tuple[tuple[Side, Mapping[int, str]], ...] = (("right", right), ("left", left))
    boxes = label_boxes(labels)
    for side, names in sides:
        for label, name in names.items():
            if label not in boxes:
                continue
            x0, y0, x1, y1 = pen.textbbox((0, 0), name, font=font, stroke_width=OUTLINE)
            size = (int(np.ceil(y1 - y0)), int(np.ceil(x1 - x0)))
            row, column = place_tag(labels, taken, boxes[label], size, side)
            taken[row : row + size[0], column : column + size[1]] = True
            pen.text(
                (column - x0, row - y0),
                name,
                fill=colours[label],
                font=font,
                stroke_width=OUTLINE,
                stroke_fill=WHITE,
            )
    picture[...] = np.asarray(canvas)


def place_tag(
    labels: NDArray[Any],
    taken: NDArray[np.bool_],
    box: tuple[slice, ...],
    size: tuple[int, int],
    side: Side,
) -> Corner:
    """Upper left pixel of a text: beside its structure, farther out, lower, or higher.

    Parameters
    ----------
    labels
        Label of every pixel; the inner end of the text is on background.
    taken
        Pixels of other texts.
    box
        Rows and columns of the structure.
    size
        Rows and columns of the text.
    side
        Side of the structure.

    Returns
    -------
    row, column
        First free place, or else the place beside the structure within the image.
    """
    height, width = labels.shape
    middle = (box[0].start + box[0].stop) // 2
    for row in _rows(middle - size[0] // 2, height - size[0], MAX_SHIFT * size[0]):
        for column in _columns(box[1], size[1], width, side):
            inner = column if side == "right" else min(column + size[1], width) - 1
            anchor = min(row + size[0] // 2, height - 1)
            free = not taken[row : row + size[0], column : column + size[1]].any()
            if free and labels[anchor, inner] == 0:
                return row, column
    beside = box[1].stop if side == "right" else box[1].start - size[1]
    return _clamped(middle - size[0] // 2, height - size[0]), _clamped(beside, width - size[1])


def _rows(wanted: int, last: int, reach: int) -> Iterator[int]:
    """The wanted row, then the rows below it, then those above it, up to a distance."""
    start = _clamped(wanted, last)
    yield from range(start, min(start + reach, last) + 1)
    yield from range(start - 1, max(start - reach, 0) - 1, -1)


def _columns(box: slice, length: int, width: int, side: Side) -> range:
    """First columns of a text, from the structure outward."""
    if side == "right":
        return range(min(box.stop, max(width - length, 0)), width - length + 1)
    return range(max(box.start - length, 0), -1, -1)


def _clamped(value: int, last: int) -> int:
    return min(max(value, 0), max(last, 0))
