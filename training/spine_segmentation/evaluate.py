"""Evaluate the two nets of spine-segmentation with the pipeline's own functions.

    python -m training.spine_segmentation.evaluate FOLDER --real BIDS --phantoms 40 --out DIR

Body and disc are compared with masks derived from SPIDER: of each vertebra what lies in front of
the canal, and the discs; the sacrum, which these masks lack, is left out. Names of real vertebrae
count where the lowest body is taken for L5 and there are as many as the table of the dataset says.
All names are tested on phantoms in windows of 5, 8, 10 and 15 vertebrae: a scan is right when each
vertebra that is wholly in view has its own name, and nothing out of view has one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_image, load_mask
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.phantom import FieldOfView, Phantom, generate, render, to_nii
from spineps_nipype.spine_segmentation.inference import SegmentationInference, segment_image
from spineps_nipype.spine_segmentation.names import DISC, ID_OF, VERTEBRA
from training.common.dice import Case, Groups, overlap, summary, write_results
from training.common.named_scans import NamedScan, named_scans
from training.common.options import add_evaluation_options, add_threads
from training.common.phantom_seeds import require_held_out
from training.common.real_scans import held_out_subjects, scan_pairs
from training.spine_segmentation.phantom_slices import (
    CLASS_OF,
    draw_window,
    names_in_window,
    targets,
)
from training.spine_segmentation.recipe import FILES
from training.spine_segmentation.sliced_scan import IGNORED
from training.spine_segmentation.spider_targets import spider_targets

COUNTS: Final = (5, 8, 10, 15)
"""Vertebrae in the windows."""
SPACING: Final = (0.9, 0.9, 3.5)
"""A usual sagittal scan: P, I, R in mm."""
WIDTH_MM: Final = 50.0
"""Extent of the windows across the slices."""
GROUPS: Final[Groups] = {"body": ((VERTEBRA,), (VERTEBRA,)), "disc": ((DISC,), (DISC,))}

Array = np.ndarray


def load_nets(folder: Path, threads: int = 1) -> SegmentationInference:
    """Both nets of a folder."""
    return SegmentationInference(
        output_same_shape_as_input=True,
        semantic_model=folder / FILES["semantic"],
        instance_model=folder / FILES["instance"],
        num_threads=threads,
    )


def real_cases(nets: SegmentationInference, root: Path) -> Iterable[tuple[Case, tuple[int, int]]]:
    """Dice of the held-out subjects; how many certain names are right, and how many there are."""
    named = {scan.subject: scan for scan in named_scans(root, held_out=True)}
    held_out = held_out_subjects()
    for subject, image_file, mask_file in scan_pairs(root):
        if subject not in held_out:
            continue
        image = load_image(image_file).reorient(PIR)
        semantic, ids, _ = segment_image(image, nets)
        assert ids is not None
        mask = load_mask(mask_file).reorient(PIR).get_array()
        truth = spider_targets(mask, image.zoom)[0]
        known = truth != IGNORED
        case = Case(subject, overlap(truth[known], semantic.get_array()[known], GROUPS))
        scan = named.get(subject)
        yield case, _count_names(ids.get_array(), scan) if scan else (0, 0)


def _count_names(ids: Array, scan: NamedScan) -> tuple[int, int]:
    """How many vertebrae of a real scan have the right name, and how many there are."""
    found = {name: _majority(ids[scan.bodies == body]) for body, name in scan.names.items()}
    return sum(ID_OF[name] == number for name, number in found.items()), len(found)


def _majority(ids: Array) -> int:
    """Most frequent vertebra among numbers of spine-segmentation, 0 where there is none."""
    bones = ids[ids % 2 == 1]  # discs have the even numbers
    return int(np.bincount(bones).argmax()) if bones.size else 0


def phantom_window(seed: int, count: int) -> tuple[Phantom, tuple[str, str]]:
    """Window of a held-out phantom; every place on the spine is equally likely."""
    require_held_out(seed)
    limits = draw_window(seed, count, np.random.default_rng((seed, count)))
    fov = FieldOfView(top=limits[0], bottom=limits[1], width=WIDTH_MM)
    return generate(seed, spacing=SPACING, fov=fov), limits


def phantom_cases(
    nets: SegmentationInference, seeds: Sequence[int], count: int
) -> Iterable[tuple[Case, bool]]:
    """Dice of body and disc, and whether all names are right."""
    for seed in seeds:
        phantom, limits = phantom_window(seed, count)
        grey = render(phantom, seed=seed, slice_thickness=SPACING[2])
        image = NII(to_nii(phantom, grey, mask=False), False)
        semantic, classes = targets(phantom)
        name = f"{count}-{seed:03d}"
        try:
            result, ids, _ = segment_image(image, nets)
        except EmptyResultError:
            yield Case(name, {"body": 0.0, "disc": 0.0}), False
            continue
        assert ids is not None
        case = Case(name, overlap(semantic, result.get_array(), GROUPS))
        names = names_in_window(phantom.plan, *limits)
        yield case, names_right(ids.get_array(), phantom, classes, names)


def names_right(ids: Array, phantom: Phantom, classes: Array, names: Sequence[str]) -> bool:
    """Whether every vertebra in view has its own name and nothing else has one.

    Parameters
    ----------
    ids
        Numbers of spine-segmentation.
    classes
        True classes, 255 for what has none (T13).
    names
        Names of what is wholly in view; the neighbours at both ends may have their name or none.
    """
    order = [*phantom.plan.levels[1:], "S1"]
    first, last = order.index(names[0]), order.index(names[-1])
    allowed = {ID_OF[name] for name in order[max(first - 1, 0) : last + 2]}
    if not {int(n) for n in np.unique(ids) if n % 2} <= allowed:
        return False
    for name in names:
        place = classes == CLASS_OF[name] if name in CLASS_OF else classes == IGNORED
        if _majority(ids[place]) != ID_OF[name]:
            return False
    return True


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.spine_segmentation.evaluate", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="folder with both ONNX files")
    add_evaluation_options(parser, phantoms=40, each="size of window")
    add_threads(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; write ``scans.tsv`` and ``summary.json``."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    nets = load_nets(options.folder, options.threads)
    cases: dict[str, list[Case]] = {}
    report: dict[str, Any] = {}
    if options.real:
        real = list(real_cases(nets, options.real))
        cases["held-out subjects"] = [case for case, _ in real]
        names = {
            "names right": sum(n for _, (n, _) in real),
            "names": sum(n for _, (_, n) in real),
        }
        report["held-out subjects"] = summary(cases["held-out subjects"]) | names
        print(json.dumps(report, indent=1), flush=True)
    for count in COUNTS if options.phantoms else ():
        results = list(phantom_cases(nets, range(options.phantoms), count))
        data = f"phantoms, {count} vertebrae"
        cases[data] = [case for case, _ in results]
        right = sum(ok for _, ok in results)
        report[data] = summary(cases[data]) | {"right": right, "scans": len(results)}
        print(data, right, "of", len(results), json.dumps(report[data]), flush=True)
    write_results(options.out, cases, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
