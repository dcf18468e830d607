"""Shells of TotalSpineSeg."""

from .blocks import (
    TSSCropToSeg,
    TSSExtractAlternate,
    TSSExtractLevels,
    TSSExtractSoft,
    TSSFillCanal,
    TSSLabel,
    TSSLargestComponent,
    TSSMapLabels,
)
from .grids import TSSPrepare, TSSToNative
from .networks import TSSNetwork1, TSSNetwork2
from .previews import TSSPreview
from .rules import TSSInput2, TSSRules1, TSSRules2

__all__ = [
    "TSSCropToSeg",
    "TSSExtractAlternate",
    "TSSExtractLevels",
    "TSSExtractSoft",
    "TSSFillCanal",
    "TSSInput2",
    "TSSLabel",
    "TSSLargestComponent",
    "TSSMapLabels",
    "TSSNetwork1",
    "TSSNetwork2",
    "TSSPrepare",
    "TSSPreview",
    "TSSRules1",
    "TSSRules2",
    "TSSToNative",
]
