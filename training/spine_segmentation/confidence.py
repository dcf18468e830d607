"""Whether the probabilities of names of spine-segmentation hold: calibration, flags and errors.

    python -m training.spine_segmentation.confidence FOLDER [--phantoms FIRST LAST]

Both nets and the one of forms segment and name held-out phantoms, whole and in windows of 5, 8, 10
and 15 vertebrae, in T2w and T1w with slices of 3.5 mm; `training.common.name_views` says which,
and what they weigh. A vertebra counts that shows a body of the truth. Half a minute a phantom.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.phantom import Phantom, render, to_nii
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from training.common.name_views import (
    COUNTS,
    NamedVertebra,
    View,
    draw_anomaly,
    phantom_in_window,
    summary,
    weight_of,
)
from training.common.options import add_threads
from training.spine_segmentation.evaluate import SPACING, load_nets
from training.spine_segmentation.phantom_slices import sacral_body

CONTRASTS: Final = ("T2w", "T2w", "T1w", "T2w")
SHOWN: Final = 0.5
"""Share of a piece that the body of a vertebra must fill to be the one that it shows."""

Array = np.ndarray


def views_of(seed: int, nets: SegmentationInference) -> list[View]:
    """All views of one phantom."""
    anomaly, random = draw_anomaly(seed)
    contrast = CONTRASTS[random.integers(4)]
    views = []
    for count in COUNTS:
        phantom = phantom_in_window(seed, count, anomaly, SPACING)
        image = render(phantom, contrast=contrast, seed=seed, slice_thickness=SPACING[2])
        views.append(View(named(phantom, image, nets), weight_of(phantom.plan.levels)))
    return views


def named(phantom: Phantom, image: Array, nets: SegmentationInference) -> list[NamedVertebra]:
    """Vertebrae of a phantom as the pipeline names them."""
    try:
        _, ids, result = segment_image(NII(to_nii(phantom, image, mask=False), False), nets)
    except EmptyResultError:
        return []
    assert ids is not None
    truth = true_bodies(phantom)
    found = []
    for vertebra in result.vertebrae:
        votes = np.bincount(truth[ids.get_array() == vertebra.id], minlength=2)
        best = int(votes[1:].argmax()) + 1
        if votes[best] >= SHOWN * votes.sum() > 0:
            right = anatomy.VERTEBRA_NAMES[best] == vertebra.name
            found.append(NamedVertebra(right, float(vertebra.probable["confidence"])))
    return found


def true_bodies(phantom: Phantom) -> Array:
    """Label of the body of each voxel, that of S1 among them; uint8 (P, I, R)."""
    body = np.isin(phantom.spine, (anatomy.CORPUS_BORDER, anatomy.CORPUS))
    truth = np.where(body, phantom.vert, 0).astype(np.uint8)
    truth[sacral_body(phantom)] = anatomy.SACRUM
    return truth


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with the ONNX files")
    parser.add_argument("--phantoms", nargs=2, type=int, default=(2000, 2060))
    add_threads(parser)
    options = parser.parse_args(arguments)
    nets = load_nets(options.folder, options.threads)
    views: list[View] = []
    for seed in range(*options.phantoms):
        views += views_of(seed, nets)
        print(f"phantom {seed}: {len(views)} views", file=sys.stderr, flush=True)
    print(summary(views))
    return 0


if __name__ == "__main__":
    sys.exit(main())
