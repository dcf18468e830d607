"""Cases of EPISeg: a short functional series with a bright cord."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from ..sc_epi.tiny_epi import write_archive
from ..tiny_packages import save_scan
from .lab import Lab
from .record import Case
from .words import NUMERICS, OVERRIDES

SCAN: Final = "sub-a/func/sub-a_task-rest_bold.nii.gz"
HOME: Final = "sc-epi"
MASK: Final = f"{HOME}/sub-a/func/sub-a_task-rest_bold_seg"
MEAN: Final = ("--on-4d", "mean")


def make_lab(root: Path) -> Lab:
    """A dataset of one series, and the network."""
    lab = Lab(root, ("--pipeline", "sc-epi", "--epi-model", "{lab}/models/epi"))
    write_archive(lab.models / "epi")
    _write_cord(lab.bids / SCAN, (32, 32, 6, 3))
    return lab


def _write_cord(path: Path, shape: tuple[int, ...]) -> None:
    """A bright cord with a hole in one slice, and a second object."""
    image = np.full(shape, 20, np.float32)
    image[14:18, 14:18] = 160
    image[15:17, 15:17, 2] = 20
    image[2:4, 2:4, 3] = 160
    path.parent.mkdir(parents=True)
    save_scan(image, np.diag([1, 1, 5, 1.0]), path)


def _write_volume(lab: Lab) -> None:
    """A dataset of a single volume."""
    _write_cord(lab.root / "volume" / SCAN, (32, 32, 6))


CASES: Final = (
    Case("fresh", MEAN),
    Case("again", MEAN, "fresh"),
    Case("override", (*MEAN, OVERRIDES[HOME]), "fresh", with_work=True),
    Case("lost-mask", MEAN, "fresh", lose=(f"{MASK}.nii.gz",)),
    Case("lost-sidecar", MEAN, "fresh", lose=(f"{MASK}.json",)),
    Case("lost-page", MEAN, "fresh", lose=(f"{HOME}/qc/index.html",)),
    Case("each-volume", ("--on-4d", "each"), "fresh"),
    Case("refused"),
    Case(
        "cleaned",
        (*MEAN, "--largest", "--fill-holes-slices", "--remove-small", "5vox"),
        "fresh",
    ),
    Case("probabilities", (*MEAN, "--thr", "0"), "fresh"),
    Case("original-rules-of-series", (*MEAN, NUMERICS["sc-epi"], "original"), "fresh"),
    Case("volume", prepare=_write_volume, dataset="volume"),
    Case(
        "volume-original-rules",
        (NUMERICS["sc-epi"], "original"),
        prepare=_write_volume,
        dataset="volume",
    ),
    Case("without-pages", (*MEAN, "--no-qc")),
    Case("group", start="fresh", run=Lab.group),
)
