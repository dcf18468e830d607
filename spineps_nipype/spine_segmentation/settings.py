"""Every option of spine-segmentation, once; same pattern as `spineps_nipype.settings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ..settings import option

Numerics = Literal["corrected", "original"]
"""Rules with their faults corrected, or those of version 0.3.2 as they are."""
Naming = Literal["sequence", "shift"]


@dataclass(frozen=True)
class SliceSettings:
    """From a volume to the slices that the networks see."""

    resample: bool = option(
        True, "bring slices to the pixel size of the training images (needs a voxel size)"
    )
    pixel_size: float = option(
        0.85,
        "pixel size of the training images, inferred from their height",
        unit="mm",
        least=0.01,
    )
    normalise: bool = option(True, "bring intensities of the volume to the range 0 to 1")
    slice_batch: int = option(4, "slices in one network call", least=1)


@dataclass(frozen=True)
class NamingSettings:
    """From instances to names."""

    naming: Naming = option(
        "sequence", "likeliest sequence of names, or one shift for all (shift)"
    )
    allow_t13: bool = option(True, "a 13th thoracic vertebra is possible")
    allow_l6: bool = option(True, "a sixth lumbar vertebra is possible")
    allow_missing_t12: bool = option(True, "the first lumbar vertebra may follow T11")
    allow_missing_l5: bool = option(True, "the sacrum may follow L4")


USUAL_NAMING: Final = NamingSettings()


@dataclass(frozen=True)
class SpineSegmentationSettings:
    """All settings that decide about the result of one scan."""

    slices: SliceSettings = SliceSettings()
    naming: NamingSettings = NamingSettings()
    only_2class: bool = option(False, "vertebra and disc only: no instances and no names")
    output_same_shape_as_input: bool = option(
        False, "results on the grid of the input instead of that of the network"
    )
    numerics: Numerics = option(
        "corrected", "corrected rules, or those of version 0.3.2 (original)"
    )
