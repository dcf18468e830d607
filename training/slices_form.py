r"""Train the networks that name bodies by their form, for spine-segmentation.

    python -m training.slices_form --out runs/slices_form --seed 1 --package FOLDER --real SPIDER

As `labeling_form`, from what spine-segmentation knows of a spine: bodies, that of S1 with them,
discs, and what the second net says of every body. Windows of phantoms and real scans with sure
names go through the pipeline up to the naming; true masks of phantoms, of which no net has said
anything, come in addition. The result is an ONNX file beside the two nets.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np
import torch
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.vertebra_form import forms_without_room
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from spineps_nipype.spine_segmentation.inference import segment_image
from spineps_nipype.spine_segmentation.models import FORM_FILE
from spineps_nipype.spine_segmentation.names import CLASS_NAMES, DISC, ORDER, VERTEBRA
from training.form import (
    Masks,
    View,
    add_form_options,
    drawn_views,
    fit,
    rows,
    stored_views,
)
from training.labeling_real import RawScan, named_scans
from training.loop import phantom_seed
from training.options import add_real_scans
from training.slices_data import CONTRAST_SHARES, CONTRASTS
from training.slices_net import write_form_onnx
from training.slices_phantom import sacral_body, targets, window
from training.spine_segmentation_eval import load_nets

HEADS: Final = {"NAME": len(ORDER)}
THIN: Final = 0.5
PREDICTED_SHARE: Final = 0.85
"""Share of sequences in training that the pipeline made."""
SHOWN: Final = 0.3
"""Share of a piece that a true vertebra has to fill."""
UNKNOWN: Final = -1
"""Class of what is no vertebra, or none that the truth shows: no part of the loss."""
FEWEST, MANY, MOST = 4, 16, 24
"""Vertebrae in a window; more than `MANY` only at times."""
LONG_SHARE: Final = 0.15
REAL_WINDOWS: Final = 12
"""Windows of one real scan."""

Array = np.ndarray


class Listener:
    """In the place of the network of forms: keeps what it is shown, and has no opinion."""

    shown: Array

    def predict(self, items: Array) -> Array:
        """Every name is as likely."""
        self.shown = items[0]
        return np.full((*items.shape[:2], len(ORDER)), 1 / len(ORDER), np.float32)


class Observer:
    """The pipeline up to the naming.

    Parameters
    ----------
    folder
        Package with both nets.
    """

    def __init__(self, folder: Path) -> None:
        self.listener = Listener()
        self.nets = load_nets(folder, form=self.listener)  # type: ignore[arg-type]

    def __call__(self, image: NII, truth: Array, class_of: Callable[[int], int]) -> list[View]:
        """What the network of forms would see of an image, and what it should say.

        Parameters
        ----------
        image
            A scan (P, I, R).
        truth
            True labels on its grid.
        class_of
            From a label to its class.

        Returns
        -------
        list
            One view, or none where nothing was found.
        """
        try:
            _, found, result = segment_image(image, self.nets)
        except EmptyResultError:
            return []
        assert found is not None
        ids = found.get_array()
        shown = self.listener.shown
        classes = np.full((len(shown), 1), UNKNOWN)
        for vertebra in result.vertebrae:
            votes = np.bincount(truth[ids == vertebra.id], minlength=2)
            best = int(votes[1:].argmax()) + 1
            if votes[best] >= SHOWN * votes.sum() > 0:
                classes[vertebra.instance - 1] = class_of(best)
        return [View(shown, classes)]


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
    phantom = generate(
        phantom_seed(seed, group),
        spacing=spacing,  # type: ignore[arg-type]
        fov=FieldOfView(width=float(rng.uniform(50, 70))),
    )
    return drawn_views(of_phantom(phantom), rng, THIN)


def window_views(observe: Observer, seed: int, group: int) -> list[View]:
    """A window of a phantom as the pipeline sees it."""
    rng = np.random.default_rng((seed, 11, group))
    number = phantom_seed(seed, group)
    most = MOST if rng.random() < LONG_SHARE else MANY
    top, bottom = window(number, int(rng.integers(FEWEST, most + 1)), rng)
    phantom = generate(
        number,
        spacing=(*[float(rng.uniform(0.7, 1.1))] * 2, float(rng.uniform(2.5, 4.5))),
        fov=FieldOfView(top=top, bottom=bottom, width=float(rng.uniform(40, 70))),
    )
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    grey = render(
        phantom,
        contrast=contrast,
        seed=int(rng.integers(2**31)),
        slice_thickness=phantom.spacing[2],
    )
    truth = of_phantom(phantom)
    image = NII(to_nii(phantom, grey, mask=False), False)
    return observe(image, truth.vert, lambda label: truth.classes.get(label, [UNKNOWN])[0])


def real_views(observe: Observer, scan: RawScan, seed: int, number: int) -> list[View]:
    """Windows of a real scan whose vertebrae have sure names, as the pipeline sees them.

    The first piece below L5 is S1; others that no true vertebra shows have no class.
    """
    rng = np.random.default_rng((seed, 12, number))
    classes = {label: [ORDER.index(name)] for label, name in scan.names.items()}
    bone = np.where(scan.bodies > 0, anatomy.CORPUS_BORDER, 0)
    masks = Masks(bone, scan.bodies, scan.spacing, classes, forms_without_room)
    windows = [slice(None)]
    windows += [rows(masks, masks.extents(), rng) for _ in range(REAL_WINDOWS)]
    views = []
    for part in windows:
        image = _as_nii(scan.image[:, part], scan.spacing)
        views += observe(image, scan.bodies[:, part], lambda label: classes[label][0])
    for view in views:
        known = np.flatnonzero(view.classes[:, 0] == ORDER.index("L5"))
        if len(known) and known[-1] + 1 < len(view.classes):
            view.classes[known[-1] + 1] = ORDER.index("S1")
    return views


def _as_nii(image: Array, spacing: tuple[float, float, float]) -> NII:
    """An image with the axes P, I, R."""
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, spacing[2]], [-spacing[0], 0, 0], [0, -spacing[1], 0]]
    return NII(nib.Nifti1Image(image.astype(np.float32), affine), False)


def without_votes(view: View) -> View:
    """A view of which no net has said anything."""
    silence = np.zeros((len(view.forms), len(CLASS_NAMES)), np.float32)
    return View(np.concatenate([view.forms, silence], 1), view.classes)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.slices_form")
    add_form_options(parser, phantoms=1000, predicted=4000, steps=4000)
    parser.add_argument("--networks", type=int, default=3, help="whose mean is taken")
    add_real_scans(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure phantoms and scans, train, write."""
    options = parse(arguments)
    torch.set_num_threads(1)
    drawn = stored_views(options.out, options.phantoms, partial(phantom_views, options.seed))
    observe = Observer(options.package)
    seen = stored_views(
        options.out / "windows", options.predicted, partial(window_views, observe, options.seed)
    )
    if options.real:
        scans = list(named_scans(options.real))
        seen += stored_views(
            options.out / "real",
            len(scans),
            lambda k: real_views(observe, scans[k], options.seed, k),
            part=1,
        )
    views = [without_votes(view) for view in drawn]
    networks = [
        fit(views, seen, HEADS, steps=options.steps, seed=seed, share=PREDICTED_SHARE)
        for seed in range(options.seed, options.seed + options.networks)
    ]
    write_form_onnx(networks, options.package / FORM_FILE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
