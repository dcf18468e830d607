"""Evaluate an instance network inside the whole instance phase.

    python -m training.instance.evaluate PACKAGE --phantoms 20

It counts what matters to a user: vertebrae found, missed and invented, on held-out phantoms and
on the true masks of the two real scans that TPTBox ships.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

import numpy as np
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.components import bounding_box
from spineps_nipype.errors import SpinepsError
from spineps_nipype.models.loading import load_instance
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import InstanceModel
from spineps_nipype.phantom import FieldOfView, Phantom, generate, to_nii
from spineps_nipype.spineps.instance import segment_instances
from spineps_nipype.spineps.settings import InstanceSettings
from training.instance.samples import corrupt

MATCH: Final = 0.5
"""Dice above which an instance stands for a true vertebra."""
IN_VIEW: Final = 0.5
"""Share of the height of a body that must be in view for its vertebra to be expected."""
MIN_BODY_VOXELS: Final = 200
"""A vertebra whose body shows fewer voxels is not expected."""
SPACING: Final = (1.5, 1.5, 2.0)
"""Of the phantoms: P, I, R in mm."""
WINDOWS: Final = {
    "whole spine": FieldOfView(),
    "lumbar 60 mm": FieldOfView(top="T12", width=60.0),
    "lumbar slab 18 mm": FieldOfView(top="T12", width=18.0),
    "neck": FieldOfView(bottom="T3", width=80.0),
}

SAMPLES: Final = {
    "MRI": "sample_mri/sub-mri_seg-subreg_label-6_msk.nii.gz",
    "CT": "sample_ct/sub-ct_seg-subreg_label-22_msk.nii.gz",
}
"""Semantic masks in the folder of TPTBox's tests; the vertebra masks lie beside them."""


def count_matches(
    found: np.ndarray, truth: np.ndarray, expected: Sequence[int]
) -> tuple[dict[str, int], list[float]]:
    """Compare instances with true vertebrae.

    Parameters
    ----------
    found, truth
        Instance maps on one grid.
    expected
        True labels that must be found; other vertebrae may be found or not.

    Returns
    -------
    counts, dices
        ``found``, ``missed``, ``extra`` (matches no true vertebra), and the Dice of the matches.
    """
    counts, dices, used = {"found": 0, "missed": 0, "extra": 0}, [], set()
    for label in np.unique(truth[truth > 0]).tolist():
        number, dice = _best_match(found, truth == label)
        if dice > MATCH:
            used.add(number)
        if label in expected:
            counts["found" if dice > MATCH else "missed"] += 1
            if dice > MATCH:
                dices.append(dice)
    unmatched = set(np.unique(found[found > 0]).tolist()) - used
    for number in unmatched:  # pieces of vertebrae that are not expected are no mistakes
        owner = np.bincount(truth[found == number]).argmax()
        counts["extra"] += int(owner == 0 or owner in expected)
    return counts, dices


def _best_match(found: np.ndarray, true: np.ndarray) -> tuple[int, float]:
    """Instance with the largest Dice with a true vertebra; 0 and 0.0 if none overlaps it."""
    size = np.count_nonzero(true)
    best, winner = 0.0, 0
    for number, common in zip(*np.unique(found[true], return_counts=True), strict=True):
        if number == 0:
            continue
        dice = 2 * int(common) / (np.count_nonzero(found == number) + size)
        if dice > best:
            best, winner = dice, int(number)
    return winner, best


def evaluate_phase(
    network: InstanceModel, seeds: Sequence[int], *, corrupted: bool
) -> dict[str, dict[str, float]]:
    """Run the phase on masks of held-out phantoms.

    Parameters
    ----------
    corrupted
        Corrupt the masks as in training; else they are the true ones.

    Returns
    -------
    dict
        For each of `WINDOWS`: counts of vertebrae, share of phantoms without any mistake, mean and
        worst Dice of the vertebrae found.
    """
    out: dict[str, dict[str, float]] = {}
    for name, fov in WINDOWS.items():
        total, dices, right = {"found": 0, "missed": 0, "extra": 0}, [], 0
        for seed in seeds:
            phantom = generate(seed, spacing=SPACING, fov=fov)
            spine = phantom.spine
            if corrupted:
                spine = corrupt(spine, np.random.default_rng((seed, 11)))
            semantic = NII(to_nii(phantom, spine, mask=True), seg=True)
            try:
                found = _instances(semantic, network)
            except SpinepsError:
                found = np.zeros_like(spine)
            part = np.isin(phantom.spine, anatomy.VERTEBRA_PARTS)
            truth = np.where(part, phantom.vert, 0)
            counts, some = count_matches(found, truth, _expected(phantom, spine))
            total = {key: total[key] + counts[key] for key in total}
            dices += some
            right += counts["missed"] == counts["extra"] == 0
        out[name] = {
            **total,
            "all right": right / len(seeds),
            "dice": float(np.mean(dices)) if dices else 0.0,
            "worst": float(np.min(dices)) if dices else 0.0,
        }
    return out


def _instances(semantic: NII, network: InstanceModel) -> np.ndarray:
    """Instances on the grid of the semantic mask."""
    result = cast("NII", segment_instances(semantic, network, InstanceSettings()))
    return np.asarray(result.resample_from_to(semantic, verbose=False).get_array())


def _expected(phantom: Phantom, spine: np.ndarray) -> list[int]:
    """Vertebrae whose body is mostly in view."""
    expected = []
    for vertebra in phantom.plan.vertebrae:
        body = (phantom.vert == vertebra.label) & (spine == anatomy.CORPUS_BORDER)
        if not body.any():
            continue
        rows = bounding_box(body)[1]
        height = (rows.stop - rows.start) * phantom.spacing[1]
        if height > vertebra.height * IN_VIEW and np.count_nonzero(body) > MIN_BODY_VOXELS:
            expected.append(vertebra.label)
    return expected


def evaluate_samples(network: InstanceModel) -> dict[str, dict[int, float]]:
    """Dice of every vertebra on the true semantic masks of the TPTBox samples."""
    spec = find_spec("TPTBox")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(next(iter(spec.submodule_search_locations))) / "tests"
    out: dict[str, dict[int, float]] = {}
    for name, file in SAMPLES.items():
        semantic = NII.load(root / file, seg=True)
        truth = NII.load(root / file.replace("seg-subreg", "seg-vert"), seg=True).get_array()
        found = _instances(semantic, network)
        truth = np.where(np.isin(semantic.get_array(), anatomy.VERTEBRA_PARTS), truth, 0)
        out[name] = {}
        for label in np.unique(truth[truth > 0]).tolist():
            out[name][label] = round(_best_match(found, truth == label)[1], 3)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate a package and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m training.instance.evaluate", description=__doc__
    )
    parser.add_argument("package", type=Path)
    parser.add_argument("--phantoms", type=int, default=20)
    options = parser.parse_args(arguments)
    network = load_instance(load_package(options.package))
    seeds = range(options.phantoms)
    figures = {
        "samples": evaluate_samples(network),
        "true masks": evaluate_phase(network, seeds, corrupted=False),
        "corrupted masks": evaluate_phase(network, seeds, corrupted=True),
    }
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
