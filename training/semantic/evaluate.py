"""Evaluate a semantic package with the pipeline's own functions, on the grid of the scan.

    python -m training.semantic.evaluate PACKAGE --real BIDS_WITH_MASKS --phantoms 20 --out DIR

Real scans are those of the held-out subjects unless asked for otherwise; phantoms have seeds that
training never draws; the T2w and CT crops that TPTBox ships are one subject each. None of these
is trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.geometry import to_input_grid
from spineps_nipype.core.images import background_value, load_image, load_mask
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import SemanticModel
from spineps_nipype.phantom import to_nii
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.settings import PreprocessSettings, SemanticSettings
from training.common.dice import Case, Groups, overlap, summary, write_results
from training.common.held_out_phantoms import JOINED, VIEWS, phantom_scan
from training.common.options import add_evaluation_options, add_threads
from training.common.real_scans import (
    development_subjects,
    held_out_subjects,
    kept_from_training,
    scan_pairs,
)
from training.semantic.marginal_loss import SPIDER_SETS

SPIDER_GROUPS: Final[Groups] = {
    "vertebra": ((1,), (*SPIDER_SETS[1], anatomy.CORPUS)),
    "disc": ((2,), SPIDER_SETS[2]),
    "canal": ((3,), SPIDER_SETS[3]),
}
LABEL_GROUPS: Final[Groups] = {
    anatomy.SPINE_NAMES[label]: ((label,), (label,)) for label in anatomy.MR_LABELS
} | {"Vertebra_Corpus_border": ((49, 50), (49, 50))}
HELD_OUT: Final = "held-out"
SPLITS: Final[Mapping[str, Callable[[str], bool]]] = {
    HELD_OUT: lambda subject: subject in held_out_subjects(),
    "development": lambda subject: subject in development_subjects(),
    "training": lambda subject: subject not in kept_from_training(),
}
"""Which subjects a split has."""
CT_BACKGROUND: Final = -1024.0
"""Air, Hounsfield units."""
CROPS: Final = (("mri", "sub-mri_label-6_T2w"), ("ct", "sub-ct_label-22_ct"))
"""Folder and name of the scans in the tests of TPTBox."""

Array = np.ndarray


def segment(
    image: NII, model: SemanticModel, *, is_ct: bool = False, background: float = 0.0
) -> Array:
    """Semantic mask of an image, on its own grid; empty when nothing was found."""
    ready = preprocess_input(image, PreprocessSettings(), is_ct=is_ct, background=background)
    try:
        mask = segment_semantic(ready, model, SemanticSettings()).mask
    except EmptyResultError:
        return np.zeros(image.shape, np.uint8)
    return np.asarray(to_input_grid(mask, image, smooth=True).get_array())


def real_cases(model: SemanticModel, root: Path, split: str = HELD_OUT) -> Iterable[Case]:
    """Scans of a BIDS folder with SPIDER masks whose subjects are of a split."""
    wanted = SPLITS[split]
    for subject, image, mask in scan_pairs(root):
        if wanted(subject):
            result = segment(load_image(image), model)
            truth = load_mask(mask).get_array()
            yield Case(
                image.name.removesuffix(".nii.gz"),
                overlap(truth, result, shown(truth, SPIDER_GROUPS)),
            )


def phantom_cases(
    model: SemanticModel,
    seeds: Sequence[int],
    view: str,
    contrast: str = "T2w",
    joined: int = JOINED,
) -> Iterable[Case]:
    """Held-out phantoms, each rendered with its own seed."""
    for seed in seeds:
        phantom, grey = phantom_scan(seed, view, contrast, joined)
        is_ct = contrast == "CT"
        image = NII(to_nii(phantom, grey, mask=False), False)
        result = segment(image, model, is_ct=is_ct, background=CT_BACKGROUND if is_ct else 0.0)
        yield Case(f"{view}-{seed:03d}", overlap(phantom.spine, result, LABEL_GROUPS))


def crop_cases(model: SemanticModel) -> Iterable[Case]:
    """The T2w and the CT crop of TPTBox."""
    spec = find_spec("TPTBox")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "tests"
    for kind, image in CROPS:
        path = folder / f"sample_{kind}" / f"{image}.nii.gz"
        mask = next(path.parent.glob("*_seg-subreg_*"))
        background = float(background_value(path))
        result = segment(load_image(path), model, is_ct=kind == "ct", background=background)
        truth = load_mask(mask).get_array()
        yield Case(f"TPTBox-{kind}", overlap(truth, result, shown(truth, LABEL_GROUPS)))


def shown(truth: Array, groups: Groups) -> Groups:
    """The groups that a truth shows; what it leaves out is no error."""
    return {name: group for name, group in groups.items() if np.isin(truth, group[0]).any()}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.semantic.evaluate", description=__doc__
    )
    parser.add_argument("package", type=Path)
    add_evaluation_options(parser, phantoms=0, each="view")
    add_threads(parser)
    parser.add_argument("--split", choices=SPLITS, default=HELD_OUT, help="of the real scans")
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=["lumbar"])
    parser.add_argument("--contrasts", nargs="+", default=["T2w"])
    parser.add_argument("--joined", type=int, default=JOINED, help="slices of 1.1 mm in one")
    parser.add_argument("--crops", action="store_true", help="the two crops of TPTBox")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and write ``scans.tsv`` and ``summary.json``."""
    options = parse(arguments)
    model = load_semantic(load_package(options.package), num_threads=options.threads)
    streams: dict[str, Iterable[Case]] = {}
    if options.real:
        streams[f"{options.split} subjects"] = real_cases(model, options.real, options.split)
    for view in options.views if options.phantoms else ():
        for contrast in options.contrasts:
            streams[f"phantoms {view} {contrast}"] = phantom_cases(
                model, range(options.phantoms), view, contrast, options.joined
            )
    if options.crops:
        streams["TPTBox crops"] = crop_cases(model)
    cases: dict[str, list[Case]] = {}
    options.out.mkdir(parents=True, exist_ok=True)
    for data, stream in streams.items():
        cases[data] = []
        for case in stream:
            cases[data].append(case)
            print(case.name, {k: round(v, 3) for k, v in case.dice.items()}, flush=True)
        if data != "TPTBox crops":
            print(data, json.dumps(summary(cases[data]), indent=1), flush=True)
    report = {data: summary(members) for data, members in cases.items()}
    write_results(options.out, cases, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
