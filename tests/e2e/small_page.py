"""The page of a subject with a small scan, and with one that failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from TPTBox import NII

from spineps_nipype.metrics.checks import check_masks
from spineps_nipype.metrics.columns import COLUMNS
from spineps_nipype.metrics.findings import Finding
from spineps_nipype.metrics.spine_metrics import measure_spine, split_masks
from spineps_nipype.reports.mosaic import draw_mosaic
from spineps_nipype.reports.mosaic_layout import read_layout
from spineps_nipype.reports.subject_page import ScanEntry, write_subject_page
from spineps_nipype.reports.viewer import write_volumes

METHODS = """# Methods

The scans <were> segmented with a program [@tool] and *care*. Nobody wrote [@this].

## References

- [@tool] Somebody. A tool. Journal 2024. doi:10.1000/tool.1

*A note.*
"""


def two_vertebrae(folder: Path) -> Path:
    """Write the page of ``sub-x`` with all that it shows."""
    spine, vert = np.zeros((40, 60, 20), np.uint8), np.zeros((40, 60, 20), np.uint8)
    for place, v in enumerate((20, 21)):
        box = (slice(10, 25), slice(5 + 26 * place, 23 + 26 * place), slice(4, 16))
        spine[box], vert[box] = 49, v
    spine[28:33, :, 8:12] = 61
    affine = np.array([[0, 0, 2, 0], [-1.5, 0, 0, 0], [0, -1.5, 0, 0], [0, 0, 0, 1.0]])
    grey = np.random.default_rng(0).random(spine.shape).astype(np.float32)
    image = NII.from_numpy(grey, affine, False)
    masks = [NII.from_numpy(a, affine, True) for a in (spine, vert)]
    mosaic = draw_mosaic(image, *masks, folder / "sub-x" / "figures" / "x_mosaic.png")
    volumes = write_volumes(image, *masks, "x", mosaic.with_name("x_volumes.js"))
    scene = split_masks(*masks)
    metrics = measure_spine(scene)
    metrics[0]["body_height_middle"] = 99.0  # above what is usual
    findings = [
        *check_masks(scene, metrics, None),
        Finding("sizes", "look", "L1", "L1 <is> tall."),
    ]
    entry = ScanEntry(
        "x",
        mosaic=mosaic.relative_to(folder).as_posix(),
        volumes=volumes.relative_to(folder).as_posix(),
        layout=read_layout(mosaic),
        metrics=metrics,
        checks=[vars(one) for one in findings],
        times=[("semantic mask", 3.0)],
        quality=("look", "masks doubtful"),
    )
    broken = ScanEntry("<y>", error="SHAPE: <it> is no image")
    return write_subject_page(folder, "sub-x", [entry, broken], METHODS, COLUMNS)
