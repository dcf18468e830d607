"""Enumerations of modalities, planes and outcomes. Source: SPINEPS 2.1.3."""

from __future__ import annotations

from collections.abc import Iterable

from ..bids.compatibility import MODALITY_SUFFIXES, PLANE_LABELS
from ..errors import ErrCode, NamedEnum

__all__ = ["Acquisition", "ErrCode", "Modality"]


class Modality(NamedEnum):
    """Modality of an image."""

    T2w = 1
    T1w = 2
    Vibe = 3
    CT = 4
    SEG = 5
    MPR = 6
    PD = 7
    FLAIR = 8

    @classmethod
    def format_keys(cls, modalities: Modality | Iterable[Modality]) -> list[str]:
        """Suffixes of file names that stand for one modality or several."""
        several = [modalities] if isinstance(modalities, Modality) else list(modalities)
        return [word for modality in several for word in MODALITY_SUFFIXES[modality.name]]

    @classmethod
    def known_format_keys(cls) -> list[str]:
        """Suffixes of file names for all modalities."""
        return cls.format_keys(cls)


class Acquisition(NamedEnum):
    """Plane in which an image was acquired."""

    sag = 1
    cor = 2
    ax = 3
    iso = 4

    @classmethod
    def format_keys(cls, acquisition: Acquisition) -> list[str]:
        """Values of the ``acq`` entity that stand for a plane."""
        return list(PLANE_LABELS[acquisition.name])
