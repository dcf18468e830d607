"""One colour for each anatomical structure, the same in every picture and on every page."""

from __future__ import annotations

import colorsys
from typing import Final

from .anatomy import (
    ANATOMICAL_ORDER,
    CANAL,
    CORD,
    DISC_OFFSET,
    ENDPLATE_OFFSET,
    SPINE_NAMES,
    VERTEBRA_NAMES,
)

Colour = tuple[int, int, int]
STEP: Final = 0.38196601125
"""Share of the colour circle between neighbours: the golden angle keeps their hues apart."""


def _colour(place: int, lightness: float, saturation: float) -> Colour:
    """Colour number `place` of a sequence; lightness and saturation from 0 to 1."""
    r, g, b = colorsys.hls_to_rgb(place * STEP % 1.0, lightness, saturation)
    return round(255 * r), round(255 * g), round(255 * b)


def vertebra_colours() -> dict[int, tuple[str, Colour]]:
    """Name and colour of each label of the vertebra mask."""
    out: dict[int, tuple[str, Colour]] = {}
    for place, v in enumerate(ANATOMICAL_ORDER):
        name = VERTEBRA_NAMES[v]
        out[v] = name, _colour(place, 0.55, 0.85)
        out[DISC_OFFSET + v] = f"disc below {name}", _colour(place, 0.78, 0.6)
        out[ENDPLATE_OFFSET + v] = f"endplate at {name}", _colour(place, 0.35, 0.6)
    return out


def structure_colours() -> dict[int, tuple[str, Colour]]:
    """Name and colour of each label of the semantic mask."""
    out = {
        n: (name.replace("_", " "), _colour(place + 3, 0.55, 0.8))
        for place, (n, name) in enumerate(sorted(SPINE_NAMES.items()))
    }
    out[CORD] = out[CORD][0], (255, 214, 64)
    out[CANAL] = out[CANAL][0], (72, 149, 239)
    return out
