"""Evaluation of an instance network inside the whole instance phase.

``python -m training.instance_phase PACKAGE --phantoms 20`` counts what matters to a user:
vertebrae found, missed and invented, on held-out phantoms and on the true masks of the two real
scans that TPTBox ships.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core import anatomy
from spineps_nipype.core.components import bounding_box
from spineps_nipype.errors import SpinepsError
from spineps_nipype.models.loading import load_instance
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import InstanceModel
from spineps_nipype.phantom import FieldOfView, generate, to_nii
from spineps_nipype.spineps.instance import segment_instances
from spineps_nipype.spineps.settings import InstanceSettings
from training.instance_data import spoil

MATCH: Final = 0.5
"""Dice above which an instance is a true vertebra."""
IN_VIEW: Final = 0.5
"""Share of a whole body's depth that must be in view for a vertebra to be asked for."""
WINDOWS: Final = {
    "whole spine": FieldOfView(),
    "lumbar 60 mm": FieldOfView(top="T12", width=60.0),
    "lumbar slab 18 mm": FieldOfView(top="T12", width=18.0),
    "neck": FieldOfView(bottom="T3", width=80.0),
}

REAL: Final = {
    "MRI": "sample_mri/sub-mri_seg-subreg_label-6_msk.nii.gz",
    "CT": "sample_ct/sub-ct_seg-subreg_label-22_msk.nii.gz",
}
"""Semantic masks in the folder of TPTBox's tests; the vertebra masks lie beside them."""


def count_matches(
    found: np.ndarray, truth: np.ndarray, asked: Sequence[int]
) -> tuple[dict[str, int], list[float]]:
    """Compare instances with true vertebrae.

    Parameters
    ----------
    found, truth
        Instance maps on one grid.
    asked
        True labels that must be found; others are neither asked for nor held against.

    Returns
    -------
    counts, dices
        ``found``, ``missed``, ``extra`` (matches no true vertebra), and the Dice of the matches.
    """
    counts, dices, used = {"found": 0, "missed": 0, "extra": 0}, [], set()
    for label in np.unique(truth[truth > 0]).tolist():
        true = truth == label
        numbers, sizes = np.unique(found[true], return_counts=True)
        best = 0.0
        for number, size in zip(numbers.tolist(), sizes.tolist(), strict=True):
            if number == 0:
                continue
            dice = 2 * size / (np.count_nonzero(found == number) + np.count_nonzero(true))
            if dice > best:
                best, winner = dice, number
        if best > MATCH:
            used.add(winner)
        if label in asked:
            counts["found" if best > MATCH else "missed"] += 1
            if best > MATCH:
                dices.append(best)
    loose = set(np.unique(found[found > 0]).tolist()) - used
    for number in loose:  # pieces of vertebrae that nobody asked for are no mistakes
        owner = np.bincount(truth[found == number]).argmax()
        counts["extra"] += int(owner == 0 or owner in asked)
    return counts, dices


def evaluate_phase(
    network: InstanceModel, seeds: Sequence[int], *, spoilt: bool
) -> dict[str, dict[str, float]]:
    """Run the phase on masks of held-out phantoms, window by window."""
    out: dict[str, dict[str, float]] = {}
    for name, fov in WINDOWS.items():
        total, dices, right = {"found": 0, "missed": 0, "extra": 0}, [], 0
        for seed in seeds:
            phantom = generate(seed, spacing=(1.5, 1.5, 2.0), fov=fov)
            spine = phantom.spine
            if spoilt:
                spine = spoil(spine, np.random.default_rng((seed, 11)))
            semantic = NII(to_nii(phantom, spine, mask=True), seg=True)
            try:
                result = segment_instances(semantic, network, InstanceSettings())
                found = result.resample_from_to(semantic, verbose=False).get_array()
            except SpinepsError:
                found = np.zeros_like(spine)
            part = np.isin(phantom.spine, anatomy.VERTEBRA_PARTS)
            truth = np.where(part, phantom.vert, 0)
            counts, some = count_matches(found, truth, _asked(phantom, spine))
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


def _asked(phantom, spine: np.ndarray) -> list[int]:  # type: ignore[no-untyped-def]
    """Vertebrae whose body is mostly in view."""
    asked = []
    for vertebra in phantom.plan.vertebrae:
        body = (phantom.vert == vertebra.label) & (spine == anatomy.CORPUS_BORDER)
        if not body.any():
            continue
        rows = bounding_box(body)[1]
        height = (rows.stop - rows.start) * phantom.spacing[1]
        if height > vertebra.height * IN_VIEW and np.count_nonzero(body) > 200:
            asked.append(vertebra.label)
    return asked


def evaluate_samples(network: InstanceModel) -> dict[str, dict[int, float]]:
    """Dice of every vertebra on the true semantic masks of the TPTBox samples."""
    spec = find_spec("TPTBox")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(next(iter(spec.submodule_search_locations))) / "tests"
    out: dict[str, dict[int, float]] = {}
    for name, file in REAL.items():
        semantic = NII.load(root / file, seg=True)
        truth = NII.load(root / file.replace("seg-subreg", "seg-vert"), seg=True).get_array()
        result = segment_instances(semantic, network, InstanceSettings())
        found = result.resample_from_to(semantic, verbose=False).get_array()
        truth = np.where(np.isin(semantic.get_array(), anatomy.VERTEBRA_PARTS), truth, 0)
        out[name] = {}
        for label in np.unique(truth[truth > 0]).tolist():
            true = truth == label
            sizes = [
                2 * np.count_nonzero(true & (found == n)) / (true.sum() + (found == n).sum())
                for n in np.unique(found[true])
                if n
            ]
            out[name][label] = round(float(max(sizes, default=0.0)), 3)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate a package and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m training.instance_phase", description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--phantoms", type=int, default=20)
    options = parser.parse_args(arguments)
    network = load_instance(load_package(options.package))
    seeds = range(options.phantoms)
    figures = {
        "samples": evaluate_samples(network),
        "true masks": evaluate_phase(network, seeds, spoilt=False),
        "spoilt masks": evaluate_phase(network, seeds, spoilt=True),
    }
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
