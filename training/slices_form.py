r"""Train the network that names bodies by their form, for spine-segmentation.

    python -m training.slices_form --out runs/slices_form --seed 1 --package FOLDER

As `labeling_form`, from what spine-segmentation knows of a spine: bodies, that of S1 with them,
and discs. The result is an ONNX file beside the two nets.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import torch
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.vertebra_form import forms_without_room
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from spineps_nipype.spine_segmentation.models import FORM_FILE
from spineps_nipype.spine_segmentation.names import DISC, ORDER, VERTEBRA
from spineps_nipype.spine_segmentation.slices import upright
from spineps_nipype.spine_segmentation.split import split_instances
from training.form import (
    Masks,
    View,
    add_form_options,
    called_after,
    drawn_views,
    fit,
    stored_views,
)
from training.loop import phantom_seed
from training.slices_data import CONTRAST_SHARES, CONTRASTS
from training.slices_net import write_form_onnx
from training.slices_phantom import sacral_body, sagittal, targets
from training.spine_segmentation_eval import load_nets

HEADS: Final = {"NAME": len(ORDER)}
THIN: Final = 0.5
PREDICTED_SHARE: Final = 0.6
"""Share of sequences in training that are measured on masks of the net."""

Array = np.ndarray


def of_phantom(phantom: Phantom) -> Masks:
    """Bodies and discs alone; the body of S1 counts as a vertebra."""
    semantic, _ = targets(phantom)
    spine = np.zeros_like(phantom.spine)
    spine[semantic == VERTEBRA] = anatomy.CORPUS_BORDER
    spine[semantic == DISC] = anatomy.DISC
    vert = np.where(semantic == VERTEBRA, phantom.vert, 0).astype(np.uint8)
    vert[sacral_body(phantom)] = anatomy.SACRUM
    names = {v.label: v.name for v in phantom.plan.vertebrae} | {anatomy.SACRUM: "S1"}
    classes = {label: [ORDER.index(name)] for label, name in names.items()}
    return Masks(spine, vert, phantom.spacing, classes, forms_without_room)


def phantom_views(seed: int, group: int) -> list[View]:
    """Views of the true masks of one phantom."""
    rng = np.random.default_rng((seed, 10, group))
    spacing = (*rng.uniform(0.9, 1.6, 2).tolist(), float(rng.uniform(1.5, 4.5)))
    return drawn_views(of_phantom(_spine(seed, group, rng, spacing)), rng, THIN)


def predicted_views(nets: SegmentationInference, seed: int, group: int) -> list[View]:
    """Views of what the first net makes of one phantom."""
    rng = np.random.default_rng((seed, 11, group))
    spacing = (*[float(rng.uniform(0.8, 1.1))] * 2, float(rng.uniform(2.5, 4.5)))
    phantom = _spine(seed, group, rng, spacing)
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    grey = render(phantom, contrast=contrast, seed=int(rng.integers(2**31)))
    image = NII(to_nii(phantom, grey, mask=False), False)
    try:
        mask = segment_image(image, nets, only_2class_segmentation=True)[0].get_array()
        masks = as_split(mask, of_phantom(phantom))
    except EmptyResultError:
        return []
    return drawn_views(masks, rng, THIN)


def as_split(mask: Array, truth: Masks) -> Masks:
    """Bodies of a mask (P, I, R) as the pipeline parts them, called what they overlap most."""
    split = upright(split_instances(sagittal(mask)).vertebrae)
    spine = np.zeros_like(truth.spine)
    spine[mask == DISC] = anatomy.DISC
    spine[split > 0] = anatomy.CORPUS_BORDER
    return replace(truth, spine=spine, vert=called_after(split, truth.vert))


def _spine(seed: int, group: int, rng: np.random.Generator, spacing: Sequence[float]) -> Phantom:
    return generate(
        phantom_seed(seed, group),
        spacing=spacing,  # type: ignore[arg-type]
        fov=FieldOfView(width=float(rng.uniform(50, 70))),
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.slices_form")
    add_form_options(parser, phantoms=1000, predicted=200, steps=3000)
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
    network = fit(
        views, predicted, HEADS, steps=options.steps, seed=options.seed, share=PREDICTED_SHARE
    )
    write_form_onnx(network, options.package / FORM_FILE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
