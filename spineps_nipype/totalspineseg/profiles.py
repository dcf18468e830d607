"""Weight releases with the rules that were tuned together with them.

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
    """A weight release with its rules.

    Parameters
    ----------
    release
        Name of the release.
    checkpoints
        Names of checkpoints, the preferred one first.
    min_component_voxels
        Components of discs and vertebrae with fewer voxels are ignored.
    min_landmark_voxels
        A landmark is used if its disc holds more voxels of it than this.
    drop_superior_landmark
        Whether C2-C3 is dropped if the uppermost disc holds none of it.
    drop_inferior_landmark
        When L5-S is dropped: never, if the lowest disc holds none of it (``absent``), or if a disc
        below it has more than a tenth of its size (``size``).
    levels
        Whether levels are at the front of the canal or at the posterior tip of the disc.
    min_c1_voxels
        C1 is used for the levels above C2-C3 if it has more voxels than this.
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
