"""Parts of a spine that evaluations look at, and spines that are not usual, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from .generate import FieldOfView, Phantom, generate
from .plan import Anomalies, draw_plan


class View(NamedTuple):
    """A part of a spine.

    Parameters
    ----------
    top
        Uppermost vertebra that is wholly in view, by name or by its place among all (-1 is the
        lowest above the sacrum); None is C1 with some of the head.
    bottom
        Lowest vertebra wholly in view, or "sacrum".
    width
        Extent across the slices [mm].
    anomalies
        What the spine is made with; None leaves all to its seed.
    """

    top: int | str | None
    bottom: str
    width: float
    anomalies: Anomalies | None = None


VIEWS: Final[Mapping[str, View]] = {
    "lumbar": View(-7, "sacrum", 70.0),
    "thoracic": View("T2", "T10", 70.0),
    "whole": View(None, "sacrum", 80.0),
    "neck": View(None, "T3", 70.0),
    "fractures": View(-7, "sacrum", 70.0, Anomalies(fractures=3)),
    "scoliosis": View(-9, "sacrum", 100.0, Anomalies(scoliosis_deg=25.0)),
}
"""Tilted spines need a slab that is wide enough for the whole curve."""
KINDS: Final = ("lumbar", "whole", "neck", "fractures", "scoliosis")
"""Views of which benchmarks and the measures of the column take some each."""


def phantom_in_view(
    seed: int, name: str, spacing: tuple[float, float, float], width: float | None = None
) -> Phantom:
    """The phantom of a seed in one of `VIEWS`.

    Parameters
    ----------
    spacing
        Voxel size (P, I, R) in mm.
    width
        Another extent across the slices [mm].
    """
    view = VIEWS[name]
    top = view.top
    if isinstance(top, int):
        top = draw_plan(seed, view.anomalies).levels[top]
    fov = FieldOfView(top=top, bottom=view.bottom, width=width or view.width)
    return generate(seed, spacing=spacing, fov=fov, anomalies=view.anomalies)
