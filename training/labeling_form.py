r"""Train the network that names vertebrae by form and look.

    python -m training.labeling_form --out runs/form --seed 1 --package PACKAGE \
        --real SPIDER --results DERIVATIVES

Phantoms are drawn and measured first (resumable, ``forms-*.npz``); training takes half an hour.
Real scans come as masks that the pipeline made of them, with its errors.
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
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_mask
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import SemanticModel
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from training.form import add_form_options, trained
from training.form_views import Array, Masks, View, called_after, drawn_views, stored_views
from training.labeling_data import CONTRAST_ODDS as CONTRAST_SHARES
from training.labeling_data import CONTRASTS, targets_of
from training.labeling_real import LEVELS, RawScan, named_scans
from training.loop import phantom_seed
from training.options import add_real_scans
from training.packages import write_form
from training.plan_measures import plan_measures
from training.semantic_data import draw_phantom
from training.semantic_eval import segment

HEADS: Final = {"VERT": 24, "REGION": 3, "VERTREL": 6}
REAL_ROUNDS: Final = 4
"""Times that a real spine is seen in so many views."""
PREDICTED_SHARE: Final = 0.2
"""Share of sequences in training that are measured on masks of networks."""
PREDICTED_PART: Final = 10
PHANTOM_VIEWS: Final = 6
THICK: Final = 0.5
"""Share of phantoms with thick slices."""
THIN_PHANTOMS, THIN_REAL = 0.5, 0.3
"""Shares of views that are thin slabs; real scans are slabs already."""


def of_phantom(phantom: Phantom, image: Array) -> Masks:
    """Masks as the pipeline makes them: without C1."""
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
    spacing = (*rng.uniform(1.2, 1.8, 2).tolist(), float(rng.uniform(1.5, 3.0)))
    phantom = generate(
        phantom_seed(seed, group),
        spacing=spacing,  # type: ignore[arg-type]
        fov=FieldOfView(width=float(rng.uniform(80, 110))),
    )
    thick = float(rng.uniform(2.5, 5.0)) if rng.random() < THICK else None
    masks = of_phantom(phantom, _rendered(phantom, rng, thick))
    return drawn_views(masks, rng, THIN_PHANTOMS, PHANTOM_VIEWS)


def _rendered(phantom: Phantom, rng: np.random.Generator, thick: float | None) -> Array:
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    seed = int(rng.integers(2**31))
    return render(phantom, contrast=contrast, seed=seed, slice_thickness=thick)


def predicted_views(model: SemanticModel, seed: int, group: int) -> list[View]:
    """Views of what the semantic network makes of one phantom."""
    rng = np.random.default_rng((seed, 12, group))
    spacing = (*[float(rng.uniform(0.8, 1.2))] * 2, float(rng.uniform(1.0, 4.0)))
    phantom = draw_phantom(phantom_seed(seed, group), rng, spacing)
    grey = _rendered(phantom, rng, None)
    spine = segment(NII(to_nii(phantom, grey, mask=False), False), model)
    truth = of_phantom(phantom, grey)
    nearest = ndimage.distance_transform_edt(
        truth.vert == 0, phantom.spacing, return_distances=False, return_indices=True
    )
    bone = np.isin(spine, anatomy.VERTEBRA_PARTS)
    vert = np.where(bone, truth.vert[tuple(nearest)], 0).astype(np.uint8)
    return drawn_views(replace(truth, spine=spine, vert=vert), rng, THIN_REAL, PHANTOM_VIEWS)


def real_views(scans: Path, results: Path, seed: int) -> list[View]:
    """Views of real scans that the pipeline has segmented and whose names are sure.

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
            other = path.with_name(path.name.replace("seg-vert", "seg-spine"))
            spine, vert = (load_mask(p).reorient(PIR).get_array() for p in (other, path))
            masks = _named(scan, spine, vert)
            for _ in range(REAL_ROUNDS):
                views += drawn_views(masks, rng, THIN_REAL)
    return views


def _named(scan: RawScan, spine: Array, vert: Array) -> Masks:
    """Masks of the pipeline with the numbers of the bodies that they overlap most."""
    vert = np.where(np.isin(spine, anatomy.VERTEBRA_PARTS), vert, 0)
    bodies = np.where(np.isin(spine, anatomy.BODY_PARTS), scan.bodies, 0)
    classes = _classes(scan.names, LEVELS)
    return Masks(spine, called_after(vert, bodies), scan.spacing, classes, scan.image)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.labeling_form")
    add_form_options(parser, phantoms=1700, predicted=60, steps=5000)
    parser.add_argument("--semantic", type=Path, help="semantic package that sees phantoms too")
    add_real_scans(parser)
    parser.add_argument("--results", type=Path, help="what the pipeline made of these scans")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure phantoms, train."""
    options = parse(arguments)
    torch.set_num_threads(1)
    views = stored_views(options.out, options.phantoms, partial(phantom_views, options.seed))
    made: list[View] = []
    if options.semantic:
        model = load_semantic(load_package(options.semantic), num_threads=1)
        folder = options.out / "predicted"
        make = partial(predicted_views, model, options.seed)
        made += stored_views(folder, options.predicted, make, part=PREDICTED_PART)
    if options.results:
        made += real_views(options.real, options.results, options.seed)
    network = trained(options, views, made, HEADS, PREDICTED_SHARE)
    write_form(options.package, network)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
