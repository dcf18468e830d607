"""Evaluation of a semantic package with the pipeline's own functions, on the input grid.

    python -m training.semantic_eval PACKAGE --real BIDS_WITH_MASKS --phantoms 20 --out DIR

Real scans are those of the held-out subjects; phantoms have seeds that training never draws; the
T2w and CT crops that TPTBox ships are one subject each. Nothing here is trained on.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from spineps_nipype.phantom import (
    FieldOfView,
    Phantom,
    draw_plan,
    generate,
    join_slices,
    render,
    to_nii,
)
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.semantic import segment_semantic
from spineps_nipype.spineps.settings import PreprocessSettings, SemanticSettings
from training.loop import HELD_OUT_SEEDS
from training.marginal import SPIDER_SETS
from training.real_scans import held_out_subjects, scan_pairs

Groups = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""Name to the values that mean it in the truth, and the labels that mean it in the result."""
SPIDER_GROUPS: Final[Groups] = {
    "vertebra": ((1,), (*SPIDER_SETS[1], anatomy.CORPUS)),
    "disc": ((2,), SPIDER_SETS[2]),
    "canal": ((3,), SPIDER_SETS[3]),
}
LABEL_GROUPS: Final[Groups] = {
    anatomy.SPINE_NAMES[label]: ((label,), (label,)) for label in anatomy.MR_LABELS
} | {"Vertebra_Corpus_border": ((49, 50), (49, 50))}
THIN_SPACING: Final = (1.0, 1.0, 1.1)
"""Grid on which phantoms are drawn: P, I, R in mm."""
JOINED: Final = 3
"""Slices of that grid in one of the scan, which is a usual sagittal one: 1 x 1 x 3.3 mm."""
VIEWS: Final = ("lumbar", "thoracic", "whole")

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    """Dice of one scan; a group that is in neither mask has none."""

    name: str
    dice: Mapping[str, float]


def segment(image: NII, model: SemanticModel, *, is_ct: bool = False, floor: float = 0.0) -> Array:
    """Semantic mask of an image, on its own grid; empty when nothing was found."""
    ready = preprocess_input(image, PreprocessSettings(), is_ct=is_ct, background=floor)
    try:
        mask = segment_semantic(ready, model, SemanticSettings()).mask
    except EmptyResultError:
        return np.zeros(image.shape, np.uint8)
    return np.asarray(to_input_grid(mask, image, smooth=True).get_array())


def overlap(truth: Array, guess: Array, groups: Groups) -> dict[str, float]:
    """Dice of each group of labels that truth or guess show."""
    scores = {}
    for name, (wanted, labels) in groups.items():
        a, b = np.isin(truth, wanted), np.isin(guess, labels)
        total = np.count_nonzero(a) + np.count_nonzero(b)
        if total:  # else it is in neither
            scores[name] = 2 * int(np.count_nonzero(a & b)) / int(total)
    return scores


def real_cases(model: SemanticModel, root: Path) -> Iterable[Case]:
    """Held-out subjects of a BIDS folder with SPIDER masks."""
    held_out = held_out_subjects()
    for subject, image, mask in scan_pairs(root):
        if subject in held_out:
            guess = segment(load_image(image), model)
            yield Case(subject, overlap(load_mask(mask).get_array(), guess, SPIDER_GROUPS))


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
        guess = segment(image, model, is_ct=is_ct, floor=-1024.0 if is_ct else 0.0)
        yield Case(f"{view}-{seed:03d}", overlap(phantom.spine, guess, LABEL_GROUPS))


def phantom_scan(
    seed: int, view: str, contrast: str = "T2w", joined: int = JOINED
) -> tuple[Phantom, Array]:
    """A held-out phantom in thick slices, and its image."""
    if seed not in HELD_OUT_SEEDS:
        raise ValueError(f"phantom {seed} is not held out")
    thin = phantom_view(seed, view)
    return join_slices(thin, joined), render(thin, contrast=contrast, seed=seed, joined=joined)


def phantom_view(seed: int, view: str) -> Phantom:
    """Lumbar (T11 to sacrum), thoracic (nine vertebrae) or whole spine of a seed."""
    names = draw_plan(seed).levels
    if view == "lumbar":
        fov = FieldOfView(top=names[-7], bottom="sacrum", width=70.0)
    elif view == "thoracic":
        fov = FieldOfView(top="T2", bottom="T10", width=70.0)
    else:
        fov = FieldOfView(width=80.0)
    return generate(seed, spacing=THIN_SPACING, fov=fov)


def crop_cases(model: SemanticModel) -> Iterable[Case]:
    """The T2w and the CT crop of TPTBox."""
    spec = find_spec("TPTBox")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "tests"
    for kind, image in (("mri", "sub-mri_label-6_T2w"), ("ct", "sub-ct_label-22_ct")):
        path = folder / f"sample_{kind}" / f"{image}.nii.gz"
        mask = next(path.parent.glob("*_seg-subreg_*"))
        is_ct = kind == "ct"
        floor = float(background_value(path))
        guess = segment(load_image(path), model, is_ct=is_ct, floor=floor)
        truth = load_mask(mask).get_array()
        groups = {
            name: group
            for name, group in LABEL_GROUPS.items()
            if np.isin(truth, group[0]).any()  # what the reference leaves out is no error
        }
        yield Case(f"TPTBox-{kind}", overlap(truth, guess, groups))


def summary(cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    """Mean and worst Dice of each group, with the number of scans that show it."""
    values: dict[str, list[float]] = {}
    for case in cases:
        for name, dice in case.dice.items():
            values.setdefault(name, []).append(dice)
    out = {
        name: {
            "mean": round(float(np.mean(v)), 4),
            "worst": round(min(v), 4),
            "scans": float(len(v)),
        }
        for name, v in values.items()
    }
    if out:
        means = [entry["mean"] for entry in out.values()]
        out["mean of labels"] = {"mean": round(float(np.mean(means)), 4), "scans": len(cases)}
    return out


def write_table(path: Path, cases: Mapping[str, Sequence[Case]]) -> None:
    """One line a data set, scan and group."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(["data", "scan", "structure", "dice"])
        for data, members in cases.items():
            for case in members:
                for name, dice in case.dice.items():
                    writer.writerow([data, case.name, name, f"{dice:.4f}"])


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.semantic_eval", description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--real", type=Path, help="BIDS folder with masks in derivatives/manual")
    parser.add_argument("--phantoms", type=int, default=0, help="held-out phantoms a view")
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=["lumbar"])
    parser.add_argument("--contrasts", nargs="+", default=["T2w"])
    parser.add_argument("--joined", type=int, default=JOINED, help="slices of 1.1 mm in one")
    parser.add_argument("--crops", action="store_true", help="the two crops of TPTBox")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and write ``scans.tsv`` and ``summary.json``."""
    options = parse(arguments)
    model = load_semantic(load_package(options.package), num_threads=options.threads)
    streams: dict[str, Iterable[Case]] = {}
    if options.real:
        streams["held-out subjects"] = real_cases(model, options.real)
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
    write_table(options.out / "scans.tsv", cases)
    report = {data: summary(members) for data, members in cases.items()}
    (options.out / "summary.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
