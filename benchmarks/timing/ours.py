"""One phase of this package, or of stock nnU-Net, timed.

    python -m benchmarks.timing.ours PHASE FOLDER PACKAGES OUT [--tta] [--engine E] [--precision P]
                                                      [--device D] [--tiles T]

The last line printed is JSON with seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np

from benchmarks.original_spineps.timed_phase import KINDS, dataset_of_one, timed
from benchmarks.timing.inputs import IMAGE, MODEL_SPINE, SPINE, VERT
from benchmarks.timing.sizes import LABELS, MODEL_SPACING

Timed = tuple[list[np.ndarray], dict[str, float]]
"""Masks, and the seconds ``load``, ``wall`` and ``cpu``."""

ORIGINAL: Any = "spineps-2.1.3"
"""The numerics that give the masks of SPINEPS."""


def main() -> None:
    """Run the phase, store its masks, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("phase", choices=list(RUNS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tiles", default="all", choices=["all", "spine"])
    parser.add_argument("--engine", default="torch", choices=["torch", "openvino", "nnunet"])
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    options = parser.parse_args()
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    run = RUNS[options.phase]
    if options.engine == "nnunet":
        run = stock_nnunet
    masks, spent = run(options)
    np.savez_compressed(options.out, *masks)
    spent["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps(spent))


def _loaded(options: argparse.Namespace) -> tuple[Any, float]:
    from spineps_nipype.models import loading
    from spineps_nipype.models.package import load_package
    from spineps_nipype.settings import EngineSettings

    package = load_package(options.packages / options.phase)
    engine = EngineSettings(options.engine, options.precision)
    load = getattr(loading, f"load_{options.phase}")
    network, wall, _ = timed(lambda: load(package, device=options.device, engine=engine))
    return network, wall


def semantic(options: argparse.Namespace) -> Timed:
    """Resampling, network and resampling back, without clean-up: random weights leave only crumbs.

    In the numerics of SPINEPS, whose float16 sums decide many near ties of random weights.
    """
    from spineps_nipype.core.images import load_image
    from spineps_nipype.models.inference.semantic import load_semantic
    from spineps_nipype.models.spineps_packages import scout_package
    from spineps_nipype.spineps.semantic import segment_semantic
    from spineps_nipype.spineps.settings import SemanticSettings

    network, load = _loaded(options)
    scout = load_semantic(scout_package()) if options.tiles == "spine" else None
    image = load_image(options.folder / IMAGE, integer_voxels=True)
    settings = SemanticSettings(
        tta=options.tta,
        tiles=options.tiles,
        proc_fill_3d_holes=False,
        proc_sem_clean_beyond_largest_bounding_box=False,
        proc_sem_clean_small_cc_artifacts=False,
    )
    result, wall, cpu = timed(
        lambda: segment_semantic(image, network, settings, scout=scout, numerics=ORIGINAL)
    )
    return [result.mask.get_array()], {"load": load, "wall": wall, "cpu": cpu}


def instance(options: argparse.Namespace) -> Timed:
    """Seeds, cut-outs, network, merging."""
    from spineps_nipype.core.images import load_mask
    from spineps_nipype.errors import EmptyResultError
    from spineps_nipype.spineps.instance import segment_instances
    from spineps_nipype.spineps.settings import InstanceSettings

    network, load = _loaded(options)
    mask = load_mask(options.folder / MODEL_SPINE)

    def run() -> np.ndarray:
        try:
            result = segment_instances(mask, network, InstanceSettings())
            return np.asarray(result.get_array())
        except EmptyResultError:  # random weights may leave nothing
            return np.zeros(0)

    result, wall, cpu = timed(run)
    return [result], {"load": load, "wall": wall, "cpu": cpu}


def post(options: argparse.Namespace) -> Timed:
    """Combined clean-up without names, with the faults of SPINEPS, so that masks are equal."""
    from spineps_nipype.core.images import load_mask
    from spineps_nipype.spineps.discs import finalize_masks
    from spineps_nipype.spineps.postprocess import reconcile
    from spineps_nipype.spineps.settings import PostSettings

    spine, vert = load_mask(options.folder / SPINE), load_mask(options.folder / VERT)
    image = spine.set_array(np.zeros(spine.shape, np.float32), seg=False)

    def run() -> Any:
        found = reconcile(
            spine, vert, image, PostSettings(), has_c1=False, is_ct=False, numerics=ORIGINAL
        )
        return finalize_masks(found.spine, found.vert, found.crop, numerics=ORIGINAL)

    result, wall, cpu = timed(run)
    masks = [mask.get_array() for mask in result]
    return masks, {"load": 0.0, "wall": wall, "cpu": cpu}


def labeling(options: argparse.Namespace) -> Timed:
    """Patches, network and names of the vertebrae."""
    from spineps_nipype.core.images import load_image, load_mask
    from spineps_nipype.spineps.labeling import label_vertebrae
    from spineps_nipype.spineps.settings import LabelingSettings

    network, load = _loaded(options)
    image = load_image(options.folder / IMAGE, integer_voxels=True)
    spine, vert = load_mask(options.folder / SPINE), load_mask(options.folder / VERT)
    everything = (slice(None), slice(None), slice(None))
    result, wall, cpu = timed(
        lambda: label_vertebrae(
            spine,
            vert,
            image,
            everything,
            network,
            LabelingSettings(),
            c1_enabled=False,
            numerics=ORIGINAL,
        )
    )
    return [result.vert.get_array()], {"load": load, "wall": wall, "cpu": cpu}


def whole(options: argparse.Namespace) -> Timed:
    """From file to files, models loaded: the call that a user of SPINEPS makes."""
    from TPTBox import BIDS_FILE

    from spineps_nipype.core.images import load_mask
    from spineps_nipype.dropin import get_actual_model, segment_image
    from spineps_nipype.settings import EngineSettings

    engine = EngineSettings(options.engine, options.precision)

    def load() -> list[Any]:
        folders = [options.packages / kind for kind in KINDS]
        return [
            get_actual_model(f, use_cpu=options.device == "cpu", engine=engine).load()
            for f in folders
        ]

    models, seconds, _ = timed(load)
    with tempfile.TemporaryDirectory() as root:
        scan = BIDS_FILE(dataset_of_one(options.folder / IMAGE, Path(root)), root, verbose=False)
        # the call of SPINEPS has no word for tiles
        with patch("spineps_nipype.dropin.pipeline.chosen_tiles", lambda *_: options.tiles):
            result, wall, cpu = timed(lambda: segment_image(scan, *models, numerics=ORIGINAL))
        assert len(result) == 2  # files and a code; masks come only if they are asked for
        paths, code = result
        if code.name != "OK":
            raise SystemExit(f"it ended with {code.name}")
        masks = [load_mask(paths[key]).get_array() for key in ("out_spine", "out_vert")]
    return masks, {"load": seconds, "wall": wall, "cpu": cpu}


def stock_nnunet(options: argparse.Namespace) -> Timed:
    """The semantic network by nnU-Net's own predictor, on the image at the model's spacing."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from spineps_nipype.core.geometry import rescale
    from spineps_nipype.core.images import load_image

    package = options.packages / "semantic"
    predictor = nnUNetPredictor(
        use_mirroring=options.tta,
        perform_everything_on_device=False,
        device=torch.device(options.device),
        allow_tqdm=False,
    )
    _, load, _ = timed(
        lambda: predictor.initialize_from_trained_model_folder(
            str(package), use_folds=(0,), checkpoint_name="checkpoint_final.pth"
        )
    )
    image = load_image(options.folder / IMAGE).reorient(("P", "I", "R"))

    def run() -> np.ndarray:
        grid = rescale(image, MODEL_SPACING)
        array = grid.get_array().astype(np.float32).T[None]
        spacing = [float(z) for z in grid.zoom[::-1]]
        labels = predictor.predict_single_npy_array(array, {"spacing": spacing}, None, None, False)
        return np.asarray(labels).T

    result, wall, cpu = timed(run)
    table = np.array([0, *LABELS])
    return [table[result]], {"load": load, "wall": wall, "cpu": cpu}


RUNS: Final = {
    "semantic": semantic,
    "instance": instance,
    "labeling": labeling,
    "post": post,
    "whole": whole,
}

if __name__ == "__main__":
    main()
