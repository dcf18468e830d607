"""Intensities of the tissues in each contrast.

The means are rough relative signals (fluid 1 in T2w; fat near 1 in T1w; CT in HU / 1000), the
order of which agrees with real scans. Draws around them make every image another scanner.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from .geometry import Array
from .tissues import BODY, BONE, MIRROR_PAIRS, SHELL, Tissue

CONTRASTS: Final = ("T2w", "T1w", "CT", "EPI", "random")

_T: Final = Tissue


class Signal(NamedTuple):
    """Mean signal of a tissue by contrast, in the order of `CONTRASTS`."""

    t2w: float
    """Relative to fluid."""
    t1w: float
    """Relative to fat, nearly."""
    ct: float
    """Hounsfield units / 1000."""
    epi: float
    """Relative to fluid."""


MEANS: Final[dict[Tissue, Signal]] = {
    # T2w, T1w, CT, EPI
    _T.AIR: Signal(0.0, 0.0, -1.0, 0.0),
    _T.FAT: Signal(0.72, 0.95, -0.10, 0.10),
    _T.MUSCLE: Signal(0.07, 0.35, 0.055, 0.35),
    _T.PSOAS: Signal(0.07, 0.35, 0.055, 0.35),
    _T.VESSEL: Signal(0.20, 0.30, 0.06, 0.30),
    _T.ORGAN: Signal(0.35, 0.40, 0.04, 0.45),
    _T.ORGAN_BRIGHT: Signal(0.50, 0.30, 0.03, 0.55),
    _T.GAS: Signal(0.02, 0.02, -0.90, 0.02),
    _T.LUNG: Signal(0.06, 0.06, -0.85, 0.03),
    _T.LIGAMENT: Signal(0.08, 0.20, 0.08, 0.12),
    _T.EPIDURAL_FAT: Signal(0.75, 0.95, -0.08, 0.12),
    _T.OTHER_BONE: Signal(0.35, 0.50, 0.30, 0.15),
    _T.SKIN: Signal(0.40, 0.40, 0.02, 0.25),
    _T.BRAIN: Signal(0.50, 0.50, 0.04, 0.75),
    _T.VENOUS_PLEXUS: Signal(0.60, 0.30, 0.06, 0.30),
    _T.SACRUM: Signal(0.40, 0.58, 0.20, 0.20),
    _T.SACRAL_DISC: Signal(0.15, 0.30, 0.15, 0.20),
    _T.ARCUS: Signal(0.38, 0.55, 0.32, 0.18),
    _T.SPINOUS: Signal(0.42, 0.60, 0.28, 0.18),
    _T.COSTAL_LEFT: Signal(0.38, 0.52, 0.27, 0.18),
    _T.COSTAL_RIGHT: Signal(0.38, 0.52, 0.27, 0.18),
    _T.SUPERIOR_LEFT: Signal(0.32, 0.48, 0.42, 0.17),
    _T.SUPERIOR_RIGHT: Signal(0.32, 0.48, 0.42, 0.17),
    _T.INFERIOR_LEFT: Signal(0.32, 0.48, 0.42, 0.17),
    _T.INFERIOR_RIGHT: Signal(0.32, 0.48, 0.42, 0.17),
    _T.CORPUS_BORDER: Signal(0.40, 0.58, 0.22, 0.20),
    _T.CORPUS: Signal(0.40, 0.58, 0.18, 0.20),
    _T.DENS: Signal(0.36, 0.52, 0.35, 0.18),
    _T.BASIVERTEBRAL_VEIN: Signal(0.60, 0.40, 0.10, 0.25),
    _T.HEMANGIOMA: Signal(0.75, 0.80, 0.10, 0.25),
    _T.CORD: Signal(0.48, 0.50, 0.04, 0.65),
    _T.CSF: Signal(1.00, 0.18, 0.012, 1.00),
    _T.ENDPLATE: Signal(0.12, 0.18, 0.45, 0.10),
    _T.ROOT: Signal(0.50, 0.35, 0.03, 0.65),
    _T.ANNULUS: Signal(0.14, 0.40, 0.09, 0.25),
    _T.NUCLEUS: Signal(0.40, 0.38, 0.08, 0.45),
}
"""Ours, ordered as in scans. Muscle in T2w: with a T2 near 35 ms and an echo after 90 ms it keeps
7 % of what fluid gives. In 30 scans of SPIDER marrow of the arches is 2.9 to 8.7 times as bright
as what lies around them."""
CORTEX: Final = Signal(0.07, 0.12, 0.65, 0.05)
"""Of cortical bone."""
FREE: Final = {
    _T.NUCLEUS: (0.12, 0.85),
    _T.VESSEL: (0.02, 0.70),
    _T.ORGAN: (0.1, 0.8),
    _T.ORGAN_BRIGHT: (0.1, 0.8),
    _T.BASIVERTEBRAL_VEIN: (0.25, 0.8),
}
"""Tissues whose MR signal says little: drawn evenly from a range."""
FAT_TISSUES: Final = (_T.FAT, _T.EPIDURAL_FAT, _T.SKIN)
FAT_SUPPRESSION_ODDS: Final = {"T2w": 0.3, "T1w": 0.1, "EPI": 1.0}
FAT_LEFT: Final = (0.15, 0.45)
MARROW_LEFT: Final = (0.5, 0.85)
"""Signal of fat and of marrow left by fat suppression; in the means of EPI it is done already."""

BONE_LOG_SD: Final = 0.28
FAT_LOG_SD: Final = 0.25
POSTERIOR_LOG_SD: Final = 0.15
"""Spread (standard deviation of the logarithm) of the MR signal of a scan's bone, of its fat, and
of its posterior elements against its bodies."""
BODY_LOG_SD: Final = 0.06
ELEMENT_LOG_SD: Final = 0.08
SOFT_LOG_SD: Final = 0.22
"""The same of its bodies, of each posterior element and of each other tissue."""
CT_BONE_LOG: Final = (-0.15, 0.45)
"""Mean and standard deviation of the logarithm of a scan's density of bone: old bone is hardly
denser than muscle."""
CT_LOG_SD: Final = 0.12
CT_SD: Final = 0.01
"""Spread of each tissue in CT: of its logarithm, and of its value (HU / 1000)."""
RANDOM_BONE_SD: Final = 0.06
"""Spread of the bones' signals around their common one in random contrast."""
RANDOM_AIR: Final = (0, 0.1)
"""Signal of air there; the other tissues have any from 0 to 1."""

