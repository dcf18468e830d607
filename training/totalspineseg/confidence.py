"""Whether the probabilities of names of TotalSpineSeg hold: calibration, and flags against errors.

    python -m training.totalspineseg.confidence FOLDER [--phantoms FIRST LAST]

The network of step 2 sees held-out phantoms with their true discs marked, whole and in windows of
5, 8, 10 and 15 vertebrae, in T2w and T1w with slices of 3.5 mm, and the pipeline's rules number
what it finds; `training.common.name_views` says which phantoms, and what they weigh. A vertebra
counts that shows one of the truth; a T13 has no right name. A minute or two a phantom.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.models.finding import package_in
from spineps_nipype.models.inference.semantic import SemanticNetwork, load_semantic
from spineps_nipype.models.spine_region import find_spine
from spineps_nipype.models.spineps_packages import scout_package
from spineps_nipype.phantom import Phantom, to_nii
from spineps_nipype.phantom.plan import LABEL_OF
from spineps_nipype.settings import AUTO_ENGINE
from spineps_nipype.totalspineseg.inference import load_step, segment_step2
from spineps_nipype.totalspineseg.labels import (
    ANATOMY,
    CANAL,
    CORD,
    DISC_C2_C3,
    DISC_L5_S,
    DISC_T12_T13,
    SACRUM,
)
from spineps_nipype.totalspineseg.native import to_grid
from spineps_nipype.totalspineseg.preparation import prepare_image
from spineps_nipype.totalspineseg.profiles import DATASETS
from spineps_nipype.totalspineseg.settings import RuleSettings
from spineps_nipype.totalspineseg.steps import finish_step2, step2_input
from training.common.name_views import (
    NamedVertebra,
    View,
    add_phantoms,
    print_figures,
    rendered_views,
    vertebra_shown,
)

SPACING: Final = (0.9, 0.9, 3.5)
"""A usual sagittal scan: P, I, R in mm."""

Array = np.ndarray


def views_of(seed: int, network: SemanticNetwork, scout: SemanticNetwork) -> list[View]:
    """All views of one phantom."""
    return rendered_views(seed, SPACING, partial(named, network=network, scout=scout))


def named(
    phantom: Phantom, image: Array, network: SemanticNetwork, scout: SemanticNetwork
) -> list[NamedVertebra]:
    """Vertebrae of a phantom as the rules of step 2 name them."""
    ready = prepare_image(NII(to_nii(phantom, image, mask=False), False))
    marks = to_grid(
        NII(to_nii(phantom, label_map(phantom), mask=True), True), ready.shape, ready.affine
    )
    channel = step2_input(marks, RuleSettings())
    raw = segment_step2(ready, channel, network, region=find_spine(ready, scout))
    try:
        output, rows = finish_step2(raw, ready, RuleSettings())
    except EmptyResultError:
        return []
    vert = np.where(np.isin(phantom.spine, anatomy.VERTEBRA_PARTS), phantom.vert, 0)
    shown = NII(to_nii(phantom, vert.astype(np.uint8), mask=True), True)
    truth = to_grid(shown, ready.shape, ready.affine).get_array().astype(np.uint8)
    found = []
    for row in rows:
        best = vertebra_shown(truth[output.get_array() == row["label"]])
        if best:
            found.append(NamedVertebra(ANATOMY[row["label"]] == best, row["confidence"]))
    return found


def label_map(phantom: Phantom) -> Array:
    """Discs by name, canal and cord, and all bone as one; uint8 (P, I, R)."""
    table = np.zeros(256, np.uint8)
    levels = phantom.plan.levels
    to_disc = {label: number + 50 for number, label in ANATOMY.items()}  # by the vertebra below
    to_disc[anatomy.T13] = DISC_T12_T13
    for upper, lower in pairwise(levels):
        table[LABEL_OF[upper]] = to_disc[LABEL_OF[lower]]
    table[LABEL_OF[levels[-1]]] = DISC_L5_S
    bone = np.isin(phantom.spine, (*anatomy.VERTEBRA_PARTS, anatomy.SACRUM))
    out = np.where(bone, SACRUM, 0).astype(np.uint8)
    out[phantom.spine == anatomy.CANAL] = CANAL
    out[phantom.spine == anatomy.CORD] = CORD
    disc = phantom.spine == anatomy.DISC
    out[disc] = table[phantom.vert[disc] - anatomy.DISC_OFFSET]
    assert out[disc].min(initial=DISC_C2_C3) >= DISC_C2_C3
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with both data sets")
    add_phantoms(parser)
    options = parser.parse_args(arguments)
    package = package_in(options.folder / DATASETS[1], "totalspineseg")
    network = load_step(package, engine=AUTO_ENGINE)
    scout = load_semantic(scout_package())
    print_figures(options.phantoms, lambda seed: views_of(seed, network, scout))
    return 0


if __name__ == "__main__":
    sys.exit(main())
