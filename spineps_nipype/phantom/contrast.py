"""Intensities of the tissues in each contrast.

The means are rough relative signals (fluid 1 in T2w; fat near 1 in T1w; CT in HU / 1000), the
order of which agrees with real scans. Draws around them make every image another scanner.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .geometry import Array
from .tissues import BODY, BONE, MIRROR_PAIRS, SHELL, Tissue

CONTRASTS: Final = ("T2w", "T1w", "CT", "EPI", "random")

_T: Final = Tissue
MEANS: Final[dict[Tissue, tuple[float, float, float, float]]] = {
    # tissue: T2w, T1w, CT, EPI
    _T.AIR: (0.0, 0.0, -1.0, 0.0),
    _T.FAT: (0.72, 0.95, -0.10, 0.10),
    _T.MUSCLE: (0.07, 0.35, 0.055, 0.35),
    _T.PSOAS: (0.07, 0.35, 0.055, 0.35),
    _T.VESSEL: (0.20, 0.30, 0.06, 0.30),
    _T.ORGAN: (0.35, 0.40, 0.04, 0.45),
    _T.ORGAN_BRIGHT: (0.50, 0.30, 0.03, 0.55),
    _T.GAS: (0.02, 0.02, -0.90, 0.02),
    _T.LUNG: (0.06, 0.06, -0.85, 0.03),
    _T.LIGAMENT: (0.08, 0.20, 0.08, 0.12),
    _T.EPIDURAL_FAT: (0.75, 0.95, -0.08, 0.12),
    _T.OTHER_BONE: (0.35, 0.50, 0.30, 0.15),
    _T.SKIN: (0.40, 0.40, 0.02, 0.25),
    _T.BRAIN: (0.50, 0.50, 0.04, 0.75),
    _T.VENOUS_PLEXUS: (0.60, 0.30, 0.06, 0.30),
    _T.SACRUM: (0.40, 0.58, 0.20, 0.20),
    _T.SACRAL_DISC: (0.15, 0.30, 0.15, 0.20),
    _T.ARCUS: (0.38, 0.55, 0.32, 0.18),
    _T.SPINOUS: (0.42, 0.60, 0.28, 0.18),
    _T.COSTAL_LEFT: (0.38, 0.52, 0.27, 0.18),
    _T.COSTAL_RIGHT: (0.38, 0.52, 0.27, 0.18),
    _T.SUPERIOR_LEFT: (0.32, 0.48, 0.42, 0.17),
    _T.SUPERIOR_RIGHT: (0.32, 0.48, 0.42, 0.17),
    _T.INFERIOR_LEFT: (0.32, 0.48, 0.42, 0.17),
    _T.INFERIOR_RIGHT: (0.32, 0.48, 0.42, 0.17),
    _T.CORPUS_BORDER: (0.40, 0.58, 0.22, 0.20),
    _T.CORPUS: (0.40, 0.58, 0.18, 0.20),
    _T.DENS: (0.36, 0.52, 0.35, 0.18),
    _T.BASIVERTEBRAL_VEIN: (0.60, 0.40, 0.10, 0.25),
    _T.HEMANGIOMA: (0.75, 0.80, 0.10, 0.25),
    _T.CORD: (0.48, 0.50, 0.04, 0.65),
    _T.CSF: (1.00, 0.18, 0.012, 1.00),
    _T.ENDPLATE: (0.12, 0.18, 0.45, 0.10),
    _T.ROOT: (0.50, 0.35, 0.03, 0.65),
    _T.ANNULUS: (0.14, 0.40, 0.09, 0.25),
    _T.NUCLEUS: (0.40, 0.38, 0.08, 0.45),
}
"""Muscle in T2w: with a T2 near 35 ms and an echo after 90 ms it keeps 7 % of what fluid gives.
In 30 scans of SPIDER marrow of the arches is 2.9 to 8.7 times as bright as what lies around them.
"""
CORTEX: Final = (0.07, 0.12, 0.65, 0.05)
"""Signal of cortical bone in the same contrasts."""
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


def draw_intensities(contrast: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Mean and texture amplitude of every tissue code (shells included), float32 (256,)."""
    if contrast not in CONTRASTS:
        raise ValueError(f"unknown contrast {contrast!r}; known are {', '.join(CONTRASTS)}")
    if contrast == "random":
        mean, cortex = _random_means(rng)
        share = 0.9
    else:
        column = CONTRASTS.index(contrast)
        mean = _ct_means(rng) if contrast == "CT" else _mr_means(contrast, column, rng)
        cortex = CORTEX[column] * (rng.uniform(0.7, 1.3) if contrast == "CT" else 1.0)
        share = rng.uniform(0.35, 1.0)
    for left, right in MIRROR_PAIRS:
        mean[right] = mean[left]
    mean[SHELL:] = mean[:SHELL]
    for tissue in BONE:
        mean[tissue | SHELL] = (1 - share) * mean[tissue] + share * cortex
    if contrast == "CT":
        spread = np.full(256, rng.uniform(0.02, 0.07), np.float32)
    elif contrast == "random":
        spread = np.full(256, rng.uniform(0.01, 0.09), np.float32)
    else:
        spread = np.abs(mean) * rng.uniform(0.04, 0.2) + rng.uniform(0.005, 0.03)
    return mean.astype(np.float32), spread.astype(np.float32)


def _mr_means(contrast: str, column: int, rng: np.random.Generator) -> Array:
    mean = np.zeros(256)
    bone, fat, posterior = np.exp(rng.normal(0, (0.28, 0.25, 0.15)))
    suppressed = rng.random() < FAT_SUPPRESSION_ODDS[contrast]
    fat_left, marrow_left = rng.uniform((0.15, 0.5), (0.45, 0.85))
    marrow = np.exp(rng.normal(0, 0.06))
    for tissue, means in MEANS.items():
        value = means[column]
        if tissue in BONE:
            value *= bone * (marrow if tissue in BODY else posterior * np.exp(rng.normal(0, 0.08)))
            value *= marrow_left if suppressed and contrast != "EPI" else 1.0
        else:
            value *= np.exp(rng.normal(0, 0.22))
        if tissue in FAT_TISSUES:
            value *= fat * (fat_left if suppressed and contrast != "EPI" else 1.0)
        if tissue in FREE and contrast == "T2w":
            value = rng.uniform(*FREE[tissue])
        mean[tissue] = value
    mean[_T.CORPUS_BORDER] = mean[_T.CORPUS]
    return mean


def _ct_means(rng: np.random.Generator) -> Array:
    mean = np.zeros(256)
    bone = float(np.exp(rng.normal(-0.15, 0.45)))  # old bone is hardly denser than muscle
    for tissue, means in MEANS.items():
        value = means[2] * np.exp(rng.normal(0, 0.12)) + rng.normal(0, 0.01)
        mean[tissue] = value * (bone if tissue in BONE else 1.0)
    return mean


def _random_means(rng: np.random.Generator) -> tuple[Array, float]:
    mean = np.zeros(256)
    bone = rng.uniform(0, 1)
    for tissue in Tissue:
        near_bone = bone + rng.normal(0, 0.06)
        free = rng.uniform(0, 1)
        mean[tissue] = near_bone if tissue in BONE else free
    for tissue in (_T.CORPUS, _T.DENS):
        mean[tissue] = mean[_T.CORPUS_BORDER]
    mean[_T.PSOAS], mean[_T.AIR] = mean[_T.MUSCLE], rng.uniform(0, 0.1)
    return np.clip(mean, 0, None), float(rng.uniform(0, 1))
