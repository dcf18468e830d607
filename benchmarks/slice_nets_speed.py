"""spine-segmentation from slices to names, beside the original package: seconds, memory, labels.

    python benchmarks/slice_nets_speed.py IMAGE --folder FOLDER [--original-python PYTHON]

The networks have the released size (U-Net with ResNet-152) and seeded random weights; what they
find is added with a factor of 1e-9 to what the embedded ones find, so that there are vertebrae to
work on. Both programs get the same slices: 0.85 mm pixels, values from 0 to 1, as the original
neither resamples nor normalises. `--original-python` names a Python that has `spine-segmentation`
0.3.2; each program runs in a process of its own, one thread, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

import numpy as np

from benchmarks import EMBEDDED_PACKAGES
from benchmarks.timing.sizes import SEED

ROLES: Final = {"semantic": 3, "instance": 26}
"""Classes of each network."""
EMBEDDED: Final = {
    "semantic": "compact_Seg2_Unet_896px.onnx",
    "instance": "compact_Seg25_Unet_vert-only_896px_no-input-seg.onnx",
}
RELEASED: Final = {
    "semantic": "2023-09-12_Seg2_Unet_mitb5_896px.onnx",
    "instance": "2023-11-06_Seg25_Unet_mitb5_vert-only_896px_no-input-seg.onnx",
}
"""Names under which the original looks for its networks."""
RELEASE: Final = Path("spine-segmentation") / "onnx_models_1.0.0"
SHARE: Final = 1e-9
OPSET: Final = 17
ONE_PROCESSOR: Final = """
import os
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
"""
"""The original leaves the number of threads to onnxruntime, which waits busily."""
ORIGINAL: Final = """
import json, resource, shutil, sys, time
# it keeps what its networks said of an image there, and would not run them again
shutil.rmtree("/tmp/spine-segmentation-cache", ignore_errors=True)
import numpy as np
folder = sys.argv[1]
from spine_segmentation.inference.instance_segmentation import SegmentationInference
model = SegmentationInference()
start, used = time.perf_counter(), time.process_time()
found = model.segment(np.load(folder + "/slices.npy"))
"""
OURS: Final = """
import json, resource, sys, time
import numpy as np
folder, engine, numerics = sys.argv[1:]
from spineps_nipype.settings import EngineSettings
from spineps_nipype.spine_segmentation.inference import SegmentationInference
from spineps_nipype.spine_segmentation.settings import SpineSegmentationSettings
model = SegmentationInference(
    semantic_model=folder + "/semantic.onnx",
    instance_model=folder + "/instance.onnx",
    settings=SpineSegmentationSettings(numerics=numerics),
    num_threads=1,
    engine=EngineSettings(engine),
)
start, used = time.perf_counter(), time.process_time()
found = model.segment(np.load(folder + "/slices.npy"))
"""
REPORT: Final = """
print(json.dumps({
    "wall": time.perf_counter() - start,
    "cpu": time.process_time() - used,
    "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
}))
np.savez(
    folder + "/found.npz",
    semantic=found.semantic_segmentation,
    instance=found.instance_segmentation,
)
"""


def write_networks(folder: Path) -> None:
    """Write both networks; those that are there are kept."""
    for role, classes in ROLES.items():
        path = folder / f"{role}.onnx"
        if not path.is_file():
            small = EMBEDDED_PACKAGES.parent / "compact-spine-segmentation" / EMBEDDED[role]
            write_sum(small, classes, path)


def write_sum(small: Path, classes: int, path: Path) -> None:
    """Write a network of released size whose result is nearly that of a small one."""
    import onnx
    import torch
    from onnx import compose, helper, numpy_helper

    from benchmarks.timing.resnet_unet import ResNetUNet

    torch.manual_seed(SEED)
    raw = path.with_suffix(".part")
    torch.onnx.export(
        ResNetUNet(classes).eval(),
        (torch.zeros(1, 3, 320, 896),),
        str(raw),
        input_names=["slices"],
        output_names=["large"],
        dynamic_axes={name: {0: "n"} for name in ("slices", "large")},
        opset_version=OPSET,
        dynamo=False,
    )
    large, trained = onnx.load(str(raw)), onnx.load(str(small))
    raw.unlink()
    graph = compose.add_prefix(large, "large_").graph
    (given,), (found,) = trained.graph.input, trained.graph.output
    names = [found.name, graph.output[0].name]
    for node in graph.node:
        node.input[:] = [given.name if n == "large_slices" else n for n in node.input]
    nodes = [
        helper.make_node("Mul", [names[1], "share"], ["little"]),
        helper.make_node("Add", [names[0], "little"], ["output"]),
    ]
    share = numpy_helper.from_array(np.array(SHARE, np.float32), "share")
    output = helper.make_tensor_value_info("output", 1, (None, classes, 320, 896))
    joined = helper.make_graph(
        [*trained.graph.node, *graph.node, *nodes],
        "sum",
        [given],
        [output],
        [*trained.graph.initializer, *graph.initializer, share],
    )
    opset = helper.make_opsetid("", OPSET)
    onnx.save(helper.make_model(joined, opset_imports=[opset], ir_version=8), str(path))


def write_slices(image: Path, path: Path) -> None:
    """Slices of an image as both programs get them."""
    from spineps_nipype.core.images import load_image
    from spineps_nipype.spine_segmentation.inference import RAS
    from spineps_nipype.spine_segmentation.settings import SliceSettings
    from spineps_nipype.spine_segmentation.slices import prepare_slices

    turned = load_image(image).reorient(RAS)
    made = prepare_slices(turned.get_array(), SliceSettings(), spacing=turned.zoom)
    np.save(path, made.data[made.shown])


def measure(python: str, code: str, folder: Path, *words: str) -> dict[str, Any]:
    """Figures and labels of a program."""
    home = folder / "home"
    for role, name in RELEASED.items():
        link = home / ".config" / RELEASE / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.hardlink_to(folder / f"{role}.onnx")
    done = subprocess.run(
        [python, "-c", ONE_PROCESSOR + code + REPORT, str(folder), *words],
        env={**os.environ, "HOME": str(home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    with np.load(folder / "found.npz") as found:
        figures["labels"] = {role: found[role] for role in ROLES}
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="for networks and results")
    parser.add_argument("--original-python", metavar="PYTHON")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    write_networks(folder)
    write_slices(options.image, folder / "slices.npy")
    runs: dict[str, tuple[str, ...]] = {
        f"ours, {engine}, {numerics}": (sys.executable, OURS, engine, numerics)
        for engine, numerics in (
            ("torch", "original"),
            ("torch", "corrected"),
            ("openvino", "corrected"),
        )
    }
    if options.original_python:
        runs = {"spine-segmentation 0.3.2": (options.original_python, ORIGINAL), **runs}
    print(f"slices of {' x '.join(map(str, np.load(folder / 'slices.npy').shape))}")
    print("| program | CPU s | wall s | first CPU / CPU | peak GB | same classes | same ids |")
    print("|---|---|---|---|---|---|---|", flush=True)
    first: dict[str, Any] = {}
    for name, (python, code, *words) in runs.items():
        found = measure(python, code, folder, *words)
        first = first or found
        same = [f"{(first['labels'][r] == found['labels'][r]).mean():.6f}" for r in ROLES]
        print(
            f"| {name} | {found['cpu']:.1f} | {found['wall']:.1f} "
            f"| {first['cpu'] / found['cpu']:.2f} × | {found['gb']:.2f} | {' | '.join(same)} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
