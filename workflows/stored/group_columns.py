"""Columns of the table of all scans, and the data dictionary that explains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from spineps_nipype.core.verdicts import VERDICTS
from spineps_nipype.metrics.canal_check import CANAL_CHECK
from spineps_nipype.metrics.checks import HEADER_CHECK, NAMES
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.metrics.end_check import ENDS
from spineps_nipype.metrics.quality import PLURAL, QUALITY
from spineps_nipype.metrics.size_check import SIZES

from ..engine.phase_names import PHASE_NAMES
from .scans import MEASURES
from .subject_pages import CONSENSUS_CHECK

CURVES: Final = ("lumbar_lordosis", "thoracic_kyphosis")
LEVEL_MEASURES: Final = tuple(name for name in MEASURES if name not in CURVES)
CHECKS: Final = (
    "vertebrae",
    "order",
    "discs",
    SIZES,
    ENDS,
    CANAL_CHECK,
    "counts",
    "field of view",
    NAMES,
    QUALITY,
    HEADER_CHECK,
    CONSENSUS_CHECK,
)
ALWAYS: Final = ("subject", "scan", "pipeline", "source", "status", "error", "verdict", "rating")
"""Columns that are there even if they are empty."""


def table_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Data dictionary of the columns that hold something in one row at least."""
    used = {key for row in rows for key, value in row.items() if value not in (None, "")}
    return {key: said for key, said in _dictionary().items() if key in used or key in ALWAYS}


def check_column(check: str) -> str:
    """Name of the column of a check."""
    return f"check_{check.replace(' ', '_')}"


def dice_column(structure: str) -> str:
    """Name of the column of the expected Dice of a structure."""
    return f"expected_dice_{structure}"


def _dictionary() -> dict[str, dict[str, Any]]:
    verdicts = dict(zip(VERDICTS, ("as expected", "look at it", "cannot be right"), strict=True))
    plain = {
        "subject": "Subject.",
        "session": "Session.",
        "scan": "Name of the scan without its extension.",
        "pipeline": "System that segmented it, as in --pipeline.",
        "source": "Path of the scan below the dataset.",
        "status": "done; failed: the last run that took the scan did not finish it; or damaged: a "
        "stored file of it cannot be used.",
        "error": "Error of the scan, with its code.",
    }
    said: dict[str, dict[str, Any]] = {k: {"Description": v} for k, v in plain.items()}
    said["verdict"] = {"Description": "Worst verdict of all checks.", "Levels": verdicts}
    said["reason"] = {"Description": "First reasons for the verdict."}
    for check in CHECKS:
        text = f"Worst verdict of the check '{check}'."
        said[check_column(check)] = {"Description": text, "Levels": verdicts}
    said["expected_dice"] = {
        "Description": "Lowest expected Dice of the structures, told without a truth; none for "
        "networks that it was not fitted with."
    }
    for structure, words in PLURAL.items():
        said[dice_column(structure)] = {"Description": f"Expected Dice of the {words}."}
    said["rating"] = {"Description": "Rating; the worst of several readers.", "Levels": verdicts}
    plain = {
        "readers": "Readers who rated the scan.",
        "comments": "What they wrote.",
        "vertebrae": "Number of vertebrae that were measured.",
        "levels": "First and last of them.",
        "label_confidence": "Median confidence of the names.",
        "outliers": "Number of measures that lie far from those of the other scans at the same "
        "level: more than 2.2 interquartile ranges outside the quartiles, at 5 scans or more.",
        "outlier_values": "These measures, and the range of the others.",
    }
    said |= {key: {"Description": text} for key, text in plain.items()}
    said |= {key: COLUMNS[key] for key in CURVES}
    for name in LEVEL_MEASURES:
        text = f"Median over the levels. {COLUMNS[name]['Description']}"
        said[f"median_{name}"] = {"Description": text, "Units": COLUMNS[name]["Units"]}
    said["seconds"] = {"Description": "Computing time of all steps.", "Units": "s"}
    for node, words in PHASE_NAMES.items():
        said[f"seconds_{node}"] = {"Description": f"Time of the step: {words}.", "Units": "s"}
    plain = {
        "version": "Version of spineps-nipype.",
        "software": "Versions of other packages.",
        "models": "Models by kind.",
        "engine": "What ran the networks.",
        "device": "Where they ran.",
    }
    return said | {key: {"Description": text} for key, text in plain.items()}
