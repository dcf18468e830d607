"""Check of sizes: bodies and discs are about as large as their neighbours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any, Final

import numpy as np

from ..core.anatomy import C2, RANK, VERTEBRA_NAMES
from ..core.verdicts import Verdict
from .findings import Finding
from .spine_metrics import Scene

SIZES: Final = "sizes"
HEIGHT: Final = "body_height_middle"
HEIGHTS: Final = ("body_height_anterior", HEIGHT, "body_height_posterior")
"""Columns of the height of a body: in the middle, and all three."""
LOOK_RATIO: Final = (0.7, 1.4)
FAIL_RATIO: Final = (0.45, 2.2)
"""Height and volume^(1/3) of a body relative to the mean of its neighbours."""
DISC_RATIO: Final = 2.5
"""A disc this much higher than the mean of its neighbours is suspect; low ones are common."""
LOW: Final = 0.85
"""Bodies lower than this share of their neighbours may be short vertebrae."""
FILLED: Final = 0.7
"""Share of what a body lacks in height that the space between its discs lacks, too, where the
vertebra itself is short. Where a mask misses bone it is nothing, where discs reach into the body
half, since their middles move by half as much, and in a fracture about all of it: 0.71 to 1.07 of
29 low bodies in views of the phantoms 1000 to 1007 and 1010."""
MILDER: Final[Mapping[Verdict, Verdict]] = {"fail": "look", "look": "pass", "pass": "pass"}
"""Verdict on the size of a vertebra that is short itself."""


def check_sizes(scene: Scene, rows: Mapping[int, Mapping[str, Any]]) -> list[Finding]:
    """Findings on bodies and discs that are much smaller or larger than their neighbours.

    A low body that fills the space between its discs is a short vertebra, most likely a fracture,
    and no fault of its mask: its verdict is milder, and its neighbours are not measured by it.

    Parameters
    ----------
    rows
        Rows of `spine_metrics.measure_spine`, by the number of their vertebra.
    """
    names = scene.from_top
    heights = _values(names, rows, HEIGHT)
    volumes = {v: x ** (1 / 3) for v, x in _values(names, rows, "body_volume").items()}
    short = short_vertebrae(mean_heights(names, rows), disc_spaces(scene))
    found = []
    for words, values, power in (("height", heights, 1), ("volume", volumes, 3)):
        for v, ratio in _ratios(values, short):
            verdict = _verdict(ratio)
            if verdict == "pass":
                continue
            name, percent = VERTEBRA_NAMES[v], 100 * ratio**power
            reason = f"The {words} of {name} is {percent:.0f} % of that of its neighbours"
            if v in short:
                verdict = MILDER[verdict]
                reason += ", and it fills the space between its discs: as after a fracture"
            found.append(Finding(SIZES, verdict, name, f"{reason}."))
    for v, ratio in _ratios(_values(names, rows, "disc_height")):
        if ratio > DISC_RATIO:
            name = VERTEBRA_NAMES[v]
            reason = f"The disc below {name} is {ratio:.1f} times as high as its neighbours."
            found.append(Finding(SIZES, "look", f"disc {name}", reason))
    return found


def mean_heights(names: Sequence[int], rows: Mapping[int, Mapping[str, Any]]) -> dict[int, float]:
    """Mean of the heights in front, in the middle and behind, of bodies that have them [mm]."""
    known = [_values(names, rows, key) for key in HEIGHTS]
    return {v: fmean(of[v] for of in known) for v in names if all(v in of for of in known)}


def disc_spaces(scene: Scene) -> dict[int, float]:
    """Distance between the middles of the discs above and below each body that has both [mm]."""
    names = scene.from_top
    middles = {v: disc.middle for v, disc in scene.discs.items()}
    return {
        v: float(np.linalg.norm(middles[v] - middles[above]))
        for above, v in pairwise(names)
        if above in middles and v in middles
    }


def short_vertebrae(heights: Mapping[int, float], spaces: Mapping[int, float]) -> frozenset[int]:
    """Vertebrae whose bodies are low because they are short, not because of their masks.

    Parameters
    ----------
    heights
        Of bodies, from top to bottom [mm].
    spaces
        Distances of `disc_spaces` [mm].
    """
    short = set()
    for v, near in _neighbours(list(heights)).items():
        usual = [spaces[n] for n in near if n in spaces]
        if not usual or v not in spaces:
            continue
        of_neighbours = fmean(heights[n] for n in near)
        lacking, narrower = of_neighbours - heights[v], fmean(usual) - spaces[v]
        if heights[v] < LOW * of_neighbours and narrower >= FILLED * lacking:
            short.add(v)
    return frozenset(short)


def _verdict(ratio: float) -> Verdict:
    if not FAIL_RATIO[0] <= ratio <= FAIL_RATIO[1]:
        return "fail"
    return "pass" if LOOK_RATIO[0] <= ratio <= LOOK_RATIO[1] else "look"


def _values(
    names: Sequence[int], rows: Mapping[int, Mapping[str, Any]], key: str
) -> dict[int, float]:
    """What a column says of vertebrae, where it says anything."""
    return {v: rows[v][key] for v in names if rows.get(v, {}).get(key)}


def _neighbours(known: Sequence[int], left_out: Collection[int] = ()) -> dict[int, list[int]]:
    """Those next to each vertebra that have a value; atlas and axis resemble no other."""
    usual = [v for v in known if RANK[v] > RANK[C2]]
    return {
        v: [n for n in (*usual[max(i - 1, 0) : i], *usual[i + 1 : i + 2]) if n not in left_out]
        for i, v in enumerate(usual)
    }


def _ratios(
    values: Mapping[int, float], left_out: Collection[int] = ()
) -> list[tuple[int, float]]:
    """Each value relative to the mean of those above and below, by vertebra.

    Parameters
    ----------
    left_out
        Vertebrae by which no other is measured.
    """
    return [
        (v, values[v] / fmean(values[n] for n in near))
        for v, near in _neighbours(list(values), left_out).items()
        if near
    ]
