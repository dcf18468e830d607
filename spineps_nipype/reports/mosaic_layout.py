"""Where the panels of a mosaic lie in its picture; the picture itself carries it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ..core.anatomy import VERTEBRA_NAMES
from ..core.colours import Colour, structure_colours, vertebra_colours
from ..core.own_readers import read_mosaic
from .mosaic_panel import Kind

KEY: Final = "Panels"
"""Word of the metadata of the picture that holds the layout."""
ROWS: Final[tuple[Kind, ...]] = ("image", "vert", "spine")
"""Rows of a mosaic: the image alone, with vertebrae, discs and endplates, with structures."""


@dataclass(frozen=True)
class Panel:
    """A cut in all rows of a mosaic: its title, left border and width [pixels]."""

    title: str
    left: int
    width: int


@dataclass(frozen=True)
class MosaicLayout:
    """Layout of a mosaic in pixels.

    Parameters
    ----------
    width, height
        Size of the whole picture.
    tops
        Upper border of the panels in each row, in the order of `ROWS`, titles not counted.
    panel_height
        Height of every panel.
    panels
        The cuts, from left to right.
    vert, spine
        Labels of both masks that the cuts show.
    """

    width: int
    height: int
    tops: tuple[int, int, int]
    panel_height: int
    panels: Sequence[Panel]
    vert: Sequence[int] = ()
    spine: Sequence[int] = ()

    def row(self, kind: Kind) -> tuple[int, int, int, int]:
        """Left, top, right and bottom border of a row of panels."""
        top = self.tops[ROWS.index(kind)]
        return 0, top, self.width, top + self.panel_height

    def as_text(self) -> str:
        """The layout as it stands in the metadata of the picture."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_layout(path: Path) -> MosaicLayout | None:
    """Layout of the mosaic in a file; None if it tells none that fits, as older ones do not."""
    said, fault = read_mosaic(path, KEY)
    if fault:
        return None
    return MosaicLayout(
        said["width"],
        said["height"],
        tuple(said["tops"]),
        said["panel_height"],
        tuple(Panel(one["title"], one["left"], one["width"]) for one in said["panels"]),
        said["vert"],
        said["spine"],
    )


def legends(layout: MosaicLayout) -> list[tuple[Kind, list[tuple[str, str]]]]:
    """Names and colours, as CSS writes them, of what both masks show; vertebrae without parts."""
    vertebrae = [n for n in layout.vert if n in VERTEBRA_NAMES]
    return [
        ("vert", _named(vertebrae, vertebra_colours())),
        ("spine", _named(layout.spine, structure_colours())),
    ]


def _named(
    labels: Sequence[int], table: Mapping[int, tuple[str, Colour]]
) -> list[tuple[str, str]]:
    """Name and colour of each label that a table knows."""
    known = [table[n] for n in labels if n in table]
    return [(name, f"rgb({red}, {green}, {blue})") for name, (red, green, blue) in known]