CORTEX_SHARE: Final = (0.35, 1.0)
RANDOM_CORTEX_SHARE: Final = 0.9
"""Share of cortical bone in a voxel of the shell."""
CT_CORTEX: Final = (0.7, 1.3)
"""Density of cortical bone in CT, relative to its mean."""
MR_TEXTURE: Final = (0.04, 0.2)
MR_TEXTURE_BASE: Final = (0.005, 0.03)
"""Amplitude of the texture: relative to the signal, and what every tissue has."""
CT_TEXTURE: Final = (0.02, 0.07)
RANDOM_TEXTURE: Final = (0.01, 0.09)
"""The same of all tissues alike."""


def draw_intensities(contrast: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Mean and texture amplitude of every tissue code (shells included), float32 (256,)."""
    if contrast not in CONTRASTS:
        raise ValueError(f"unknown contrast {contrast!r}; known are {', '.join(CONTRASTS)}")
    if contrast == "random":
        mean, cortex = _random_means(rng)
        share = RANDOM_CORTEX_SHARE
    else:
        column = CONTRASTS.index(contrast)
        mean = _ct_means(rng) if contrast == "CT" else _mr_means(contrast, column, rng)
        cortex = CORTEX[column] * (rng.uniform(*CT_CORTEX) if contrast == "CT" else 1.0)
        share = rng.uniform(*CORTEX_SHARE)
    for left, right in MIRROR_PAIRS:
        mean[right] = mean[left]
    mean[SHELL:] = mean[:SHELL]
    for tissue in BONE:
        mean[tissue | SHELL] = (1 - share) * mean[tissue] + share * cortex
    if contrast == "CT":
        spread = np.full(256, rng.uniform(*CT_TEXTURE), np.float32)
    elif contrast == "random":
        spread = np.full(256, rng.uniform(*RANDOM_TEXTURE), np.float32)
    else:
        spread = np.abs(mean) * rng.uniform(*MR_TEXTURE) + rng.uniform(*MR_TEXTURE_BASE)
    return mean.astype(np.float32), spread.astype(np.float32)


def _mr_means(contrast: str, column: int, rng: np.random.Generator) -> Array:
    """Mean signal of every tissue in one MR scan."""
    mean = np.zeros(256)
    spreads = (BONE_LOG_SD, FAT_LOG_SD, POSTERIOR_LOG_SD)
    bone, fat, posterior = np.exp(rng.normal(0, spreads))
    suppressed = rng.random() < FAT_SUPPRESSION_ODDS[contrast]
    fat_left, marrow_left = (rng.uniform(*left) for left in (FAT_LEFT, MARROW_LEFT))
    if contrast == "EPI":
        fat_left = marrow_left = 1.0
    bodies = _spread(rng, BODY_LOG_SD)
    for tissue, means in MEANS.items():
        value = means[column]
        if tissue in BONE:
            part = bodies if tissue in BODY else posterior * _spread(rng, ELEMENT_LOG_SD)
            value *= bone * part
            value *= marrow_left if suppressed else 1.0
        else:
            value *= _spread(rng, SOFT_LOG_SD)
        if tissue in FAT_TISSUES:
            value *= fat * (fat_left if suppressed else 1.0)
        if tissue in FREE and contrast == "T2w":
            value = rng.uniform(*FREE[tissue])
        mean[tissue] = value
    mean[_T.CORPUS_BORDER] = mean[_T.CORPUS]
    return mean


def _spread(rng: np.random.Generator, log_sd: float) -> float:
    """Factor around 1 whose logarithm has that standard deviation."""
    return float(np.exp(rng.normal(0, log_sd)))


def _ct_means(rng: np.random.Generator) -> Array:
    """Mean HU / 1000 of every tissue in one CT scan."""
    mean = np.zeros(256)
    bone = float(np.exp(rng.normal(*CT_BONE_LOG)))
    for tissue, means in MEANS.items():
        value = means.ct * _spread(rng, CT_LOG_SD) + rng.normal(0, CT_SD)
        mean[tissue] = value * (bone if tissue in BONE else 1.0)
    return mean


def _random_means(rng: np.random.Generator) -> tuple[Array, float]:
    """Mean signal of every tissue, and of cortical bone, in a contrast that no scanner makes."""
    mean = np.zeros(256)
    bone = rng.uniform(0, 1)
    for tissue in Tissue:
        near_bone = bone + rng.normal(0, RANDOM_BONE_SD)
        free = rng.uniform(0, 1)
        mean[tissue] = near_bone if tissue in BONE else free
    for tissue in (_T.CORPUS, _T.DENS):
        mean[tissue] = mean[_T.CORPUS_BORDER]
    mean[_T.PSOAS], mean[_T.AIR] = mean[_T.MUSCLE], rng.uniform(*RANDOM_AIR)
    return np.clip(mean, 0, None), float(rng.uniform(0, 1))
