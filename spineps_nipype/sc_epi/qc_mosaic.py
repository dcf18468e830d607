"""Mosaics of tiles: the two pictures of an entry of quality control.

Source: Spinal Cord Toolbox 7.0, quality control of segmentations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.files import whole_file, write_text
from ..core.pictures import draw_all_or_say
from .qc_views import Radius, View
from .settings import Numerics, Plane
from .upstream import upstream

MOSAIC_WIDTH: Final = 600
"""Largest width of a row of tiles, in pixels."""
FIGURE_WIDTH_INCH: Final = 5.0
FIGURE_DPI: Final = 300
CLAHE_WINDOW: Final = 16
"""Side of the windows in which contrast is equalised, in pixels."""
MASK_COLOUR: Final = (1.0, 0.0, 0.0)
LETTER_SIZE: Final = 4
BACKGROUND, OVERLAY = "background_img.png", "overlay_img.png"
LETTERS: Final[dict[Plane, tuple[str, str, str, str]]] = {
    "Axial": ("A", "P", "L", "R"),
    "Sagittal": ("S", "I", "P", "A"),
}
"""Letters at the top, bottom, left and right of the first tile."""


def mosaic(
    slices: NDArray[Any],
    centres: NDArray[np.float64],
    radius: Radius,
    *,
    numerics: Numerics = "corrected",
) -> NDArray[Any]:
    """Tiles side by side, with empty ones at the end of the last row.

    Parameters
    ----------
    slices
        Shape (slices, rows, columns).
    centres
        Row and column of the centre of each tile; moved so that tiles that fit into the slice do
        not leave it.
    radius
        Half of the rows and columns of a tile.
    numerics
        The number of tiles in a row depends on their width; under ``original`` on their height.
    """
    rows, columns = 2 * radius[0], 2 * radius[1]
    across = rows if upstream(numerics).row_by_height else columns
    per_row = max(1, MOSAIC_WIDTH // across)
    tiles = [_tile(part, centre, radius) for part, centre in zip(slices, centres, strict=True)]
    tiles += [np.zeros((rows, columns), slices.dtype)] * (-len(tiles) % per_row)
    lines = [np.hstack(tiles[i : i + per_row]) for i in range(0, len(tiles), per_row)]
    return np.vstack(lines)


def _tile(part: NDArray[Any], centre: NDArray[np.float64], radius: Radius) -> NDArray[Any]:
    padded = np.pad(part, [(r, r) for r in radius])
    starts = []
    for middle, r, size in zip(centre, radius, part.shape, strict=True):
        place = min(max(round(float(middle)), r), max(size - r, r))
        starts.append(place)
    # Padding shifts all indices by the radius, so a tile begins at the index of its centre.
    return padded[tuple(slice(s, s + 2 * r) for s, r in zip(starts, radius, strict=True))]


def equalise_contrast(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Equalise the contrast in windows of 16 pixels (CLAHE); values from 0 to 1."""
    from skimage.exposure import equalize_adapthist

    data = picture.astype(float)
    low, high = float(data.min()), float(data.max())
    if high <= low:
        return np.zeros_like(data)
    scaled = (data - low) / (high - low)
    fill = [(0, -n % CLAHE_WINDOW) for n in data.shape]
    even = equalize_adapthist(np.pad(scaled, fill), kernel_size=(CLAHE_WINDOW, CLAHE_WINDOW))
    return np.asarray(even[: data.shape[0], : data.shape[1]])


def letter_places(plane: Plane, radius: Radius) -> dict[str, tuple[int, int]]:
    """Column and row of the letters on the first tile."""
    rows, columns = radius
    top, bottom, left, right = LETTERS[plane]
    return {
        top: (columns - 3, 6),
        bottom: (columns - 3, 2 * rows - 2),
        left: (0, rows + 2),
        right: (2 * columns - 6, rows + 2),
    }


def draw_entry(view: View, folder: str | Path, *, numerics: Numerics = "corrected") -> list[Path]:
    """Draw background and overlay of an entry; equal input gives equal bytes.

    Returns
    -------
    list
        Paths of background and overlay.
    """
    folder = Path(folder)
    grey = equalise_contrast(mosaic(view.image, view.centres, view.radius, numerics=numerics))
    mask = mosaic(view.mask, view.centres, view.radius, numerics=numerics)
    cover = np.zeros((*mask.shape, 4))
    cover[mask] = (*MASK_COLOUR, 1.0)
    letters = letter_places(view.plane, view.radius)
    return [
        _draw(grey, letters, folder / BACKGROUND),
        _draw(cover, {}, folder / OVERLAY),
    ]


def draw_or_say_entry(
    view: Callable[[], View], folder: str | Path, *, numerics: Numerics = "corrected"
) -> list[Path]:
    """Background and overlay as of `draw_entry`, or pictures that say that they are missing."""
    paths = [Path(folder) / name for name in (BACKGROUND, OVERLAY)]
    draw_all_or_say(lambda: draw_entry(view(), folder, numerics=numerics), paths)
    return paths


def _draw(picture: NDArray[Any], letters: Mapping[str, tuple[int, int]], path: Path) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    height = FIGURE_WIDTH_INCH * picture.shape[0] / picture.shape[1]
    figure = Figure(figsize=(FIGURE_WIDTH_INCH, height), dpi=FIGURE_DPI)
    figure.patch.set_alpha(0)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(picture, cmap="gray", interpolation="nearest", vmin=0, vmax=1, aspect="auto")
    for letter, (x, y) in letters.items():
        axes.text(
            x,
            y,
            letter,
            color="yellow",
            fontsize=LETTER_SIZE,
            path_effects=[withStroke(linewidth=1, foreground="black")],
        )
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", transparent=True, metadata={"Software": None})
    return path


def entry_record(
    *,
    folder: str,
    date: str,
    names: Mapping[str, str],
    input_file: str,
    plane: Plane,
    command: str,
    version: str,
    cwd: str = "",
) -> dict[str, str]:
    """Record of an entry in the report, with the keys of the Spinal Cord Toolbox.

    Parameters
    ----------
    folder
        Folder of the pictures, relative to the report.
    date
        ``YYYY-mm-dd HH:MM:SS``.
    names
        Values of dataset, subject and contrast.
    """
    return {
        "path": cwd,
        "cmdline": command,
        "command": "sct_deepseg",
        "sctVersion": version,
        "dataset": names["dataset"],
        "subject": names["subject"],
        "contrast": names["contrast"],
        "inputFile": input_file,
        "plane": plane,
        "backgroundImage": f"{folder}/{BACKGROUND}",
        "overlayImage": f"{folder}/{OVERLAY}",
        "date": date,
        "rank": "",
        "qc": "",
    }


def write_record(record: Mapping[str, str], path: str | Path) -> Path:
    """Write a record as JSON."""
    path = Path(path)
    write_text(path, json.dumps(record, indent=1) + "\n")
    return path
