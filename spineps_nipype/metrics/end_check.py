"""Check of the ends of a spine: the image ends where the spine in it does.

A spine goes on up to the skull and down to the sacrum. Where the image has room for another
vertebra beyond the last one, and there is neither an axis nor a sacrum, the network has lost it,
or the image shows no spine there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..core.anatomy import C2, RANK, SACRUM, VERTEBRA_NAMES
from .bodies import IMAGE_INFERIOR
from .findings import Finding
from .local_frames import MaskBox, Points
from .spine_metrics import Scene

ENDS: Final = "ends"
ROOM: Final = 0.75
"""Room beyond the last vertebra from which on another one is missed, as a share of the distance
between the last two: a disc and two thirds of a body. Less is often left out where the border cuts
a body."""
ROOM_FOR_A_DISC: Final = 0.45
"""The same where not even the disc beside the last vertebra is found, which takes a quarter to a
third of that distance."""
LEAST: Final = 1e-6
"""A way whose part along an axis is smaller does not leave the image there."""


def check_ends(scene: Scene) -> list[Finding]:
    """Findings on each end of the spine beyond which the image goes on."""
    names = scene.from_top
    found = []
    if RANK[names[0]] > RANK[C2]:
        disc = any(RANK[v] < RANK[names[0]] for v in scene.discs)
        found += _beyond(scene, names, "Above", disc)
    if SACRUM not in scene.present:
        found += _beyond(scene, names[::-1], "Below", names[-1] in scene.discs)
    return found


def _beyond(scene: Scene, names: Sequence[int], word: str, disc: bool) -> list[Finding]:
    """Finding on the first of some vertebrae, from the end of the spine inwards.

    Parameters
    ----------
    disc
        Whether there is a disc beyond it.
    """
    bodies = [scene.bodies[v] for v in names[:2]]
    outwards = -IMAGE_INFERIOR if word == "Above" else IMAGE_INFERIOR
    room, usual = room_beyond(bodies, outwards, *_view(scene))
    if room < (ROOM if disc else ROOM_FOR_A_DISC) * usual:
        return []
    name, missed = VERTEBRA_NAMES[names[0]], "vertebra" if room >= ROOM * usual else "disc"
    reason = f"{word} {name} the image goes on for {room:.0f} mm, and no {missed} was found there."
    return [Finding(ENDS, "look", name, reason)]


def room_beyond(
    bodies: Sequence[MaskBox], outwards: Points, low: Points, high: Points
) -> tuple[float, float]:
    """Length of the spine's way from its last body out of the image [mm].

    Parameters
    ----------
    bodies
        The last body, and the one before it where there is one: the spine goes on straight.
    outwards
        Direction out of the image where there is but one body.
    low, high
        Corners of what the image shows [mm].

    Returns
    -------
    room : from the end of the body to the border
    usual : between the middles of the bodies; of one alone its height
    """
    points = bodies[0].points
    middle, *others = (body.middle for body in bodies)
    way = middle - others[0] if others else outwards
    usual = float(np.linalg.norm(way))
    if not others or usual < LEAST:
        way, usual = outwards, float(np.ptp(points @ outwards))
    way = way / np.linalg.norm(way)
    border = np.where(way > 0, high, low)
    moving = np.abs(way) > LEAST
    out = float(((border - middle)[moving] / way[moving]).min())
    return out - float(((points - middle) @ way).max()), usual


def _view(scene: Scene) -> tuple[Points, Points]:
    """Corners of the part of the grid in which the scan shows something [mm]."""
    low = np.array([axis.start - 0.5 for axis in scene.view])
    high = np.array([axis.stop - 0.5 for axis in scene.view])
    return low * scene.zoom, high * scene.zoom
