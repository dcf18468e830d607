"""Evaluate the search for the spine: how much of it the region holds, and what it leaves out.

    python -m training.scout.evaluate PACKAGE --real BIDS_WITH_MASKS --phantoms 5 --out DIR

Phantoms of every view and contrast have seeds that training never draws, real scans are those of
the held-out subjects, or all of further data sets (`--others`) that nothing is trained on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from TPTBox import NII

from spineps_nipype.core.images import load_image, load_mask
from spineps_nipype.core.volume import Volume
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.models.package import load_package
from spineps_nipype.models.protocols import SemanticModel
from spineps_nipype.models.spine_region import find_spine
from spineps_nipype.phantom import render, to_nii
from spineps_nipype.spineps.preprocess import preprocess_input
from spineps_nipype.spineps.settings import PreprocessSettings
from training.common.options import add_evaluation_options, add_threads
from training.common.phantom_seeds import require_held_out
from training.common.real_scans import held_out_subjects, scan_pairs
from training.scout.samples import CONTRASTS, VIEWS, draw_phantom

CT_AIR: Final = -1024.0
"""Hounsfield units."""

Array = np.ndarray


@dataclass(frozen=True)
class Found:
    """What the search finds of one scan."""

    name: str
    spine: int
    """Voxels of spine in the truth."""
    missed: int
    """Those of them outside the region."""
    kept: float
    """Share of the image in the region."""
    sure: bool
    """Whether there is a region; else everything is kept and nothing is missed."""
    cpu_s: float


def judge(name: str, prepared: Volume, spine: Array, scout: SemanticModel) -> Found:
    """Search in a prepared image, which may be padded around the true mask."""
    began = time.process_time()
    region = find_spine(prepared, scout)
    cpu_s = time.process_time() - began
    total = int(np.count_nonzero(spine))
    if region is None:
        return Found(name, total, 0, 1.0, False, cpu_s)
    array = region.get_array() > 0
    pad = [(big - small) // 2 for big, small in zip(array.shape, spine.shape, strict=True)]
    inner = array[tuple(slice(p, p + n) for p, n in zip(pad, spine.shape, strict=True))]
    missed = int(np.count_nonzero(spine & ~inner))
    return Found(name, total, missed, float(array.mean()), True, cpu_s)


def phantom_cases(
    scout: SemanticModel, seeds: Sequence[int], view: str, contrast: str
) -> Iterator[Found]:
    """Held-out phantoms of a view; which part, how wide and how bent is drawn from the seed."""
    for seed in seeds:
        require_held_out(seed)
        phantom = draw_phantom(seed, np.random.default_rng((seed, 4)), view)
        grey = render(phantom, contrast=contrast, seed=seed)
        is_ct = contrast == "CT"
        prepared = preprocess_input(
            NII(to_nii(phantom, grey, mask=False), False),
            PreprocessSettings(),
            is_ct=is_ct,
            background=CT_AIR if is_ct else 0.0,
        )
        yield judge(f"{view}-{contrast}-{seed:03d}", prepared, phantom.spine > 0, scout)


def real_cases(scout: SemanticModel, root: Path, *, all_subjects: bool) -> Iterator[Found]:
    """Scans of a BIDS folder with masks: those of held-out subjects, or all."""
    held_out = held_out_subjects()
    for subject, image, mask in _pairs(root):
        if all_subjects or subject in held_out:
            prepared = preprocess_input(load_image(image), PreprocessSettings(), is_ct=False)
            yield judge(subject, prepared, load_mask(mask).get_array() > 0, scout)


def _pairs(root: Path) -> Iterable[tuple[str, Path, Path]]:
    """Scans with masks of the whole spine, or of its vertebrae."""
    plain = scan_pairs(root)
    if plain:
        return plain
    found = []
    for mask in sorted(root.glob("derivatives/manual/sub-*/anat/*_label-spine_dseg.nii.gz")):
        folder = root / mask.parts[-3] / mask.parts[-2]
        name = mask.name.removesuffix("_label-spine_dseg.nii.gz")
        found.append((mask.parts[-3], folder / f"{name}.nii.gz", mask))
    return found


def summary(cases: Sequence[Found]) -> dict[str, Any]:
    """Recall over all voxels, that of the worst scan, and what it saves and costs."""
    spine, missed = (sum(getattr(c, key) for c in cases) for key in ("spine", "missed"))
    return {
        "scans": len(cases),
        "unsure": sum(not c.sure for c in cases),
        "recall": round(1 - missed / spine, 6),
        "worst": round(min(1 - c.missed / max(c.spine, 1) for c in cases), 6),
        "kept": round(float(np.mean([c.kept for c in cases])), 4),
        "cpu_s": round(float(np.median([c.cpu_s for c in cases])), 3),
    }


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.scout.evaluate", description=__doc__)
    parser.add_argument("package", type=Path)
    add_evaluation_options(parser, phantoms=0, each="view and contrast")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="further data sets")
    add_threads(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and write ``scans.json`` and ``summary.json``."""
    options = parse(arguments)
    scout = load_semantic(load_package(options.package), num_threads=options.threads)
    streams: dict[str, Iterable[Found]] = {}
    if options.real:
        streams["held-out subjects"] = real_cases(scout, options.real, all_subjects=False)
    for root in options.others:
        streams[root.name] = real_cases(scout, root, all_subjects=True)
    for view in VIEWS if options.phantoms else ():
        for contrast in CONTRASTS:
            streams[f"phantoms {view} {contrast}"] = phantom_cases(
                scout, range(options.phantoms), view, contrast
            )
    options.out.mkdir(parents=True, exist_ok=True)
    scans: dict[str, list[dict[str, Any]]] = {}
    report = {}
    for data, stream in streams.items():
        cases = list(stream)
        report[data] = summary(cases)
        scans[data] = [asdict(case) for case in cases]
        print(data, json.dumps(report[data]), flush=True)
    for name, content in (("scans", scans), ("summary", report)):
        (options.out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
