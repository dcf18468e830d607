"""One phase of SPINEPS 2.1.3, timed; runs in the environment of SPINEPS.

    python benchmarks/original_spineps/timed_phase.py PHASE FOLDER PACKAGES OUT [--tta]
                                                      [--device D]

Knows nothing of this package. The last line printed is JSON with seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
Timed = tuple[list[Any], dict[str, float]]
"""Masks (None where there is none), and the seconds ``load``, ``wall`` and ``cpu``."""

KINDS = ("semantic", "instance", "labeling")
OFF = {
    "proc_fill_3d_holes": False,
    "proc_clean_beyond_largest_bounding_box": False,
    "proc_clean_small_cc_artifacts": False,
}
"""Clean-up that random weights leave nothing to."""


def timed(function: Callable[[], T]) -> tuple[T, float, float]:
    """Result, wall seconds and CPU seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def dataset_of_one(image: Path, root: Path) -> Path:
    """Copy of an image in a dataset of its own."""
    folder = root / "rawdata" / "sub-x"
    folder.mkdir(parents=True)
    return Path(shutil.copy(image, folder / "sub-x_acq-sag_T2w.nii.gz"))


def read(options: argparse.Namespace, name: str, seg: bool = True) -> Any:
    """An input of the case."""
    from TPTBox import NII

    return NII.load(options.folder / name, seg)


def model(options: argparse.Namespace, kind: str) -> Any:
    """A loaded model package."""
    from spineps.get_models import get_actual_model

    return get_actual_model(options.packages / kind, use_cpu=options.device == "cpu").load()


def semantic(options: argparse.Namespace) -> Timed:
    """The semantic phase without clean-up."""
    from spineps.phase_semantic import predict_semantic_mask

    network, load, _ = timed(lambda: model(options, "semantic"))
    network.predictor.use_mirroring = options.tta
    image = read(options, "image.nii.gz", False)
    result, wall, cpu = timed(lambda: predict_semantic_mask(image, network, {}, **OFF))
    return [result[0]], {"load": load, "wall": wall, "cpu": cpu}


def instance(options: argparse.Namespace) -> Timed:
    """The instance phase."""
    from spineps.phase_instance import predict_instance_mask

    network, load, _ = timed(lambda: model(options, "instance"))
    mask = read(options, "model_spine.nii.gz")
    result, wall, cpu = timed(lambda: predict_instance_mask(mask, network, {}))
    return [result[0]], {"load": load, "wall": wall, "cpu": cpu}


def labeling(options: argparse.Namespace) -> Timed:
    """The labelling step."""
    from spineps.phase_labeling import perform_labeling_step

    network, load, _ = timed(lambda: model(options, "labeling"))
    image = read(options, "image.nii.gz", False)
    spine, vert = read(options, "spine.nii.gz"), read(options, "vert.nii.gz")
    result, wall, cpu = timed(lambda: perform_labeling_step(network, image, vert, spine))
    return [result], {"load": load, "wall": wall, "cpu": cpu}


def post(options: argparse.Namespace) -> Timed:
    """The combined clean-up without names."""
    import numpy as np
    from spineps.phase_post import phase_postprocess_combined

    spine, vert = read(options, "spine.nii.gz"), read(options, "vert.nii.gz")
    image = spine.set_array(np.zeros(spine.shape, np.float32), seg=False)
    result, wall, cpu = timed(
        lambda: phase_postprocess_combined(
            image, spine, vert, None, {}, labeling_offset=1, sacrum_ids=(26,), metal_ids=(80,)
        )
    )
    return list(result), {"load": 0.0, "wall": wall, "cpu": cpu}


def whole(options: argparse.Namespace) -> Timed:
    """From file to files, models loaded."""
    from spineps.seg_run import segment_image
    from TPTBox import BIDS_FILE, NII

    models, load, _ = timed(lambda: [model(options, kind) for kind in KINDS])
    with tempfile.TemporaryDirectory() as root:
        scan = BIDS_FILE(dataset_of_one(options.folder / "image.nii.gz", Path(root)), root)
        (paths, code), wall, cpu = timed(lambda: segment_image(scan, *models))
        if code.name != "OK":
            raise SystemExit(f"it ended with {code.name}")
        masks = [NII.load(paths[key], True) for key in ("out_spine", "out_vert")]
        masks = [mask.set_array(mask.get_array()) for mask in masks]  # before the files are gone
    return masks, {"load": load, "wall": wall, "cpu": cpu}


RUNS: dict[str, Callable[[argparse.Namespace], Timed]] = {
    "semantic": semantic,
    "instance": instance,
    "labeling": labeling,
    "post": post,
    "whole": whole,
}


def main() -> None:
    """Run the phase, store its masks, print what it took."""
    os.environ.setdefault("SPINEPS_NO_CITATION_REMINDER", "1")
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("phase", choices=list(RUNS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    import numpy as np
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    masks, spent = RUNS[options.phase](options)
    np.savez_compressed(
        options.out, *[np.zeros(0) if mask is None else mask.get_array() for mask in masks]
    )
    spent["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps(spent))


if __name__ == "__main__":
    main()
