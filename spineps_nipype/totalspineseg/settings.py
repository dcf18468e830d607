"""Every option of TotalSpineSeg, once; same pattern as `spineps_nipype.settings`.

Labels are numbers of the raw network classes or of the output table. Pairs of numbers are
``(raw, output)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ..settings import Settings, option
from .upstream import upstream

Numerics = str
"""A kind of numerics, and after commas rules that behave as the original does: `upstream`."""
"""Rules with their faults corrected, or those of version 20251028 as they are."""
Release = Literal["r20241115", "r20251124", "r20260730"]
Labels = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

FOLDERS: Final = (
    "input",
    "preview",
    "localizers",
    "step1_raw",
    "step1_raw_cord",
    "step1_raw_canal",
    "step1_output",
    "step1_cord",
    "step1_canal",
    "step1_levels",
    "step2_input",
    "step2_raw",
    "step2_output",
)
"""Output folders with the names of the original, and two of our own: probabilities near the canal,
from which the rules of step 1 start again without its network."""


def folders_of(text: str) -> frozenset[str]:
    """Output folders that a text names, separated by commas; all of them if it names none.

    Raises
    ------
    ValueError
        If a name is none of the output folders.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(FOLDERS))
    if unknown:
        raise ValueError(
            f"unknown output folders: {', '.join(unknown)}; known are {', '.join(FOLDERS)}"
        )
    return frozenset(names or FOLDERS)


@dataclass(frozen=True)
class LabelerSettings:
    """All arguments of the labeller; the defaults are those of the original's command."""

    disc_labels: Labels = option((1, 2, 3, 4, 5), "raw labels of discs")
    disc_landmark_labels: Labels = option((2, 3, 4, 5), "raw labels of the landmark discs")
    disc_landmark_output_labels: Labels = option(
        (63, 71, 91, 100), "output labels of the landmark discs: first of each region"
    )
    selected_disc_landmarks: Labels = option(
        (2, 5, 3, 4), "landmarks in the order of trust; only the first two combine"
    )
    disc_output_step: int = option(1, "distance of output labels from disc to disc")
    vertebrae_labels: Labels = option((), "raw labels of vertebrae, one group of components each")
    vertebrae_landmark_output_labels: Labels = option(
        (13, 21, 41, 50), "output labels of C3, T1, L1 and the sacrum"
    )
    vertebrae_output_step: int = option(1, "distance of output labels between vertebrae")
    vertebrae_extra_labels: Labels = option(
        (), "raw labels of vertebra voxels that belong to the component around them"
    )
    region_max_sizes: Labels = option((5, 12, 6, 1), "most discs of each region")
    region_default_sizes: Labels = option((5, 12, 5, 1), "usual number of discs of each region")
    loc_disc_labels: Labels = option((), "disc labels to take from a localizer")
    canal_labels: Labels = option((), "raw labels of the canal")
    canal_output_label: int = option(2, "output label of the canal; 0: none")
    cord_labels: Labels = option((), "raw labels of the cord")
    cord_output_label: int = option(1, "output label of the cord; 0: none")
    sacrum_labels: Labels = option((), "raw labels of the sacrum")
    sacrum_output_label: int = option(50, "output label of the sacrum; 0: none")
    map_input: Pairs = option((), "raw labels that are painted last, with their output labels")
    dilation_size: int = option(1, "parts nearer than twice this are one component", unit="voxels")
    default_superior_disc: int = option(
        0, "label of the uppermost disc when no landmark is found; 0: that is an error"
    )


LABELER_STEP1: Final = LabelerSettings(
    loc_disc_labels=tuple(range(63, 101)),
    canal_labels=(8,),
    cord_labels=(9,),
    sacrum_labels=(6,),
    map_input=((7, 11),),
)
LABELER_STEP2: Final = LabelerSettings(
    vertebrae_labels=(7, 8, 9),
    vertebrae_extra_labels=(6,),
    loc_disc_labels=tuple(range(63, 101)),
    canal_labels=(10,),
    cord_labels=(11,),
    sacrum_labels=(9,),
)


@dataclass(frozen=True)
class RuleSettings:
    """Options that decide about the bytes of a result."""

    release: Release = option("r20241115", "weights, and the rules that were tuned with them")
    crop_margin: int = option(
        10, "margin around the result of step 1 for step 2", unit="voxels", least=0
    )
    component_dilation: int = option(
        5, "parts nearer than twice this belong to the largest component", unit="voxels", least=0
    )
    soft_dilation: int = option(
        1, "soft cord and canal reach this far beyond their labels", unit="voxels", least=0
    )
    default_superior_disc: int = option(
        0, "label of the uppermost disc when no landmark is found (0: the scan fails)", least=0
    )
    numerics: Numerics = option(
        "corrected",
        "corrected rules, or those of TotalSpineSeg 20251028 with their faults (original); "
        "corrected,NAME: corrected but for rules by name (docs: what the originals do otherwise)",
        key="totalspineseg_numerics",
        metavar="NUMERICS",
        check=upstream,
    )


@dataclass(frozen=True)
class RunSettings:
    """Options that decide which results are made and kept."""

    step1: bool = option(False, "stop after step 1")
    iso: bool = option(False, "leave the results on the 1 mm grid")
    keep_only: str = option(
        "",
        "output folders to keep (default: all)",
        metavar="FOLDER",
        separator=",",
        check=folders_of,
    )

    def kept(self) -> frozenset[str]:
        """Output folders that the run keeps; see `folders_of`."""
        return folders_of(self.keep_only)

    @property
    def runs_step2(self) -> bool:
        """Whether step 2 has a result that anyone wants."""
        return not self.step1 and "step2_output" in self.kept()


@dataclass(frozen=True)
class TotalSpineSegSettings(RunSettings, RuleSettings):
    """All options of one scan."""


@dataclass(frozen=True)
class TotalSpineSegOptions(Settings):
    """What a run over a dataset is asked to do with TotalSpineSeg."""

    tss_data: Path | None = option(
        None,
        "data folder with installed weights (default: TOTALSPINESEG_DATA, else the compact "
        "networks)",
        metavar="DIR",
    )
    loc: Path | None = option(
        None,
        "labelled result in the same space, for all scans; or a folder of such results",
        metavar="PATH",
    )
    loc_suffix: str = option("", "end of the names of localizers", metavar="TEXT")
    image_suffix: tuple[str, ...] = option(
        ("",), "end of image names that --loc-suffix stands in place of", metavar="TEXT"
    )
    settings: TotalSpineSegSettings = TotalSpineSegSettings()
