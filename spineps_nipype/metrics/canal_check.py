"""Check of the canal: one runs behind every vertebra.

Where a network finds bodies without the canal beside them, the image shows too little there for
either mask to be trusted: a shadow, noise, metal, or something that is no vertebra.
"""

from __future__ import annotations

from typing import Final

from ..core.anatomy import VERTEBRA_NAMES
from .findings import Finding
from .spine_metrics import Scene

CANAL_CHECK: Final = "canal"


def check_canal(scene: Scene) -> list[Finding]:
    """One finding on all vertebrae that no canal is found behind."""
    bodies = {VERTEBRA_NAMES[v]: scene.bodies[v] for v in scene.from_top}
    without = [
        name
        for name, body in bodies.items()
        # the canal of what the border cuts may lie outside the image
        if not body.cut_at_end and scene.canal_point(body.middle) is None
    ]
    if not without:
        return []
    reason = f"No canal was found behind {', '.join(without)}."
    return [Finding(CANAL_CHECK, "look", without[0], reason)]
