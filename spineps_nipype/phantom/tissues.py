"""Tissue classes of the phantom and their translation to segmentation labels.

A phantom stores tissues, which are finer than labels: the disc has an annulus and a nucleus, the
canal has fluid and nerve roots. The image is drawn from the tissues, the masks from the labels.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from ..core import anatomy

SHELL: Final = 128
"""Flag bit of a bone voxel that belongs to the cortical shell."""


class Tissue(IntEnum):
    """What a voxel is made of; the shell flag may be added to bone."""

    AIR = 0
    FAT = 1
    MUSCLE = 2
    PSOAS = 3
    VESSEL = 4
    ORGAN = 5
    ORGAN_BRIGHT = 6
    GAS = 7
    LUNG = 8
    LIGAMENT = 9
    EPIDURAL_FAT = 10
    OTHER_BONE = 11
    SKIN = 12
    BRAIN = 13
    VENOUS_PLEXUS = 14
    SACRUM = 26
    SACRAL_DISC = 27
    ARCUS = 41
    SPINOUS = 42
    COSTAL_LEFT = 43
    COSTAL_RIGHT = 44
    SUPERIOR_LEFT = 45
    SUPERIOR_RIGHT = 46
    INFERIOR_LEFT = 47
    INFERIOR_RIGHT = 48
    CORPUS_BORDER = 49
    CORPUS = 50
    DENS = 51
    BASIVERTEBRAL_VEIN = 52
    HEMANGIOMA = 53
    CORD = 60
    CSF = 61
    ENDPLATE = 62
    ROOT = 63
    ANNULUS = 100
    NUCLEUS = 101


POSTERIOR_ELEMENTS: Final = tuple(Tissue(code) for code in range(41, 49))
BODY: Final = (
    Tissue.CORPUS_BORDER,
    Tissue.CORPUS,
    Tissue.DENS,
    Tissue.BASIVERTEBRAL_VEIN,
    Tissue.HEMANGIOMA,
)
BONE: Final = (*POSTERIOR_ELEMENTS, *BODY, Tissue.SACRUM, Tissue.OTHER_BONE)
MIRROR_PAIRS: Final = ((43, 44), (45, 46), (47, 48))
"""Left and right label of each structure that comes in pairs."""


def label_table(*, corpus_interior: bool = False, dens: bool = False) -> np.ndarray:
    """Table from tissue code (with or without the shell flag) to segmentation label.

    Parameters
    ----------
    corpus_interior
        Tell the interior of the body (50) from its border (49); else all of it is 49.
    dens
        Give the dens its own label 51; else it is body.

    Returns
    -------
    ndarray of uint8, shape (256,)
    """
    table = np.zeros(256, np.uint8)
    for tissue in Tissue:
        code = int(tissue)
        if code in anatomy.SPINE_NAMES:
            table[code] = code
    interior = anatomy.CORPUS if corpus_interior else anatomy.CORPUS_BORDER
    for tissue in (Tissue.CORPUS, Tissue.BASIVERTEBRAL_VEIN, Tissue.HEMANGIOMA):
        table[tissue] = interior
    table[Tissue.DENS] = anatomy.DENS if dens else interior
    table[Tissue.ROOT] = anatomy.CANAL
    table[Tissue.NUCLEUS] = anatomy.DISC
    table[Tissue.SACRAL_DISC] = anatomy.SACRUM
    table[SHELL:] = table[:SHELL]
    return table


def mirror_table() -> np.ndarray:
    """Table that swaps left and right, for tissue codes as well as labels.

    Returns
    -------
    ndarray of uint8, shape (256,)
    """
    table = np.arange(256, dtype=np.uint8)
    for left, right in MIRROR_PAIRS:
        for flag in (0, SHELL):
            table[left | flag], table[right | flag] = right | flag, left | flag
    return table
