"""Which tiles of the semantic network are computed."""

from __future__ import annotations

from ..models.tile_choice import ChosenTiles, Tiles, tiles_for
from .settings import Numerics
from .upstream import upstream


def chosen_tiles(tiles: Tiles, numerics: Numerics) -> ChosenTiles:
    """What ``auto`` means: at the spine, but all where the results of SPINEPS are wanted."""
    return tiles_for(tiles, everywhere=upstream(numerics).tiles_everywhere)
