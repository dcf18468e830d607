"""Pictures of all scans on one sheet: the image with the truth, and with the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.against_truth.label_sets import VERTEBRAE
from benchmarks.against_truth.report import ScanReport
from benchmarks.against_truth.scan import Picture
from benchmarks.against_truth.tables import counts_of
from spineps_nipype.core import anatomy
from spineps_nipype.core.files import whole_file

COLUMNS: Final = 4
"""Scans beside each other, two panels each."""
SCANS_A_SHEET: Final = 32
PANEL_WIDTH: Final = 2.4
"""inch."""
TITLE_HEIGHT: Final = 0.5
"""Room above a panel, inch."""
DPI: Final = 110
MAIN: Final = {
    "vertebra": "vertebra",
    "Vertebra_Corpus_border": "body",
    "disc": "disc",
    "Vertebra_Disc": "disc",
    "canal": "canal",
    "canal and cord": "canal",
}
"""Structures whose Dice is shown, and their short names."""
MOST: Final = 4
"""So many other structures are shown where a truth has none of these."""
TALLEST: Final = 4.0
"""Largest height of a panel, as a multiple of its width."""
SHOWN_REASON: Final = 120
"""Characters of a reason for which a scan has no picture."""
OPACITY: Final = 0.45
CANAL_COLOUR: Final = (0.1, 0.9, 1.0)
DISC_COLOUR: Final = (1.0, 0.9, 0.1)
SACRUM_COLOUR: Final = (0.8, 0.5, 0.3)
VERTEBRA_COLOURS: Final = (
    *((0.90, 0.10, 0.15), (0.20, 0.75, 0.25), (0.30, 0.40, 1.00), (1.00, 0.55, 0.00)),
    *((0.75, 0.25, 0.95), (0.00, 0.60, 0.60), (1.00, 0.50, 0.75)),
)
CONTOUR_COLOURS: Final = ((1.0, 0.25, 0.25), (1.0, 0.9, 0.1), (0.1, 0.9, 1.0), (0.3, 1.0, 0.3))

Array = np.ndarray


@dataclass(frozen=True)
class Tile:
    """A scan on the sheet; without a picture only its text is shown."""

    title: str
    text: str
    picture: Picture | None = None


def draw_sheets(tiles: Sequence[Tile], path: Path) -> list[Path]:
    """Draw all tiles; those that do not fit go to further files, ``NAME-2.png`` and so on.

    Returns
    -------
    list of Path
        The files.
    """
    sheets = []
    for start in range(0, len(tiles), SCANS_A_SHEET):
        number = start // SCANS_A_SHEET + 1
        name = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        _draw(tiles[start : start + SCANS_A_SHEET], name)
        sheets.append(name)
    return sheets


def overlay(picture: Picture) -> Array:
    """Colours of the result, (I, P, 4), transparent where nothing was found."""
    spine, vert = picture.spine.T, picture.vert.T
    out = np.zeros((*spine.shape, 4))

    def paint(where: Array, colour: tuple[float, float, float]) -> None:
        out[where] = (*colour, OPACITY)

    paint(np.isin(spine, (anatomy.CORD, anatomy.CANAL)), CANAL_COLOUR)
    paint(spine == anatomy.DISC, DISC_COLOUR)
    paint(spine == anatomy.SACRUM, SACRUM_COLOUR)
    order = {label: place for place, label in enumerate(anatomy.ANATOMICAL_ORDER)}
    for label in VERTEBRAE:
        paint(vert == label, VERTEBRA_COLOURS[order[label] % len(VERTEBRA_COLOURS)])
    return out


def _draw(tiles: Sequence[Tile], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(_height(tile) for tile in row) + TITLE_HEIGHT for row in rows]
    size = (2 * PANEL_WIDTH * columns, sum(heights))
    figure = Figure(figsize=size, dpi=DPI, facecolor="black")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(rows),
        2 * columns,
        height_ratios=heights,
        left=0,
        right=1,
        bottom=0,
        top=1,
        wspace=0.01,
    )
    for row, members in enumerate(rows):
        title_share = TITLE_HEIGHT / heights[row]
        for column, tile in enumerate(members):
            for side in (0, 1):
                box = grid[row, 2 * column + side].get_position(figure)
                place = (box.x0, box.y0, box.width, box.height * (1 - title_share))
                _fill(figure.add_axes(place), tile, with_result=bool(side))
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _fill(axes: Any, tile: Tile, *, with_result: bool) -> None:
    """Draw one panel of a tile; the text stands above the left one."""
    axes.set_axis_off()
    if tile.picture is not None:
        _panel(axes, tile.picture, with_result=with_result)
    if not with_result:
        axes.text(
            0.02,
            1.01,
            f"{tile.title}\n{tile.text}",
            transform=axes.transAxes,
            color="white",
            fontsize=6.5,
            va="bottom",
        )


def _height(tile: Tile) -> float:
    """Height of the panels of a tile, inch."""
    if tile.picture is None:
        return PANEL_WIDTH / 2
    width, height = tile.picture.image.shape
    return PANEL_WIDTH * min(float(height * tile.picture.aspect / width), TALLEST)


def _panel(axes: Any, picture: Picture, *, with_result: bool) -> None:
    low, high = np.percentile(picture.image, (1, 99.5))
    axes.imshow(
        picture.image.T, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=picture.aspect
    )
    if with_result:
        axes.imshow(overlay(picture), aspect=picture.aspect, interpolation="nearest")
    values = [int(v) for v in np.unique(picture.truth) if v]
    for place, value in enumerate(values):
        colour = "white" if with_result else CONTOUR_COLOURS[place % len(CONTOUR_COLOURS)]
        axes.contour(
            np.equal(picture.truth.T, value).astype(float), [0.5], colors=[colour], linewidths=0.6
        )


def tile_text(dice: dict[str, float], counts: dict[str, tuple[int, int, int]]) -> str:
    """Two lines: Dice of the main structures, and found, true and extra instances."""
    main = {MAIN[name]: value for name, value in dice.items() if name in MAIN}
    shown = main or dict(list(dice.items())[:MOST])
    scores = "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
    found = "  ".join(
        f"{kind}: {found} of {expected}" + (f", {extra} extra" if extra else "")
        for kind, (found, expected, extra) in counts.items()
    )
    return f"{scores}\n{found}"


def tile_of(report: ScanReport) -> Tile:
    """The tile of a scan."""
    if report.measured is None:
        return Tile(report.scan, f"{report.status}: {report.reason[:SHOWN_REASON]}")
    dice = {score.structure: score.overlap.dice for score in report.measured.scores}
    counts = {}
    for kind, found in report.measured.kinds.items():
        expected, matched, extra = counts_of(found, ("extra",))
        counts[kind] = (matched or 0, expected or 0, extra or 0)
    return Tile(report.scan, tile_text(dice, counts), report.measured.picture)
