r"""Train the network of the labelling package that names vertebrae by form and look.

    python -m training.forms.labeling --out runs/form --seed 1 --package PACKAGE \
        --real SPIDER --results DERIVATIVES

Phantoms are drawn and measured first (resumable, ``forms-*.npz``); training takes half an hour.
Real scans are learnt from masks that the pipeline made of them, with its errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.models.export import packed_weights
from spineps_nipype.models.inference.labeling import FORM_FILE
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import SemanticModel
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from training.common.named_scans import NamedScan, named_scans
from training.common.options import add_real_scans
from training.common.patches import draw_phantom
from training.common.phantom_seeds import phantom_seed
from training.common.spider_masks import LEVELS
from training.common.stored_masks import final_masks
from training.forms.fit import Views, add_form_options, fit_and_save
from training.forms.plan_measures import plan_measures
from training.forms.views import (
    Array,
    Masks,
    View,
    draw_views,
    label_by_overlap,
    load_or_measure,
)
from training.labeling.samples import CONTRAST_SHARES, CONTRASTS, targets_of
from training.semantic.evaluate import segment

HEADS: Final = {"VERT": 24, "REGION": 3, "VERTREL": 6}
"""Outputs and how many classes each has, see `training.labeling.samples`."""
REAL_ROUNDS: Final = 4
"""Rounds of views of one real spine."""
PREDICTED_SHARE: Final = 0.2
"""Share of sequences in training that are measured on masks of networks."""
PREDICTED_PART: Final = 10
"""Phantoms in one file of measures on masks of the semantic network."""
PHANTOM_VIEWS: Final = 6
"""Views of one phantom."""
THICK: Final = 0.5
"""Share of phantoms with thick slices."""
THIN_PHANTOMS, THIN_REAL = 0.5, 0.3
"""Shares of views that are thin slabs; real scans are slabs already."""


def phantom_masks(phantom: Phantom, image: Array) -> Masks:
    """Masks of a phantom as the pipeline makes them: without C1."""
    spine, vert = phantom.spine.copy(), phantom.vert.copy()
    spine[vert == anatomy.C1] = 0
    vert[~np.isin(spine, anatomy.VERTEBRA_PARTS)] = 0
    names = {v.label: v.name for v in phantom.plan.vertebrae}
    classes = _classes(names, phantom.plan.levels)
    measures = plan_measures(phantom.plan)
    known = {label: measures[name] for label, name in names.items()}
    return Masks(spine, vert, phantom.spacing, classes, image, known=known)


def _classes(names: Mapping[int, str], levels: Sequence[str]) -> dict[int, list[int]]:
    """Classes of vertebrae, given all names of their spine."""
    return {
        label: [targets_of(name, levels, True)[head] for head in HEADS]
        for label, name in names.items()
    }


def phantom_views(seed: int, group: int) -> list[View]:
    """Views of one phantom: whole, and parts of it."""
    rng = np.random.default_rng((seed, 7, group))
    p, i = rng.uniform(1.2, 1.8, 2).tolist()
    phantom = generate(
        phantom_seed(seed, group),
        spacing=(p, i, float(rng.uniform(1.5, 3.0))),
        fov=FieldOfView(width=float(rng.uniform(80, 110))),
    )
    thick = float(rng.uniform(2.5, 5.0)) if rng.random() < THICK else None
    masks = phantom_masks(phantom, _render(phantom, rng, thick))
    return draw_views(masks, rng, THIN_PHANTOMS, PHANTOM_VIEWS)


def _render(phantom: Phantom, rng: np.random.Generator, thick: float | None) -> Array:
    """Image in a random contrast.

    Parameters
    ----------
    thick
        Thickness of slices, mm; that of the grid if None.
    """
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    seed = int(rng.integers(2**31))
    return render(phantom, contrast=contrast, seed=seed, slice_thickness=thick)


def predicted_views(model: SemanticModel, seed: int, group: int) -> list[View]:
    """Views of what the semantic network makes of one phantom."""
    rng = np.random.default_rng((seed, 12, group))
    pixel, thick = float(rng.uniform(0.8, 1.2)), float(rng.uniform(1.0, 4.0))
    phantom = draw_phantom(phantom_seed(seed, group), rng, (pixel, pixel, thick))
    grey = _render(phantom, rng, None)
    spine = segment(NII(to_nii(phantom, grey, mask=False), False), model)
    truth = phantom_masks(phantom, grey)
    # bone that the network finds belongs to the true vertebra that is nearest
    nearest = ndimage.distance_transform_edt(
        truth.vert == 0, phantom.spacing, return_distances=False, return_indices=True
    )
    bone = np.isin(spine, anatomy.VERTEBRA_PARTS)
    vert = np.where(bone, truth.vert[tuple(nearest)], 0).astype(np.uint8)
    return draw_views(replace(truth, spine=spine, vert=vert), rng, THIN_REAL, PHANTOM_VIEWS)


def real_views(scans: Path, results: Path, seed: int) -> list[View]:
    """Views of real scans that the pipeline has segmented and whose names are certain.

    Parameters
    ----------
    scans
        BIDS folder with SPIDER masks.
    results
        Derivatives of the pipeline for the subjects that are not held out.
    """
    views = []
    for scan in named_scans(scans):
        rng = np.random.default_rng((seed, 8, int(scan.subject.removeprefix("sub-"))))
        found = sorted(results.glob(f"{scan.subject}/anat/*_seg-vert_msk.nii.gz"))
        for path in found:
            masks = scan_masks(scan, *final_masks(path))
            for _ in range(REAL_ROUNDS):
                views += draw_views(masks, rng, THIN_REAL)
    return views


def scan_masks(scan: NamedScan, spine: Array, vert: Array) -> Masks:
    """Masks of the pipeline, vertebrae with the numbers of the bodies that they overlap most."""
    vert = np.where(np.isin(spine, anatomy.VERTEBRA_PARTS), vert, 0)
    bodies = np.where(np.isin(spine, anatomy.BODY_PARTS), scan.bodies, 0)
    classes = _classes(scan.names, LEVELS)
    return Masks(spine, label_by_overlap(vert, bodies), scan.spacing, classes, scan.image)


def write_form(folder: Path, network: nn.Module) -> None:
    """Add the network to a labelling package."""
    torch.save({"state_dict": packed_weights(network.state_dict(), True)}, folder / FORM_FILE)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.forms.labeling", description=__doc__)
    add_form_options(parser, phantoms=1700, predicted=60, steps=5000)
    parser.add_argument("--semantic", type=Path, help="semantic package that segments phantoms")
    add_real_scans(parser)
    parser.add_argument("--results", type=Path, help="what the pipeline made of these scans")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure phantoms, train."""
    options = parse(arguments)
    torch.set_num_threads(1)
    true = load_or_measure(options.out, options.phantoms, partial(phantom_views, options.seed))
    predicted: list[View] = []
    if options.semantic:
        model = load_semantic(load_package(options.semantic), num_threads=1)
        folder = options.out / "predicted"
        measure = partial(predicted_views, model, options.seed)
        predicted += load_or_measure(folder, options.predicted, measure, part=PREDICTED_PART)
    if options.results:
        predicted += real_views(options.real, options.results, options.seed)
    network = fit_and_save(options, Views(true, predicted, PREDICTED_SHARE), HEADS)
    write_form(options.package, network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
