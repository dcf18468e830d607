"""What the sidecars of SPINEPS' results say beside the record of their making."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..metrics.columns import COLUMNS as METRICS_COLUMNS
from ..metrics.findings import COLUMNS as CHECKS_COLUMNS
from .evidence import COLUMNS as EVIDENCE_COLUMNS
from .labeling import LABEL_COLUMNS
from .surfaces import COLUMNS as SURFACE_COLUMNS

ENTRIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "spine": {
        "Description": "Structures of the spine; seg-spine_dseg.tsv names the values.",
    },
    "vert": {
        "Description": "Vertebrae, discs (100 + vertebra above) and endplates (200 + vertebra); "
        "seg-vert_dseg.tsv names the values.",
    },
    "metrics": METRICS_COLUMNS,
    "checks": CHECKS_COLUMNS,
    "evidence": EVIDENCE_COLUMNS,
    "labels_table": LABEL_COLUMNS,
    "surfaces": SURFACE_COLUMNS,
}
"""Entries of single results; those of tables explain the columns."""
CONFIDENCES: Final = {"vert": "labels_table"}
"""Mask whose sidecar tells the confidence of each name, and the table that has it."""
