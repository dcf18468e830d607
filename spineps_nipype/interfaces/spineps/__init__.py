"""Nipype interfaces of the SPINEPS phases, one class for each phase."""

from .corrections import CorrectedMask, FixNames, SessionNames
from .exports import Markups, Surfaces
from .image import Conform, Preprocess, SpineCrop
from .masks import FinalizeMasks, LabelVertebrae, PostProcess
from .networks import InstanceSegmentation, SemanticSegmentation
from .results import Centroids, Snapshot

__all__ = [
    "Centroids",
    "Conform",
    "CorrectedMask",
    "FinalizeMasks",
    "FixNames",
    "InstanceSegmentation",
    "LabelVertebrae",
    "Markups",
    "PostProcess",
    "Preprocess",
    "SemanticSegmentation",
    "SessionNames",
    "Snapshot",
    "SpineCrop",
    "Surfaces",
]
