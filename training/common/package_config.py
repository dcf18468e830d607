"""What `inference_config.json` says of a compact package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def package_config(
    *,
    log_name: str,
    modality: Sequence[str],
    acquisition: str,
    resolution_range: Sequence[float] | Sequence[Sequence[float]],
    modeltype: str = "nnunet",
    orientation: Sequence[str] = ("P", "I", "R"),
    labels: Mapping[str, int] | None = None,
    expected_input: str = "img",
    **others: Any,
) -> dict[str, Any]:
    """Content of the file: one fold, not averaged over mirrored inputs.

    Parameters
    ----------
    log_name
        What messages call the model.
    resolution_range
        Voxel size in the axes of `orientation`, mm: one, or the smallest and the largest.
    labels
        Output to label, empty where the package has its labels elsewhere.
    others
        Entries that only some kinds of models have; they stand last.
    """
    return {
        "log_name": log_name,
        "modality": list(modality),
        "acquisition": acquisition,
        "modeltype": modeltype,
        "model_expected_orientation": list(orientation),
        "available_folds": 1,
        "inference_augmentation": False,
        "resolution_range": list(resolution_range),
        "default_step_size": 0.5,
        "labels": dict(labels or {}),
        "expected_inputs": [expected_input],
        **others,
    }
