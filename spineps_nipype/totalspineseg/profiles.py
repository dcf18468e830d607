"""Weight releases with the rules that were tuned together with them.

Source: TotalSpineSeg 20251028, 20260429 and 20260807, differences between the versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

DATASETS: Final = ("Dataset101_TotalSpineSeg_step1", "Dataset102_TotalSpineSeg_step2")
DOWNLOADS: Final = "https://github.com/neuropoly/totalspineseg/releases/download"


@dataclass(frozen=True)
class Profile:
    """A weight release with its rules.

    Parameters
    ----------
    release
        Name of the release.
    trainer_folder
        Folder with plans and folds inside the folder of a data set.
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
    trainer_folder: str
    checkpoints: tuple[str, str]
    min_component_voxels: int = 0
    min_landmark_voxels: int = 0
    drop_superior_landmark: bool = False
    drop_inferior_landmark: Literal["never", "absent", "size"] = "never"
    levels: Literal["canal", "posterior"] = "canal"
    min_c1_voxels: int = 0

    def url(self, step: Literal[1, 2]) -> str:
        """Address of the weights of a step."""
        return f"{DOWNLOADS}/{self.release}/{DATASETS[step - 1]}_{self.release}.zip"


_FINAL, _BEST = "checkpoint_final.pth", "checkpoint_best.pth"
_RESIDUAL: Final = "nnUNetTrainerDAExtGPU__nnUNetPlans__3d_fullres"

PROFILES: Final[Mapping[str, Profile]] = {
    profile.release: profile
    for profile in (
        Profile(
            "r20241115",
            "nnUNetTrainer_DASegOrd0_NoMirroring__nnUNetPlans_small__3d_fullres",
            (_FINAL, _BEST),
        ),
        Profile(
            "r20251124",
            _RESIDUAL,
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
            _RESIDUAL,
            (_BEST, _FINAL),
            min_component_voxels=200,
            min_landmark_voxels=200,
            drop_inferior_landmark="size",
            levels="posterior",
            min_c1_voxels=500,
        ),
    )
}
SEED: Final = PROFILES["r20241115"]
