"""Nipype interfaces: thin shells that load, call one pure function and save."""

from .derivatives import PrepareDerivatives, SaveDerivatives
from .spineps import (
    Centroids,
    Conform,
    FinalizeMasks,
    InstanceSegmentation,
    LabelVertebrae,
    PostProcess,
    Preprocess,
    SemanticSegmentation,
    Snapshot,
    SpineCrop,
)

__all__ = [
    "Centroids",
    "Conform",
    "FinalizeMasks",
    "InstanceSegmentation",
    "LabelVertebrae",
    "PostProcess",
    "PrepareDerivatives",
    "Preprocess",
    "SaveDerivatives",
    "SemanticSegmentation",
    "Snapshot",
    "SpineCrop",
]
