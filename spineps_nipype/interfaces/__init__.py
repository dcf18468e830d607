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
from .totalspineseg import (
    TSSInput2,
    TSSNetwork1,
    TSSNetwork2,
    TSSPrepare,
    TSSPreview,
    TSSRules1,
    TSSRules2,
    TSSToNative,
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
    "TSSInput2",
    "TSSNetwork1",
    "TSSNetwork2",
    "TSSPrepare",
    "TSSPreview",
    "TSSRules1",
    "TSSRules2",
    "TSSToNative",
]
