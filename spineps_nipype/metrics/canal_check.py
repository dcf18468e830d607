"""Check of the canal: one runs behind every vertebra.

Where a network finds bodies without the canal beside them, the image shows too little there for
either mask to be trusted: a shadow, noise, metal, or something that is no vertebra.
"""

from __future__ import annotations

from typing import Final

from ..core.anatomy import RANK, VERTEBRA_NAMES
from .findings import Finding
from .spine_metrics import Scene

CANAL_CHECK: Final = "canal"
ENDS_CUT: Final = frozenset("SI")
"""Sides at which the border cuts a body whose canal may lie outside the image."""


def check_canal(scene: Scene) -> list[Finding]:
    """One finding on all vertebrae that no canal is found behind."""
    names = sorted(scene.bodies, key=RANK.__getitem__)
    without = [
        VERTEBRA_NAMES[v]
        for v in names
        if not ENDS_CUT & set(scene.bodies[v].cut)
        and (scene.canal is None or scene.canal.at_level_of(scene.bodies[v].middle) is None)
    ]
    if not without:
        return []
    reason = f"No canal was found behind {', '.join(without)}."
    return [Finding(CANAL_CHECK, "look", without[0], reason)]
