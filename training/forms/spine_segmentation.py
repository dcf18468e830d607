r"""Train the network that names bodies by form and look, for spine-segmentation.

    python -m training.forms.spine_segmentation \
        --out runs/slices_form --seed 1 --package FOLDER --real SPIDER --named SCANS RESULTS

Like `training.forms.labeling`, but from what spine-segmentation knows of a spine: bodies, that of
S1 among them, and discs. Masks are the true ones of phantoms, and what the first net makes of
phantoms, of real scans with certain names and of scans (BIDS) whose vertebrae SPINEPS names surely
(its derivatives). The result is an ONNX file beside the two nets.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import nibabel as nib
import numpy as np
import torch
from torch import Tensor, nn
from TPTBox import NII

from spineps_nipype.core import anatomy, vertebra_look
from spineps_nipype.core.vertebra_form import forms_without_border_distance
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.models.networks.form_net import FormNet
from spineps_nipype.models.places import FORM_FILE
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from spineps_nipype.spine_segmentation.names import DISC, ORDER, VERTEBRA
from spineps_nipype.spine_segmentation.slices import view_as_pir
from spineps_nipype.spine_segmentation.split import split_instances
from training.common.named_scans import NamedScan, named_scans
from training.common.onnx_files import export
from training.common.options import add_real_scans
from training.common.phantom_seeds import phantom_seed
from training.common.surely_named import surely_named_scans
from training.forms.augmentation import Strength
from training.forms.fit import Views, add_form_options, fit_and_save
from training.forms.plan_measures import plan_measures
from training.forms.views import UNKNOWN, Masks, View, draw_views, load_or_measure
from training.spine_segmentation.evaluate import load_nets
from training.spine_segmentation.phantom_slices import draw_window, sacral_body, targets
from training.spine_segmentation.samples import CONTRAST_SHARES, CONTRASTS
from training.spine_segmentation.sliced_scan import sagittal

HEADS: Final = {"NAME": len(ORDER)}
"""The only output: one class for each name."""
THIN: Final = 0.3
"""Share of views that are thin slabs."""
THICK: Final = 0.7
"""Share of phantoms whose slices have no gaps."""
PHANTOM_VIEWS: Final = 6
"""Views of one phantom."""
WINDOWED: Final = 0.7
"""Share of phantoms that the net sees through a window, as in a scan: it then draws bodies about
one per cent smaller than in a whole spine, which alone moves names by a level."""
WINDOW_VIEWS: Final = 2
"""Views of a phantom in a window."""
FEWEST, MOST = 4, 16
"""Vertebrae in a window."""
PREDICTED_SHARE: Final = 0.75
"""Share of sequences of phantoms that are measured on masks of the net."""
REAL_SHARE: Final = 0.4
"""Share of sequences that are of real scans."""
STRENGTH: Final = Strength(true=0.5, predicted=0.25, look_scale=0.025)
"""Of the augmentation: weak, since the masks are those of the net in the same package."""
SHOWN: Final = 0.3
"""Share of a piece that a vertebra of the truth must fill to be the one that it shows."""
FREE_LENGTH: Final = 7
"""Vertebrae in the example that the ONNX file is made with; their number is free."""

Array = np.ndarray


def phantom_masks(phantom: Phantom, image: Array) -> Masks:
    """Bodies and discs of a phantom; the body of S1 counts as a vertebra."""
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
    p, i = rng.uniform(0.9, 1.6, 2).tolist()
    phantom = _generate(seed, group, rng, (p, i, float(rng.uniform(1.5, 4.5))))
    return draw_views(phantom_masks(phantom, _render(phantom, rng)), rng, THIN, PHANTOM_VIEWS)


def predicted_views(nets: SegmentationInference, seed: int, group: int) -> list[View]:
    """Views of what the first net makes of one phantom, whole or through a window."""
    rng = np.random.default_rng((seed, 11, group))
    pixel, thick = float(rng.uniform(0.8, 1.1)), float(rng.uniform(2.5, 4.5))
    limits = None
    if rng.random() < WINDOWED:
        limits = draw_window(phantom_seed(seed, group), int(rng.integers(FEWEST, MOST + 1)), rng)
    phantom = _generate(seed, group, rng, (pixel, pixel, thick), limits)
    grey = _render(phantom, rng)
    image = NII(to_nii(phantom, grey, mask=False), False)
    try:
        mask = segment_image(image, nets, only_2class_segmentation=True)[0].get_array()
        masks = split_masks(np.asarray(mask, np.uint8), phantom_masks(phantom, grey))
    except EmptyResultError:
        return []
    return draw_views(masks, rng, THIN, WINDOW_VIEWS if limits else PHANTOM_VIEWS)


def split_masks(mask: Array, truth: Masks) -> Masks:
    """Bodies of a mask as the pipeline separates them, each with what is known of its vertebra.

    Parameters
    ----------
    mask
        Classes of the first net (P, I, R).
    truth
        What there is on the same grid; its `vert`, `classes` and `known` are used.
    """
    split = view_as_pir(split_instances(sagittal(mask)).vertebrae)
    spine = np.zeros_like(mask)
    spine[mask == DISC] = anatomy.DISC
    spine[split > 0] = anatomy.CORPUS_BORDER
    shown, known = {}, {}
    for number in range(1, int(split.max()) + 1):
        votes = np.bincount(truth.vert[split == number], minlength=2)
        best = int(votes[1:].argmax()) + 1
        sure = votes[best] >= SHOWN * votes.sum()
        shown[number] = truth.classes[best] if sure else (UNKNOWN,)
        if sure and best in truth.known:
            known[number] = truth.known[best]
    return replace(truth, spine=spine, vert=split.astype(np.uint8), classes=shown, known=known)


def real_views(nets: SegmentationInference, scan: NamedScan, seed: int, number: int) -> list[View]:
    """Views of what the first net makes of a real scan whose vertebrae have certain names.

    The first piece below L5 is S1; other pieces that show no vertebra of the truth have no class.

    Parameters
    ----------
    number
        Of the scan, for its random numbers.
    """
    rng = np.random.default_rng((seed, 12, number))
    p, i, r = scan.spacing
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, r], [-p, 0, 0], [0, -i, 0]]
    image = NII(nib.Nifti1Image(scan.image.astype(np.float32), affine), False)
    mask = segment_image(image, nets, only_2class_segmentation=True)[0].get_array()
    classes = {label: [ORDER.index(name)] for label, name in scan.names.items()}
    truth = Masks(
        mask, scan.bodies, scan.spacing, classes, scan.image, forms_without_border_distance
    )
    masks = split_masks(np.asarray(mask, np.uint8), truth)
    shown = dict(masks.classes)
    lowest = max((n for n in shown if shown[n] != (UNKNOWN,)), default=0)
    if lowest + 1 in shown:
        shown[lowest + 1] = [ORDER.index("S1")]
    masks = replace(masks, classes=shown)
    return draw_views(masks, rng, THIN)


def stored_real_views(
    folder: Path, nets: SegmentationInference, scan: NamedScan, seed: int, number: int
) -> list[View]:
    """`real_views`, made where they are not stored yet."""
    return load_or_measure(
        folder / str(number), 1, lambda _: real_views(nets, scan, seed, number), part=1
    )


def _real_scans(options: argparse.Namespace) -> Iterator[NamedScan]:
    """Scans with masks, then those that SPINEPS names."""
    if options.real:
        yield from named_scans(options.real)
    if options.named:
        yield from surely_named_scans(*options.named)


def _render(phantom: Phantom, rng: np.random.Generator) -> Array:
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    thick = phantom.spacing[2] if rng.random() < THICK else None  # as thick as they are far apart
    seed = int(rng.integers(2**31))
    return render(phantom, contrast=contrast, seed=seed, slice_thickness=thick)


def _generate(
    seed: int,
    group: int,
    rng: np.random.Generator,
    spacing: tuple[float, float, float],
    limits: tuple[str, str] | None = None,
) -> Phantom:
    """A phantom, whole or between two vertebrae."""
    top, bottom = limits or (None, None)
    return generate(
        phantom_seed(seed, group),
        spacing=spacing,
        fov=FieldOfView(top=top, bottom=bottom, width=float(rng.uniform(50, 70))),
    )


def write_form_onnx(network: FormNet, path: Path) -> None:
    """Write a network with one head as an ONNX file.

    Inputs (1, vertebrae, measures) and (1, vertebrae, planes, depth, height), output
    (1, vertebrae, names), softmax.
    """
    forms = torch.zeros(1, FREE_LENGTH, len(network.mean))
    looks = torch.zeros(
        1, FREE_LENGTH, vertebra_look.PLANES, vertebra_look.DEPTH, vertebra_look.HEIGHT
    )
    names = ("forms", "looks", "probabilities")
    export(Probabilities(network), (forms, looks), path, names=names, free_axis=1)


class Probabilities(nn.Module):
    """The only head of a network, as probabilities."""

    def __init__(self, network: FormNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, forms: Tensor, looks: Tensor) -> Tensor:
        """Softmax over the classes."""
        (logits,) = self.network(forms, looks).values()
        probabilities: Tensor = logits.softmax(-1)
        return probabilities


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.forms.spine_segmentation", description=__doc__
    )
    add_form_options(parser, phantoms=2275, predicted=5000, steps=23000)
    add_real_scans(parser)
    parser.add_argument(
        "--named",
        type=Path,
        nargs=2,
        metavar=("SCANS", "RESULTS"),
        help="BIDS folder and what SPINEPS made of it",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure phantoms, train, write."""
    options = parse(arguments)
    torch.set_num_threads(1)
    true = load_or_measure(options.out, options.phantoms, partial(phantom_views, options.seed))
    nets = load_nets(options.package)
    folder = options.out / "predicted"
    predicted = load_or_measure(
        folder, options.predicted, partial(predicted_views, nets, options.seed)
    )
    real = [
        stored_real_views(options.out / "real", nets, scan, options.seed, number)
        for number, scan in enumerate(_real_scans(options))
    ]
    views = Views(true, predicted, PREDICTED_SHARE, [v for v in real if v], REAL_SHARE)
    network = fit_and_save(options, views, HEADS, STRENGTH)
    write_form_onnx(network, options.package / FORM_FILE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
