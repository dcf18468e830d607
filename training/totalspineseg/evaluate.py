"""Evaluate both TotalSpineSeg packages with the pipeline's own functions, after step 2.

    python -m training.totalspineseg.evaluate FOLDER --real BIDS_WITH_MASKS --phantoms 10 --out DIR

Masks are compared on the grid of the scan. A disc is found when half of it has a disc label.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import ndimage
from TPTBox import NII

from spineps_nipype.core.images import load_image, load_mask
from spineps_nipype.errors import EmptyResultError
from spineps_nipype.models.finding import package_in
from spineps_nipype.models.inference.semantic import SemanticNetwork, load_semantic
from spineps_nipype.models.spine_region import find_spine
from spineps_nipype.models.spineps_packages import scout_package
from spineps_nipype.phantom import to_nii
from spineps_nipype.totalspineseg.inference import load_step
from spineps_nipype.totalspineseg.labels import (
    C1,
    CANAL,
    CORD,
    DISC_L5_S,
    DISC_NAMES,
    LANDMARK_DISCS,
    SACRUM,
)
from spineps_nipype.totalspineseg.native import to_grid
from spineps_nipype.totalspineseg.preparation import prepare_image
from spineps_nipype.totalspineseg.profiles import DATASETS
from spineps_nipype.totalspineseg.settings import RuleSettings
from spineps_nipype.totalspineseg.steps import run_step1, run_step2
from training.common.dice import Case, Groups, overlap, summary, write_results
from training.common.held_out_phantoms import VIEWS, phantom_scan
from training.common.options import add_evaluation_options
from training.common.real_scans import held_out_subjects, scan_pairs
from training.common.spider_masks import DISC
from training.totalspineseg.targets import (
    BONE_CODES,
    C1_CODES,
    DISC_CODES,
    phantom_codes,
)
from training.totalspineseg.targets import CANAL as CANAL_CODE
from training.totalspineseg.targets import CORD as CORD_CODE
from training.totalspineseg.targets import SACRUM as SACRUM_CODE

BONES: Final = tuple(range(C1, SACRUM))
DISCS: Final = tuple(range(LANDMARK_DISCS[0], DISC_L5_S + 1))
SPIDER_GROUPS: Final[Groups] = {
    "vertebra": ((1,), BONES),
    "disc": ((2,), DISCS),
    "canal": ((3,), (CORD, CANAL)),
}
PHANTOM_GROUPS: Final[Groups] = {
    "vertebra": ((*BONE_CODES, *C1_CODES), BONES),
    "disc": (tuple(DISC_CODES.values()), DISCS),
    "canal": ((CANAL_CODE, CORD_CODE), (CORD, CANAL)),
    "cord": ((CORD_CODE,), (CORD,)),
    "sacrum": ((SACRUM_CODE,), (SACRUM,)),
}
SPECK_VOXELS: Final = 50
"""Smaller pieces of a mask are no discs."""

Array = np.ndarray
Networks = tuple[SemanticNetwork, SemanticNetwork, SemanticNetwork]
"""Those of both steps, and the one that finds the spine."""


def load_networks(folder: Path) -> Networks:
    """Networks of both steps in a folder, and the one that finds the spine for them."""
    first, second = (load_step(package_in(folder / name, "totalspineseg")) for name in DATASETS)
    return first, second, load_semantic(scout_package())


def segment(image: NII, networks: Networks) -> Array:
    """Label map after step 2 on the grid of the image; empty when a step finds nothing."""
    settings = RuleSettings()
    ready = prepare_image(image)
    try:
        region = find_spine(ready, networks[2])
        first = run_step1(ready, networks[0], settings, region=region)
        second = run_step2(ready, first.output, networks[1], settings, region=region)
    except EmptyResultError as fault:
        print(fault, flush=True)
        return np.zeros(image.shape, np.uint8)
    return np.asarray(to_grid(second.output, image.shape, image.affine, "smooth").get_array())


def discs_found(truth: Array, result: Array) -> tuple[int, int]:
    """How many discs of a mask are found, and how many there are.

    Parameters
    ----------
    truth
        Mask of the discs.
    result
        Label map on the same grid.
    """
    parts, count = ndimage.label(truth)
    labelled = np.isin(result, DISCS)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    covered = np.bincount(parts[labelled], minlength=count + 1)[1:]
    discs = sizes >= SPECK_VOXELS
    return int((covered[discs] >= sizes[discs] / 2).sum()), int(discs.sum())


def real_cases(networks: Networks, root: Path) -> Iterable[tuple[Case, tuple[int, int], Array]]:
    """Dice, discs found and label map of each held-out subject."""
    held_out = held_out_subjects()
    for subject, image_file, mask_file in scan_pairs(root):
        if subject in held_out:
            result = segment(load_image(image_file), networks)
            mask = load_mask(mask_file).get_array()
            case = Case(subject, overlap(mask, result, SPIDER_GROUPS))
            yield case, discs_found(mask == DISC, result), result


def phantom_cases(networks: Networks, seeds: Sequence[int], view: str) -> Iterable[Case]:
    """Held-out phantoms of a view."""
    for seed in seeds:
        phantom, grey = phantom_scan(seed, view)
        image = NII(to_nii(phantom, grey, mask=False), False)
        result = segment(image, networks)
        yield Case(f"{view}-{seed:03d}", overlap(phantom_codes(phantom), result, PHANTOM_GROUPS))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.totalspineseg.evaluate", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="folder with both data sets")
    add_evaluation_options(parser, phantoms=0, each="view")
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=["lumbar"])
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; write ``scans.tsv`` and ``summary.json``."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    networks = load_networks(options.folder)
    cases: dict[str, list[Case]] = {}
    report: dict[str, Any] = {}
    if options.real:
        cases["held-out subjects"] = []
        counts = []
        for case, found, result in real_cases(networks, options.real):
            cases["held-out subjects"].append(case)
            counts.append(found)
            names = [DISC_NAMES.get(int(n), str(n)) for n in np.unique(result) if n in DISCS]
            dice = {name: round(value, 3) for name, value in case.dice.items()}
            print(case.name, dice, found, names, flush=True)
        report["held-out subjects"] = summary(cases["held-out subjects"]) | {
            "scans with every disc found": sum(a == b for a, b in counts),
            "discs found": [sum(a for a, _ in counts), sum(b for _, b in counts)],
        }
    for view in options.views if options.phantoms else ():
        data = f"phantoms {view}"
        cases[data] = list(phantom_cases(networks, range(options.phantoms), view))
        report[data] = summary(cases[data])
    print(json.dumps(report, indent=1))
    write_results(options.out, cases, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
