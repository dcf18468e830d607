"""Label numbers of SPINEPS, and the sets of labels that its rules refer to.

Source: the SPINEPS label tables (TPTBox enumerations `Location` and `Vertebra_Instance`).
"""

from __future__ import annotations

from typing import Final

# Semantic ("spine") labels
ARCUS: Final = 41
SPINOUS: Final = 42
COSTAL_LEFT, COSTAL_RIGHT = 43, 44
ARTICULAR_SUPERIOR_LEFT, ARTICULAR_SUPERIOR_RIGHT = 45, 46
ARTICULAR_INFERIOR_LEFT, ARTICULAR_INFERIOR_RIGHT = 47, 48
CORPUS_BORDER: Final = 49
CORPUS: Final = 50
DENS: Final = 51
ENDPLATE_SUPERIOR, ENDPLATE_INFERIOR = 52, 53
CORD: Final = 60
CANAL: Final = 61
ENDPLATE: Final = 62
METAL: Final = 80
DISC: Final = 100
SACRUM: Final = 26
"""Sacrum, in the semantic mask and, as S1, in the vertebra mask."""

SPINE_NAMES: Final[dict[int, str]] = {
    26: "Sacrum",
    40: "Vertebra_Full",
    41: "Arcus_Vertebrae",
    42: "Spinosus_Process",
    43: "Costal_Process_Left",
    44: "Costal_Process_Right",
    45: "Superior_Articular_Left",
    46: "Superior_Articular_Right",
    47: "Inferior_Articular_Left",
    48: "Inferior_Articular_Right",
    49: "Vertebra_Corpus_border",
    50: "Vertebra_Corpus",
    51: "Dens_axis",
    52: "Endplate_Superior",
    53: "Endplate_Inferior",
    60: "Spinal_Cord",
    61: "Spinal_Canal",
    62: "Endplate",
    80: "Metal",
    100: "Vertebra_Disc",
}

# Vertebra ("vert") labels
C1, C2, T1, T11, T12, L1, L5, L6, T13 = 1, 2, 8, 18, 19, 20, 24, 25, 28
DISC_OFFSET: Final = 100
"""Disc below vertebra v carries 100 + v."""
ENDPLATE_OFFSET: Final = 200
"""Endplates around the disc below vertebra v carry 200 + v."""

VERTEBRA_NAMES: Final[dict[int, str]] = {
    **{i: f"C{i}" for i in range(1, 8)},
    **{7 + i: f"T{i}" for i in range(1, 13)},
    **{19 + i: f"L{i}" for i in range(1, 7)},
    26: "S1",
    27: "COCC",
    28: "T13",
    **{27 + i: f"S{i}" for i in range(2, 7)},
}

ANATOMICAL_ORDER: Final[tuple[int, ...]] = (*range(1, 20), T13, *range(20, 27), *range(29, 34), 27)
"""Vertebra labels from cranial to caudal; T13 comes between T12 and L1."""
RANK: Final[dict[int, int]] = {label: place for place, label in enumerate(ANATOMICAL_ORDER)}
"""Their places in that order."""
USUAL: Final[tuple[int, ...]] = tuple(range(1, 25))
"""Vertebrae of a spine without a transitional one, from cranial to caudal."""

VERTEBRA_PARTS: Final = (40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51)
"""Semantic labels whose voxels belong to a vertebra instance."""

BODY_PARTS: Final = (CORPUS_BORDER, CORPUS, DENS)
"""The vertebra parts that make up a vertebral body."""

MR_LABELS: Final = (41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 100, 26)
"""The 14 labels that the MR models of SPINEPS produce, in their class order."""
