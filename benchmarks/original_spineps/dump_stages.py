r"""Run SPINEPS 2.1.3 on one image and dump every stage; runs in the environment of SPINEPS.

    python benchmarks/original_spineps/dump_stages.py IMAGE OUT \
        --semantic DIR --instance DIR [--labeling DIR]

Writes `NN_stage.npz` (array, affine) and `stages.json` (lists, numbers, seconds, error code), as
`against_spineps.cases.Case` reads them. Knows nothing of this package.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Values = tuple[Any, ...]
Named = dict[str, Any]


def _nothing(*_: Any) -> None:
    """What a hook does that is not told otherwise."""


class Recorder:
    """Writes what hooked functions give."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.data: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}

    def put(self, name: str, value: Any) -> None:
        """Store an image or array as a file, anything else in `stages.json`."""
        import numpy as np

        if value is None:
            return
        if hasattr(value, "get_array"):
            content = {"array": value.get_array(), "affine": np.asarray(value.affine)}
            np.savez_compressed(self.out / f"{name}.npz", **content)
        elif isinstance(value, np.ndarray):
            np.savez_compressed(self.out / f"{name}.npz", array=value)
        else:
            self.data[name] = value

    def hook(
        self,
        modules: list[ModuleType],
        function: str,
        after: Callable[..., None] = _nothing,
        before: Callable[..., None] = _nothing,
    ) -> None:
        """Wrap a function of the first module wherever the modules know it.

        Parameters
        ----------
        after
            Called with the result, the positional and the named arguments.
        before
            Called with the positional and the named arguments.
        """
        original = getattr(modules[0], function)

        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before(args, kwargs)
            start = time.perf_counter()
            result = original(*args, **kwargs)
            spent = time.perf_counter() - start
            self.seconds[function] = self.seconds.get(function, 0.0) + spent
            after(result, args, kwargs)
            return result

        for module in modules:
            if hasattr(module, function):
                setattr(module, function, wrapped)


def plain(value: Any) -> Any:
    """The value in types that JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def watch(recorder: Recorder) -> None:
    """Hook every stage."""
    _watch_semantic(recorder)
    _watch_instance(recorder)
    _watch_post(recorder)


def _watch_semantic(recorder: Recorder) -> None:
    from spineps import phase_pre, phase_semantic, seg_model, seg_run

    put, hook = recorder.put, recorder.hook
    hook([seg_run, phase_pre], "preprocess_input", lambda r, *_: put("02_preprocessed", r[0]))
    hook(
        [seg_model],
        "run_inference",
        lambda r, *_: put("04_net_labels", r[0]),
        lambda a, _: put("03_net_input", a[0][0]),
    )
    hook([phase_semantic], "clean_cc_artifacts", lambda r, *_: put("05_sem_cc_clean", r))
    hook(
        [phase_semantic], "semantic_bounding_box_clean", lambda r, *_: put("06_sem_bbox_clean", r)
    )
    hook([seg_run], "predict_semantic_mask", lambda r, *_: put("07_semantic_modelres", r[0]))


def _watch_instance(recorder: Recorder) -> None:
    from spineps import phase_instance, seg_run

    put, hook = recorder.put, recorder.hook

    def predictions(result: Values, *_: Any) -> None:
        found = sorted((result[0] or {}).items())
        for (seed, place), one in found:
            put(f"11_pred_{int(seed):02d}_{int(place)}", one.mask)
        put(
            "11_predictions",
            [
                [int(seed), int(place), [[s.start, s.stop] for s in one.bbox], int(one.size)]
                for (seed, place), one in found
            ],
        )

    def couples(result: Named, *_: Any) -> None:
        put("12_couples", [[plain(group), float(dice)] for group, dice in result.items()])

    hook([phase_instance], "get_corpus_coms", lambda r, *_: put("10_corpus_coms", plain(r)))
    hook(
        [phase_instance],
        "collect_vertebra_predictions",
        predictions,
        lambda a, k: put("09_inst_input_crop", k["seg_nii"] if "seg_nii" in k else a[0]),
    )
    hook([phase_instance], "create_prediction_couples", couples)
    hook([phase_instance], "merge_coupled_predictions", lambda r, *_: put("13_merged", r[0]))
    hook([seg_run], "predict_instance_mask", lambda r, *_: put("14_instance_modelres", r[0]))


def _watch_post(recorder: Recorder) -> None:
    from spineps import phase_labeling, phase_post, seg_run

    put, hook = recorder.put, recorder.hook

    def path(result: Values, args: Values, kwargs: Named) -> None:
        given = kwargs["predictions"] if "predictions" in kwargs else args[0]
        soft = {int(number): plain(heads["soft"]) for number, heads in given.items()}
        cost, classes, labels, matrix = (plain(part) for part in result[:4])
        content = {"fcost": cost, "fpath": classes, "post": labels, "cost_matrix": matrix}
        put("27_path", plain({**content, "soft": soft}))

    def final(result: Values, *_: Any) -> None:
        put("31_seg_final", result[0])
        put("31_vert_final", result[1])

    hook([phase_post], "mask_cleaning_other", lambda r, *_: put("23_maskclean_seg", r[1]))
    hook(
        [phase_post],
        "label_instance_top_to_bottom",
        lambda r, *_: put("26_top_to_bottom", r[0]),
    )
    hook([phase_labeling], "find_vert_path_from_predictions", path)
    hook([phase_post, phase_labeling], "perform_labeling_step", lambda r, *_: put("28_labeled", r))
    hook([seg_run, phase_post], "phase_postprocess_combined", final)
    hook(
        [seg_run],
        "predict_centroids_from_both",
        lambda r, *_: put("40_centroids", {f"{v},{p}": plain(c) for v, p, c in r.items()}),
    )
    hook([seg_run], "mri_snapshot")


def main() -> None:
    """Run, and write the dumps."""
    os.environ.setdefault("SPINEPS_NO_CITATION_REMINDER", "1")
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--semantic", type=Path, required=True)
    parser.add_argument("--instance", type=Path, required=True)
    parser.add_argument("--labeling", type=Path)
    parser.add_argument("--arguments", default="{}", help="further arguments of SPINEPS (JSON)")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(options.threads)
    import torch
    from spineps import seg_run
    from spineps.get_models import get_actual_model
    from TPTBox import BIDS_FILE

    torch.set_num_threads(options.threads)
    recorder = Recorder(options.out)
    watch(recorder)
    raw = options.out / "dataset" / "rawdata"
    raw.mkdir(parents=True, exist_ok=True)
    suffix = ".nii.gz" if options.image.name.endswith(".gz") else ".nii"
    word = options.image.name.removesuffix(suffix).rpartition("_")[2]
    copy = Path(shutil.copy(options.image, raw / f"sub-x_{word}{suffix}"))
    folders = (options.semantic, options.instance, options.labeling)
    models = [f and get_actual_model(f.absolute(), use_cpu=True).load() for f in folders]
    reference = BIDS_FILE(copy, raw.parent, verbose=False)
    start = time.perf_counter()
    result = seg_run.segment_image(reference, *models, **json.loads(options.arguments))
    recorder.seconds["segment_image"] = time.perf_counter() - start
    content = {
        "data": recorder.data,
        "seconds": recorder.seconds,
        "errcode": result[-1].name,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    (options.out / "stages.json").write_text(json.dumps(content, indent=1))
    print(f"SPINEPS ended with {result[-1]}")


if __name__ == "__main__":
    main()
