r"""Train the network that names bodies by form and look, for spine-segmentation.

    python -m training.slices_form --out runs/slices_form --seed 1 --package FOLDER --real SPIDER

As `labeling_form`, from what spine-segmentation knows of a spine: bodies, that of S1 with them,
and discs. Masks are the true ones of phantoms, and what the first net makes of phantoms and of
real scans with sure names. The result is an ONNX file beside the two nets.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import nibabel as nib
import numpy as np
import torch
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.vertebra_form import forms_without_border_distance
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.models.places import FORM_FILE
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from spineps_nipype.spine_segmentation.names import DISC, ORDER, VERTEBRA
from spineps_nipype.spine_segmentation.slices import view_as_pir
from spineps_nipype.spine_segmentation.split import split_instances
from training.form import Disturbance, add_form_options, trained
from training.form_views import UNKNOWN, Masks, View, drawn_views, stored_views
from training.labeling_real import RawScan, named_scans
from training.loop import phantom_seed
from training.options import add_real_scans
from training.plan_measures import plan_measures
from training.slices_data import CONTRAST_SHARES, CONTRASTS
from training.slices_net import write_form_onnx
from training.slices_phantom import sacral_body, sagittal, targets, window
from training.spine_segmentation_eval import load_nets

HEADS: Final = {"NAME": len(ORDER)}
THIN: Final = 0.3
"""Share of views that are thin slabs."""
THICK: Final = 0.7
"""Share of phantoms whose slices have no gaps."""
PHANTOM_VIEWS: Final = 6
WINDOWED: Final = 0.7
"""Share of phantoms that the net sees through a window, as in a scan: it then draws bodies about
one per cent smaller than in a whole spine, which alone moves names by a level."""
WINDOW_VIEWS: Final = 2
FEWEST, MOST = 4, 16
"""Vertebrae in a window."""
PREDICTED_SHARE: Final = 0.7
"""Share of sequences in training that are measured on masks of the net."""
DISTURBANCE: Final = Disturbance(true=0.5, made=0.25, scale=0.025)
"""The masks are those of the net that the package holds: little has to be feared."""
SHOWN: Final = 0.3
"""Share of a piece that a true vertebra has to fill."""
REAL_ROUNDS: Final = 4
"""Rounds of views of one real scan."""

Array = np.ndarray


def of_phantom(phantom: Phantom, image: Array) -> Masks:
    """Bodies and discs alone; the body of S1 counts as a vertebra."""
    semantic, _ = targets(phantom)
    spine = np.zeros_like(phantom.spine)
    spine[semantic == VERTEBRA] = anatomy.CORPUS_BORDER
    spine[semantic == DISC] = anatomy.DISC
    vert = np.where(semantic == VERTEBRA, phantom.vert, 0).astype(np.uint8)
    vert[sacral_body(phantom)] = anatomy.SACRUM
    names = {v.label: v.name for v in phantom.plan.vertebrae} | {anatomy.SACRUM: "S1"}
    classes = {label: [ORDER.index(name)] for label, name in names.items()}
    measures = plan_measures(phantom.plan)
    known = {label: measures[name] for label, name in names.items()}
    return Masks(
        spine, vert, phantom.spacing, classes, image, forms_without_border_distance, known
    )


def phantom_views(seed: int, group: int) -> list[View]:
    """Views of the true masks of one phantom."""
    rng = np.random.default_rng((seed, 10, group))
    spacing = (*rng.uniform(0.9, 1.6, 2).tolist(), float(rng.uniform(1.5, 4.5)))
    phantom = _spine(seed, group, rng, spacing)
    return drawn_views(of_phantom(phantom, _rendered(phantom, rng)), rng, THIN, PHANTOM_VIEWS)


def predicted_views(nets: SegmentationInference, seed: int, group: int) -> list[View]:
    """Views of what the first net makes of one phantom, whole or through a window."""
    rng = np.random.default_rng((seed, 11, group))
    spacing = (*[float(rng.uniform(0.8, 1.1))] * 2, float(rng.uniform(2.5, 4.5)))
    limits = None
    if rng.random() < WINDOWED:
        limits = window(phantom_seed(seed, group), int(rng.integers(FEWEST, MOST + 1)), rng)
    phantom = _spine(seed, group, rng, spacing, limits)
    grey = _rendered(phantom, rng)
    image = NII(to_nii(phantom, grey, mask=False), False)
    try:
        mask = segment_image(image, nets, only_2class_segmentation=True)[0].get_array()
        masks = as_split(np.asarray(mask, np.uint8), of_phantom(phantom, grey))
    except EmptyResultError:
        return []
    return drawn_views(masks, rng, THIN, WINDOW_VIEWS if limits else PHANTOM_VIEWS)


def as_split(mask: Array, truth: Masks) -> Masks:
    """Bodies of a mask as the pipeline parts them, each with what is known of what it shows.

    Parameters
    ----------
    mask
        Classes of the first net (P, I, R).
    truth
        What there is on the same grid; its `vert`, `classes` and `known` count.
    """
    split = view_as_pir(split_instances(sagittal(mask)).vertebrae)
    spine = np.zeros_like(mask)
    spine[mask == DISC] = anatomy.DISC
    spine[split > 0] = anatomy.CORPUS_BORDER
    shown, known = {}, {}
    for number in range(1, int(split.max()) + 1):
        votes = np.bincount(truth.vert[split == number], minlength=2)
        best = int(votes[1:].argmax()) + 1
        seen = votes[best] >= SHOWN * votes.sum()
        shown[number] = truth.classes[best] if seen else (UNKNOWN,)
        if seen and best in truth.known:
            known[number] = truth.known[best]
    return replace(truth, spine=spine, vert=split.astype(np.uint8), classes=shown, known=known)


def real_views(nets: SegmentationInference, scan: RawScan, seed: int, number: int) -> list[View]:
    """Views of what the first net makes of a real scan whose vertebrae have sure names.

    The first piece below L5 is S1; others that no true vertebra shows have no class.
    """
    rng = np.random.default_rng((seed, 12, number))
    steps = np.array([[0, 0, scan.spacing[2]], [-scan.spacing[0], 0, 0], [0, -scan.spacing[1], 0]])
    affine = np.eye(4)
    affine[:3, :3] = steps
    image = NII(nib.Nifti1Image(scan.image.astype(np.float32), affine), False)
    mask = segment_image(image, nets, only_2class_segmentation=True)[0].get_array()
    classes = {label: [ORDER.index(name)] for label, name in scan.names.items()}
    truth = Masks(
        mask, scan.bodies, scan.spacing, classes, scan.image, forms_without_border_distance
    )
    masks = as_split(np.asarray(mask, np.uint8), truth)
    shown = dict(masks.classes)
    lowest = max((n for n in shown if shown[n] != (UNKNOWN,)), default=0)
    if lowest + 1 in shown:
        shown[lowest + 1] = [ORDER.index("S1")]
    masks = replace(masks, classes=shown)
    return [view for _ in range(REAL_ROUNDS) for view in drawn_views(masks, rng, THIN)]


def _rendered(phantom: Phantom, rng: np.random.Generator) -> Array:
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    thick = phantom.spacing[2] if rng.random() < THICK else None
    seed = int(rng.integers(2**31))
    return render(phantom, contrast=contrast, seed=seed, slice_thickness=thick)


def _spine(
    seed: int,
    group: int,
    rng: np.random.Generator,
    spacing: Sequence[float],
    limits: tuple[str, str] | None = None,
) -> Phantom:
    top, bottom = limits or (None, None)
    return generate(
        phantom_seed(seed, group),
        spacing=spacing,  # type: ignore[arg-type]
        fov=FieldOfView(top=top, bottom=bottom, width=float(rng.uniform(50, 70))),
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.slices_form")
    add_form_options(parser, phantoms=2275, predicted=5000, steps=23000)
    add_real_scans(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure phantoms, train, write."""
    options = parse(arguments)
    torch.set_num_threads(1)
    views = stored_views(options.out, options.phantoms, partial(phantom_views, options.seed))
    nets = load_nets(options.package)
    folder = options.out / "predicted"
    predicted = stored_views(
        folder, options.predicted, partial(predicted_views, nets, options.seed)
    )
    if options.real:
        scans = list(named_scans(options.real))
        predicted += stored_views(
            options.out / "real",
            len(scans),
            lambda k: real_views(nets, scans[k], options.seed, k),
            part=1,
        )
    network = trained(options, views, predicted, HEADS, PREDICTED_SHARE, DISTURBANCE)
    write_form_onnx(network, options.package / FORM_FILE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
