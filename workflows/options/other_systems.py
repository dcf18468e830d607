"""The systems that a run can choose, and the flags of those beside SPINEPS.

Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
from typing import Final

from spineps_nipype.sc_epi.settings import ScEpiOptions
from spineps_nipype.spine_segmentation.settings import SpineSegmentationOptions
from spineps_nipype.totalspineseg.settings import TotalSpineSegOptions

from .setting_flags import add_options
from .value_types import Gather, Replaceable

SPINEPS: Final = "spineps"
TOTALSPINESEG: Final = "totalspineseg"
SC_EPI: Final = "sc-epi"
SPINE_SEGMENTATION: Final = "spine-segmentation"
PIPELINES: Final = (SPINEPS, TOTALSPINESEG, SC_EPI, SPINE_SEGMENTATION)
OTHER_SYSTEMS: Final = {
    "TotalSpineSeg": TotalSpineSegOptions,
    "EPISeg (sc-epi)": ScEpiOptions,
    "spine-segmentation": SpineSegmentationOptions,
}
"""Options of the systems beside SPINEPS, by what their flags stand under."""


def add_system_flags(parser: argparse.ArgumentParser) -> None:
    """Add the choice of systems and the options of those beside SPINEPS."""
    group = parser.add_argument_group("which systems")
    group.add_argument(
        "--pipeline",
        dest="pipelines",
        action=Gather,
        nargs="+",
        choices=PIPELINES,
        default=Replaceable(),
        help="systems to run, each into its own folder below OUTPUT_DIR; where two or more of "
        "them found vertebrae, their results are compared (default: SPINEPS into OUTPUT_DIR)",
    )
    for title, options in OTHER_SYSTEMS.items():
        add_options(parser.add_argument_group(title), options)
