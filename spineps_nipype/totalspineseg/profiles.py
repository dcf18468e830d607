"""Rules that belong to the weight releases, since both were tuned together.

Source: TotalSpineSeg 20251028, 20260429 and 20260807, differences between the versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ..models.places import TSS_DATASETS, TSS_RELEASE

DATASETS: Final = tuple(TSS_DATASETS.values())
"""Folders of the two steps, by which nnU-Net knows them."""


@dataclass(frozen=True)
class Profile:
    """One weight release with its rules.

    Parameters
    ----------
    release
        Name of the release.
    checkpoints
        Checkpoint names, the preferred one first.
    min_component_voxels
        Components of discs and vertebrae with fewer voxels are ignored.
    min_landmark_voxels
        A landmark counts when its disc holds more voxels of it than this.
    drop_superior_landmark
        Whether C2-C3 is no landmark when the uppermost disc holds none of it.
    drop_inferior_landmark
        Whether L5-S is no landmark: never, when the lowest disc holds none of it (``absent``),
        or when a disc below is larger than a tenth of its own (``size``).
    levels
        Levels on the front of the canal, or at the posterior tip of the disc.
    min_c1_voxels
        C1 counts for the levels above C2-C3 when it has more voxels than this.
    """

    release: str
    checkpoints: tuple[str, str]
    min_component_voxels: int = 0
    min_landmark_voxels: int = 0
    drop_superior_landmark: bool = False
    drop_inferior_landmark: Literal["never", "absent", "size"] = "never"
    levels: Literal["canal", "posterior"] = "canal"
    min_c1_voxels: int = 0


_FINAL, _BEST = "checkpoint_final.pth", "checkpoint_best.pth"

PROFILES: Final[Mapping[str, Profile]] = {
    profile.release: profile
    for profile in (
        Profile(
            "r20241115",
            (_FINAL, _BEST),
        ),
        Profile(
            "r20251124",
            (_BEST, _FINAL),
            min_component_voxels=10,
            min_landmark_voxels=200,
            drop_superior_landmark=True,
            drop_inferior_landmark="absent",
            levels="posterior",
            min_c1_voxels=500,
        ),
        Profile(
            "r20260730",
            (_BEST, _FINAL),
            min_component_voxels=200,
            min_landmark_voxels=200,
            drop_inferior_landmark="size",
            levels="posterior",
            min_c1_voxels=500,
        ),
    )
}
SEED: Final = PROFILES[TSS_RELEASE]
