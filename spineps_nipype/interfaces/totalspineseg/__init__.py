"""Shells of TotalSpineSeg."""

from .grids import TSSPrepare, TSSToNative
from .networks import TSSNetwork1, TSSNetwork2
from .previews import TSSPreview
from .rules import TSSInput2, TSSRules1, TSSRules2

__all__ = [
    "TSSInput2",
    "TSSNetwork1",
    "TSSNetwork2",
    "TSSPrepare",
    "TSSPreview",
    "TSSRules1",
    "TSSRules2",
    "TSSToNative",
]
