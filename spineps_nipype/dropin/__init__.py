"""The Python interface of SPINEPS, for programs that were written for it.

``from spineps_nipype.dropin import process_img_nii`` (or ``segment``, ``get_semantic_model``, …)
replaces the import from SPINEPS. Names, arguments, defaults and return values are those of SPINEPS
2.1.3 and of the version before; where the two differ, those of the older version take precedence.
The computation is that of the phases of this package. Nothing is downloaded, and importing the
module has no side effects.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import SpinepsPipeline, SpinepsResult, segment
    from .compatibility import (
        add_ignore_text,
        check_input_model_compatibility,
        check_model_modality_acquisition,
        find_best_matching_model,
    )
    from .config import InstanceConfig, LabelingConfig, PostConfig, SemanticConfig
    from .dataset import process_dataset
    from .enums import Acquisition, ErrCode, Modality
    from .models import (
        Segmentation_Model,
        SegmentationModel,
        VertLabelingClassifier,
        get_actual_model,
        get_instance_model,
        get_labeling_model,
        get_semantic_model,
    )
    from .paths import output_paths_from_input
    from .points import pipeline_revision, pipeline_version, predict_centroids_from_both
    from .run import process_img_nii, save_nparray, segment_image

_HOMES = {
    "api": ("SpinepsPipeline", "SpinepsResult", "segment"),
    "compatibility": (
        "add_ignore_text",
        "check_input_model_compatibility",
        "check_model_modality_acquisition",
        "find_best_matching_model",
    ),
    "config": ("InstanceConfig", "LabelingConfig", "PostConfig", "SemanticConfig"),
    "dataset": ("process_dataset",),
    "enums": ("Acquisition", "ErrCode", "Modality"),
    "models": (
        "SegmentationModel",
        "Segmentation_Model",
        "VertLabelingClassifier",
        "get_actual_model",
        "get_instance_model",
        "get_labeling_model",
        "get_semantic_model",
    ),
    "paths": ("output_paths_from_input",),
    "points": ("pipeline_revision", "pipeline_version", "predict_centroids_from_both"),
    "run": ("process_img_nii", "save_nparray", "segment_image"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Acquisition",
    "ErrCode",
    "InstanceConfig",
    "LabelingConfig",
    "Modality",
    "PostConfig",
    "SegmentationModel",
    "Segmentation_Model",
    "SemanticConfig",
    "SpinepsPipeline",
    "SpinepsResult",
    "VertLabelingClassifier",
    "add_ignore_text",
    "check_input_model_compatibility",
    "check_model_modality_acquisition",
    "find_best_matching_model",
    "get_actual_model",
    "get_instance_model",
    "get_labeling_model",
    "get_semantic_model",
    "output_paths_from_input",
    "pipeline_revision",
    "pipeline_version",
    "predict_centroids_from_both",
    "process_dataset",
    "process_img_nii",
    "save_nparray",
    "segment",
    "segment_image",
]


def __getattr__(name: str) -> Any:
    """Load the module of a name when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
