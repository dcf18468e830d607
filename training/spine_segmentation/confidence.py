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
from functools import partial
from pathlib import Path

import numpy as np
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.phantom import Phantom, to_nii
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from training.common.name_views import (
    NamedVertebra,
    View,
    add_phantoms,
    print_figures,
    rendered_views,
    vertebra_shown,
)
from training.common.options import add_threads
from training.spine_segmentation.evaluate import SPACING, load_nets
from training.spine_segmentation.phantom_slices import sacral_body

Array = np.ndarray


def views_of(seed: int, nets: SegmentationInference) -> list[View]:
    """All views of one phantom."""
    return rendered_views(seed, SPACING, partial(named, nets=nets))


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
        best = vertebra_shown(truth[ids.get_array() == vertebra.id])
        if best:
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
    add_phantoms(parser)
    add_threads(parser)
    options = parser.parse_args(arguments)
    nets = load_nets(options.folder, options.threads)
    print_figures(options.phantoms, lambda seed: views_of(seed, nets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
