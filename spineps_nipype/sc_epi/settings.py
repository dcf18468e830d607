"""Every option of EPISeg, once; same pattern as `spineps_nipype.settings`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..settings import Settings, option
from .upstream import upstream

Numerics = str
"""A kind of numerics, and after commas rules that behave as the original does: `upstream`."""
"""Rules with their faults corrected, or those of the Spinal Cord Toolbox 7.0 as they are."""
On4D = Literal["error", "mean", "each"]
Plane = Literal["Axial", "Sagittal"]


@dataclass(frozen=True)
class CleanUpSettings:
    """From the result of the network to the mask."""

    thr: float | None = option(
        None,
        "probability above which a voxel belongs to the cord; 0 keeps probabilities",
        least=0,
        most=1,
    )
    largest: bool = option(False, "keep the largest object")
    fill_holes: bool = option(False, "fill closed cavities")
    fill_holes_slices: bool = option(False, "fill holes in each axial slice")
    remove_small: str = option(
        "",
        "smallest size of an object, such as 1mm3 or 5vox: one, or one a class",
        metavar="SIZE",
        separator=" ",
    )


@dataclass(frozen=True)
class QcSettings:
    """Quality control pictures."""

    qc_plane: Plane = option("Axial", "plane of the pictures")
    qc_resolution: float = option(0.6, "pixel size of the pictures", unit="mm", least=0.01)


@dataclass(frozen=True)
class EpiSegSettings(Settings):
    """All settings that decide about the result of one scan."""

    clean_up: CleanUpSettings = CleanUpSettings()
    qc: QcSettings = QcSettings()
    on_4d: On4D = option(
        "error", "images with several volumes: refuse, segment their mean, or each volume"
    )
    tta: bool = option(
        False, "average over mirrored inputs, if the model allows it", key="epi_tta"
    )
    numerics: Numerics = option(
        "corrected",
        "corrected rules, or those of the Spinal Cord Toolbox 7.0 with their faults (original); "
        "corrected,NAME: corrected but for rules by name (docs: what the originals do otherwise)",
        key="sc_epi_numerics",
        metavar="NUMERICS",
        check=upstream,
    )


@dataclass(frozen=True)
class ScEpiOptions(Settings):
    """What a run over a dataset is asked to do with EPISeg."""

    epi_model: Path | None = option(
        None,
        "folder of the EPISeg model (default: the installed one, else the compact one)",
        metavar="DIR",
    )
    settings: EpiSegSettings = EpiSegSettings()
    qc: bool = option(True, "write pages for quality control below OUTPUT_DIR/sc-epi/qc")
    qc_dataset: str = option("", "data set on the pages (default: its folder)", metavar="TEXT")
    qc_subject: str = option(
        "", "subject on the pages (default: that of the scan)", metavar="TEXT"
    )
    qc_seg: Path | None = option(None, "mask around which pictures are cut", metavar="FILE")
