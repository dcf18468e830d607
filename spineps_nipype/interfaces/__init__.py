"""Nipype interfaces: thin shells that load, call one pure function and save."""

from .consensus import Consensus
from .convert_labels import ConvertLabels
from .derivatives import PrepareDerivatives, SaveDerivatives
from .metrics import MeasureSpine
from .sc_epi import EPIReference, EPISeg, EPISegQC, EPISegReport
from .spine_segmentation import SpineSegmentation
from .spineps import (
    Centroids,
    Conform,
    CorrectedMask,
    FinalizeMasks,
    FixNames,
    InstanceSegmentation,
    LabelVertebrae,
    Markups,
    PostProcess,
    Preprocess,
    SemanticSegmentation,
    SessionNames,
    Snapshot,
    SpineCrop,
    Surfaces,
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
    "Consensus",
    "ConvertLabels",
    "CorrectedMask",
    "EPIReference",
    "EPISeg",
    "EPISegQC",
    "EPISegReport",
    "FinalizeMasks",
    "FixNames",
    "InstanceSegmentation",
    "LabelVertebrae",
    "Markups",
    "MeasureSpine",
    "PostProcess",
    "PrepareDerivatives",
    "Preprocess",
    "SaveDerivatives",
    "SemanticSegmentation",
    "SessionNames",
    "Snapshot",
    "SpineCrop",
    "SpineSegmentation",
    "Surfaces",
    "TSSInput2",
    "TSSNetwork1",
    "TSSNetwork2",
    "TSSPrepare",
    "TSSPreview",
    "TSSRules1",
    "TSSRules2",
    "TSSToNative",
]
