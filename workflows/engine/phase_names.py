"""Names of the phases for people, and how much of the time of a scan each takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PHASE_NAMES: Final[Mapping[str, str]] = {
    "conform": "checking",
    "spine_crop": "spine crop",
    "preprocess": "bias correction",
    "semantic": "semantic mask",
    "instance": "vertebra instances",
    "post_process": "post-processing",
    "label_vertebrae": "vertebra names",
    "fix_names": "fixed names",
    "session_names": "names of the session",
    "finalize_masks": "final masks",
    "centroids": "centroids",
    "snapshot": "snapshot",
    "network1": "network of step 1",
    "rules1": "discs",
    "network2": "network of step 2",
    "rules2": "vertebrae",
    "cord": "cord mask",
    "pictures": "quality control",
    "slices": "bodies and discs",
    "compare": "comparison",
    "measure": "metrics and checks",
    "markups": "markups",
    "surfaces": "surfaces",
}
"""Name shown for a node; other nodes are not shown."""
WEIGHTS: Final[Mapping[str, float]] = {
    "conform": 1,
    "spine_crop": 1,
    "preprocess": 12,
    "semantic": 45,
    "instance": 25,
    "post_process": 8,
    "label_vertebrae": 6,
    "fix_names": 1,
    "session_names": 1,
    "finalize_masks": 4,
    "centroids": 3,
    "snapshot": 3,
    "network1": 45,
    "rules1": 4,
    "network2": 35,
    "rules2": 4,
    "cord": 30,
    "pictures": 4,
    "slices": 30,
    "compare": 10,
    "measure": 3,
    "markups": 0.1,
    "surfaces": 2,
}
"""Share of each node in the time of a scan, for the percentage and the remaining time."""
OTHER_WEIGHT: Final = 0.05


def weight(node: str) -> float:
    """Weight of a node by its full name.

    >>> weight("spineps_wf.scan_a.spineps_wf.semantic"), weight("spineps_wf.scan_a.save_final")
    (45, 0.05)
    """
    return WEIGHTS.get(node.rpartition(".")[2], OTHER_WEIGHT)
