"""One phase of SPINEPS 2.1.3, timed; runs in the environment of SPINEPS.

    python benchmarks/speed_reference.py PHASE FOLDER PACKAGES OUT [--tta]

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
from pathlib import Path

os.environ.setdefault("SPINEPS_NO_CITATION_REMINDER", "1")
warnings.filterwarnings("ignore")


def timed(function):
    """Result, wall seconds and CPU seconds of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def dataset_of_one(image, root):
    """Copy of an image in a dataset of its own."""
    folder = root / "rawdata" / "sub-x"
    folder.mkdir(parents=True)
    return Path(shutil.copy(image, folder / "sub-x_acq-sag_T2w.nii.gz"))


def main():
    """Run the phase, store its masks, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("phase", choices=["semantic", "instance", "labeling", "post", "whole"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tta", action="store_true")
    options = parser.parse_args()
    import numpy as np
    import torch
    from spineps.get_models import get_actual_model
    from TPTBox import NII

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    folder = options.folder

    def read(name, seg=True):
        return NII.load(folder / name, seg)

    def model(kind):
        return get_actual_model(options.packages / kind, use_cpu=True).load()

    load = 0.0
    if options.phase == "semantic":
        from spineps.phase_semantic import predict_semantic_mask

        network, load, _ = timed(lambda: model("semantic"))
        network.predictor.use_mirroring = options.tta
        image = read("image.nii.gz", False)
        off = {
            "proc_fill_3d_holes": False,
            "proc_clean_beyond_largest_bounding_box": False,
            "proc_clean_small_cc_artifacts": False,
        }
        result, wall, cpu = timed(lambda: predict_semantic_mask(image, network, {}, **off))
        masks = [result[0]]
    elif options.phase == "instance":
        from spineps.phase_instance import predict_instance_mask

        network, load, _ = timed(lambda: model("instance"))
        mask = read("model_spine.nii.gz")
        result, wall, cpu = timed(lambda: predict_instance_mask(mask, network, {}))
        masks = [result[0]]
    elif options.phase == "labeling":
        from spineps.phase_labeling import perform_labeling_step

        network, load, _ = timed(lambda: model("labeling"))
        image, spine, vert = read("image.nii.gz", False), read("spine.nii.gz"), read("vert.nii.gz")
        result, wall, cpu = timed(lambda: perform_labeling_step(network, image, vert, spine))
        masks = [result]
    elif options.phase == "whole":
        from spineps.seg_run import segment_image
        from TPTBox import BIDS_FILE

        kinds = ("semantic", "instance", "labeling")
        models, load, _ = timed(lambda: [model(kind) for kind in kinds])
        with tempfile.TemporaryDirectory() as root:
            scan = BIDS_FILE(dataset_of_one(folder / "image.nii.gz", Path(root)), root)
            (paths, code), wall, cpu = timed(lambda: segment_image(scan, *models))
            if code.name != "OK":
                raise SystemExit(f"it ended with {code.name}")
            masks = [NII.load(paths[key], True) for key in ("out_spine", "out_vert")]
            masks = [mask.set_array(mask.get_array()) for mask in masks]
    else:
        from spineps.phase_post import phase_postprocess_combined

        spine, vert = read("spine.nii.gz"), read("vert.nii.gz")
        image = spine.set_array(np.zeros(spine.shape, np.float32), seg=False)
        result, wall, cpu = timed(
            lambda: phase_postprocess_combined(
                image, spine, vert, None, {}, labeling_offset=1, sacrum_ids=(26,), metal_ids=(80,)
            )
        )
        masks = list(result)
    np.savez_compressed(
        options.out, *[np.zeros(0) if mask is None else mask.get_array() for mask in masks]
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"load": load, "wall": wall, "cpu": cpu, "peak_gb": peak}))


if __name__ == "__main__":
    main()
