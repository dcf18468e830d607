"""Which tiles of the semantic network are computed."""

from __future__ import annotations

from typing import Literal

from .settings import Numerics, Tiles
from .upstream import upstream


def chosen_tiles(tiles: Tiles, numerics: Numerics) -> Literal["all", "spine"]:
    """What ``auto`` means: at the spine, but all where the results of SPINEPS are wanted."""
    if tiles != "auto":
        return tiles
    return "all" if upstream(numerics).tiles_everywhere else "spine"
