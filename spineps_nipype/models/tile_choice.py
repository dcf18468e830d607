"""Which tiles of a network are computed: all of them, or those at the spine."""

from __future__ import annotations

from typing import Final, Literal

Tiles = Literal["auto", "all", "spine"]
"""What a user asks for; auto: tiles at the spine, but all where an original is to be repeated."""
ChosenTiles = Literal["all", "spine"]
SCOUT: Final = "scout"
"""Kind of the network that finds the spine, so that larger ones compute no other tiles."""


def tiles_for(asked: Tiles, *, everywhere: bool) -> ChosenTiles:
    """What ``auto`` stands for.

    Parameters
    ----------
    asked
        What the user asks for.
    everywhere
        Whether the numerics of the run compute all tiles.
    """
    if asked != "auto":
        return asked
    return "all" if everywhere else "spine"
