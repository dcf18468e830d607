"""Both tables of the final masks of a scan: what was measured, and what was checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.tables import read_labels, read_rows
from ..core.volume import Volume
from .checks import check_masks
from .expected_dice import expected_dice, read_dice_model, read_evidence
from .quality import Quality
from .spine_metrics import measure_spine, split_masks


def expected_quality(evidence: Path | None, model: Path | None) -> Quality | None:
    """Expected Dice from the evidence table of the semantic phase; None where there is none.

    Raises
    ------
    ModelError
        If the numbers of the model cannot be used.
    """
    if evidence is None or model is None:
        return None
    numbers, told = read_dice_model(model), read_evidence(read_rows(evidence))
    return Quality(expected_dice(told, numbers), numbers) if told else None


def measured_tables(
    spine: Volume,
    vert: Volume,
    labels_table: Path | None = None,
    header_warnings: Sequence[str] = (),
    quality: Quality | None = None,
    scan: Volume | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Measure and check the masks, which stay as they are.

    Parameters
    ----------
    spine, vert
        Final semantic and vertebra mask on one grid.
    labels_table
        Names of the vertebrae and their confidence (TSV).
    header_warnings
        What is odd about the header of the scan, in sentences.
    quality
        Expected Dice of the structures, and the bounds for it; None where none is known.
    scan
        On the same grid; tells how far the spine could be seen.

    Returns
    -------
    dict
        Rows of `metrics` (one a vertebra with its disc; mm, degrees) and of `checks`.
    """
    scene = split_masks(spine, vert, scan)
    rows = measure_spine(scene)
    labels = read_labels(labels_table) if labels_table else None
    return {
        "metrics": rows,
        "checks": [
            asdict(finding)
            for finding in check_masks(scene, rows, labels, header_warnings, quality)
        ],
    }
