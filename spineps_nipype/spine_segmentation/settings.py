"""Every option of spine-segmentation, once; same pattern as `spineps_nipype.settings`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..settings import Settings, option
from .upstream import upstream

Numerics = str
"""A kind of numerics, and after commas rules that behave as the original does: `upstream`."""
"""Rules with their faults corrected, or those of version 0.3.2 as they are."""
Naming = Literal["sequence", "shift"]
Family = Literal["resnet152", "mitb5"]


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
    slice_batch: int = option(4, "slices in one network call", least=1, speed_only=True)


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
class SpineSegmentationSettings(Settings):
    """All settings that decide about the result of one scan."""

    slices: SliceSettings = SliceSettings()
    naming: NamingSettings = NamingSettings()
    only_2class: bool = option(False, "vertebra and disc only: no instances and no names")
    output_same_shape_as_input: bool = option(
        False, "results on the grid of the input instead of that of the network", flag=False
    )
    numerics: Numerics = option(
        "corrected",
        "corrected rules, or those of version 0.3.2 with their faults (original); "
        "corrected,NAME: corrected but for rules by name (docs: what the originals do otherwise)",
        key="spine_segmentation_numerics",
        metavar="NUMERICS",
        check=upstream,
    )


@dataclass(frozen=True)
class SpineSegmentationOptions(Settings):
    """What a run over a dataset is asked to do with spine-segmentation."""

    slice_models: Path | None = option(
        None,
        "folder of the ONNX networks (default: that of the original, else the compact ones)",
        metavar="DIR",
    )
    family: Family = option("resnet152", "which of the two released pairs of networks")
    settings: SpineSegmentationSettings = SpineSegmentationSettings(
        output_same_shape_as_input=True
    )
