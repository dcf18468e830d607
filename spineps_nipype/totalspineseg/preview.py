"""Pictures of one slice with its labels, and the names of the structures beside them.

Source: TotalSpineSeg 20251028, previews.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..core.files import whole_file
from ..core.marks import picture_options
from ..core.volume import Volume
from .grid import sample_nearest
from .labels import DISC_NAMES, LEVEL_OF_DISC, SACRUM, VERTEBRA_NAMES
from .preparation import prepare
from .preview_tags import draw_tags

Plane = Literal["sag", "cor", "ax"]
Picture = NDArray[np.uint8]
AXES: Final[dict[Plane, int]] = {"sag": 0, "cor": 1, "ax": 2}
QUALITY: Final = 95
COLOUR_LIMIT: Final = 255

DISC_TAGS: Final[dict[int, str]] = dict(DISC_NAMES)
VERTEBRA_TAGS: Final[dict[int, str]] = {n: t for n, t in VERTEBRA_NAMES.items() if n != SACRUM}
LEVEL_TAGS: Final[dict[int, str]] = {n: str(n) for n in (1, 2, *LEVEL_OF_DISC.values())}
STEP2_LEFT_TAGS: Final[dict[int, str]] = {**DISC_TAGS, SACRUM: "Sacrum"}


def label_colour(label: int) -> tuple[int, int, int]:
    """Colour of a label, always the same."""
    random = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(10 * label)))
    red, green, blue = random.randint(0, COLOUR_LIMIT, 3)
    return int(red), int(green), int(blue)


def draw_preview(
    image: Volume,
    seg: Volume | None = None,
    *,
    plane: Plane = "sag",
    position: float = 0.5,
    projected: bool = False,
    right: Mapping[int, str] | None = None,
    left: Mapping[int, str] | None = None,
) -> Picture:
    """Draw a slice of an image with labels painted over it.

    Parameters
    ----------
    image
        Image on any grid; shown in canonical axes at 1 mm.
    seg
        Label map on any grid.
    plane, position
        Viewing direction, and the slice as a fraction of the axis.
    projected
        Show the labels of all slices, as small squares; for points.
    right, left
        Label to the name that is written to its right or left.

    Returns
    -------
    array
        Rows, columns, RGB. In sagittal pictures, anterior is on the left and superior above.
    """
    grey, affine = prepare(image.get_array(), image.affine)
    axis = AXES[plane]
    index = int(position * grey.shape[axis])
    picture = np.repeat(_turned(_scaled(grey.take(index, axis=axis)))[..., None], 3, axis=2)
    if seg is None:
        return picture
    labels = sample_nearest(seg.get_array(), seg.affine, grey.shape, affine)
    if projected:
        flat = ndimage.grey_dilation(labels.max(axis=axis), size=(3, 3))
    else:
        flat = labels.take(index, axis=axis)
    flat = _turned(flat)
    colours = {int(label): label_colour(int(label)) for label in np.unique(flat[flat > 0])}
    for label, colour in colours.items():
        picture[flat == label] = colour
    if right or left:
        draw_tags(picture, flat, colours, right or {}, left or {})
    return picture


def save_preview(picture: Picture, path: str | Path) -> Path:
    """Write a picture as JPEG, completely or not at all."""
    from PIL import Image

    path = Path(path)
    with whole_file(path) as temporary:
        Image.fromarray(picture).save(
            temporary, format="JPEG", quality=QUALITY, **picture_options(path)
        )
    return path


def _scaled(plane: NDArray[Any]) -> Picture:
    """Grey values from 0 to 255."""
    low, high = float(plane.min()), float(plane.max())
    span = high - low if high > low else 1.0
    return np.asarray((plane - low) / span * 255, dtype=np.uint8)


def _turned(plane: NDArray[Any]) -> NDArray[Any]:
    """Second axis upward, first axis from right to left."""
    return np.ascontiguousarray(np.rot90(np.flipud(plane)))
