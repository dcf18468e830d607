"""What a run is asked to do with TotalSpineSeg, EPISeg and spine-segmentation.

Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_type_hints

from spineps_nipype.sc_epi.settings import CleanUpSettings, EpiSegSettings, QcSettings
from spineps_nipype.spine_segmentation.settings import (
    NamingSettings,
    SliceSettings,
    SpineSegmentationSettings,
)
from spineps_nipype.totalspineseg.settings import TotalSpineSegSettings

from .value_types import Gather

SPINEPS: Final = "spineps"
TOTALSPINESEG: Final = "totalspineseg"
SC_EPI: Final = "sc-epi"
SPINE_SEGMENTATION: Final = "spine-segmentation"
PIPELINES: Final = (SPINEPS, TOTALSPINESEG, SC_EPI, SPINE_SEGMENTATION)

Numerics = Literal["corrected", "original"]
Family = Literal["resnet152", "mitb5"]
AddOption = Callable[[Any, Any, Any], None]
"""Adds the flag of one option: group, dataclass field, annotation."""


@dataclass(frozen=True)
class SisterOptions:
    """Options of one run.

    Parameters
    ----------
    totalspineseg, epi, slices
        Options that decide about the results of each system.
    tss_data
        Data folder of TotalSpineSeg; None is that of ``TOTALSPINESEG_DATA``.
    loc, loc_suffix, image_suffix
        Localizer, or folder of localizers, and how their names fit those of the images.
    epi_model
        Folder of the EPISeg model.
    qc, qc_dataset, qc_subject, qc_seg
        Whether pages for quality control are written, names on them, and the mask to crop to.
    slice_models, family
        Folder of the networks of spine-segmentation, and which of its two pairs is wanted.
    """

    totalspineseg: TotalSpineSegSettings = TotalSpineSegSettings()
    tss_data: Path | None = None
    loc: Path | None = None
    loc_suffix: str = ""
    image_suffix: tuple[str, ...] = ("",)
    epi: EpiSegSettings = EpiSegSettings()
    epi_model: Path | None = None
    qc: bool = True
    qc_dataset: str = ""
    qc_subject: str = ""
    qc_seg: Path | None = None
    slices: SpineSegmentationSettings = SpineSegmentationSettings(output_same_shape_as_input=True)
    slice_models: Path | None = None
    family: Family = "resnet152"

    def flat(self) -> dict[str, Any]:
        """All options by the names of the command line; `sister_options` reads them back."""
        tss, epi, slices = self.totalspineseg, self.epi, self.slices
        parts = {"totalspineseg", "epi", "slices"}
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in parts}
        rules = asdict(tss)
        del rules["numerics"]
        return {
            **plain,
            **rules,
            **asdict(epi.clean_up),
            **asdict(epi.qc),
            **asdict(slices.slices),
            **asdict(slices.naming),
            "keep_only": tuple(n.strip() for n in tss.keep_only.split(",") if n.strip()),
            "remove_small": tuple(epi.clean_up.remove_small.split()),
            "on_4d": epi.on_4d,
            "epi_tta": epi.tta,
            "only_2class": slices.only_2class,
            "sister_numerics": tss.numerics,
        }


def add_sister_flags(parser: argparse.ArgumentParser, add_option: AddOption) -> None:
    """Add the choice of systems and the options of those beside SPINEPS."""
    group = parser.add_argument_group("which systems")
    group.add_argument(
        "--pipeline",
        dest="pipelines",
        action=Gather,
        nargs="+",
        choices=PIPELINES,
        default=[],
        help="systems to run, each into its own folder below OUTPUT_DIR; where two or more of "
        "them found vertebrae, their results are compared (default: SPINEPS into OUTPUT_DIR)",
    )
    group.add_argument(
        "--sister-numerics",
        choices=get_args(Numerics),
        default="corrected",
        help="for the systems beside SPINEPS: corrected rules, or those of the originals with "
        "their faults (default: corrected)",
    )
    _add_totalspineseg(parser.add_argument_group("TotalSpineSeg"), add_option)
    _add_epi(parser.add_argument_group("EPISeg (sc-epi)"), add_option)
    _add_slices(parser.add_argument_group("spine-segmentation"), add_option)


def number_options() -> tuple[Field[Any], ...]:
    """Options of the settings that have a flag each, to look at their ranges."""
    groups = (TotalSpineSegSettings, CleanUpSettings, QcSettings, SliceSettings)
    return tuple(option for group in groups for option in fields(group))


def sister_options(given: Mapping[str, Any]) -> SisterOptions:
    """Options from parsed arguments; paths become absolute.

    Raises
    ------
    ValueError
        If ``--keep-only`` names a folder that there is not.
    """
    numerics: Numerics = given["sister_numerics"]
    tss = _of(TotalSpineSegSettings, {**given, "keep_only": ",".join(given["keep_only"])})
    tss = TotalSpineSegSettings(**{**tss, "numerics": numerics})
    tss.kept()
    return SisterOptions(
        totalspineseg=tss,
        tss_data=_absolute(given["tss_data"]),
        loc=_absolute(given["loc"]),
        loc_suffix=given["loc_suffix"],
        image_suffix=tuple(given["image_suffix"]),
        epi=EpiSegSettings(
            clean_up=CleanUpSettings(
                **{**_of(CleanUpSettings, given), "remove_small": " ".join(given["remove_small"])}
            ),
            qc=QcSettings(**_of(QcSettings, given)),
            on_4d=given["on_4d"],
            tta=given["epi_tta"],
            numerics=numerics,
        ),
        epi_model=_absolute(given["epi_model"]),
        qc=given["qc"],
        qc_dataset=given["qc_dataset"],
        qc_subject=given["qc_subject"],
        qc_seg=_absolute(given["qc_seg"]),
        slices=SpineSegmentationSettings(
            slices=SliceSettings(**_of(SliceSettings, given)),
            naming=NamingSettings(**_of(NamingSettings, given)),
            only_2class=given["only_2class"],
            output_same_shape_as_input=True,
            numerics=numerics,
        ),
        slice_models=_absolute(given["slice_models"]),
        family=given["family"],
    )


def add_clean_up(group: Any, add_option: AddOption) -> None:
    """Add the options of EPISeg that decide about a mask."""
    _add_all(group, CleanUpSettings, add_option, skip={"remove_small"})
    group.add_argument(
        "--remove-small",
        nargs="+",
        default=[],
        metavar="SIZE",
        help="smallest size of an object, such as 1mm3 or 5vox: one, or one a class",
    )
    _add_one(group, EpiSegSettings, "on_4d", add_option)


def _add_totalspineseg(group: Any, add_option: AddOption) -> None:
    group.add_argument(
        "--tss-data",
        type=Path,
        metavar="DIR",
        help="data folder with installed weights (default: TOTALSPINESEG_DATA, else the "
        "compact networks)",
    )
    group.add_argument(
        "--loc",
        type=Path,
        metavar="PATH",
        help="labelled result in the same space, for all scans; or a folder of such results",
    )
    group.add_argument(
        "--loc-suffix", default="", metavar="TEXT", help="end of the names of localizers"
    )
    group.add_argument(
        "--image-suffix",
        nargs="+",
        default=[""],
        metavar="TEXT",
        help="end of image names that --loc-suffix stands in place of",
    )
    group.add_argument(
        "--keep-only",
        action=Gather,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="output folders to keep (default: all)",
    )
    _add_all(group, TotalSpineSegSettings, add_option, skip={"numerics", "keep_only"})


def _add_epi(group: Any, add_option: AddOption) -> None:
    group.add_argument(
        "--epi-model",
        type=Path,
        metavar="DIR",
        help="folder of the EPISeg model (default: the installed one, else the compact one)",
    )
    add_clean_up(group, add_option)
    group.add_argument(
        "--epi-tta", action="store_true", help="average over mirrored inputs, if the model can"
    )
    group.add_argument(
        "--qc",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write pages for quality control below OUTPUT_DIR/sc-epi/qc (default: on)",
    )
    _add_all(group, QcSettings, add_option)
    group.add_argument("--qc-dataset", default="", metavar="TEXT", help="data set on the pages")
    group.add_argument("--qc-subject", default="", metavar="TEXT", help="subject on the pages")
    group.add_argument(
        "--qc-seg", type=Path, metavar="FILE", help="mask around which pictures are cut"
    )


def _add_slices(group: Any, add_option: AddOption) -> None:
    group.add_argument(
        "--slice-models",
        type=Path,
        metavar="DIR",
        help="folder of the ONNX networks (default: that of the original, else the compact ones)",
    )
    group.add_argument(
        "--family",
        choices=get_args(Family),
        default="resnet152",
        help="which of the two released pairs of networks (default: resnet152)",
    )
    _add_one(group, SpineSegmentationSettings, "only_2class", add_option)
    _add_all(group, SliceSettings, add_option)
    _add_all(group, NamingSettings, add_option)


def _add_all(
    group: Any,
    settings: type,
    add_option: AddOption,
    skip: frozenset[str] | set[str] = frozenset(),
) -> None:
    for option in fields(settings):
        if option.name not in skip:
            add_option(group, option, get_type_hints(settings)[option.name])


def _add_one(group: Any, settings: type, name: str, add_option: AddOption) -> None:
    option = next(f for f in fields(settings) if f.name == name)
    add_option(group, option, get_type_hints(settings)[name])


def _of(settings: type, given: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: given[f.name] for f in fields(settings) if f.name in given}


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().absolute()
