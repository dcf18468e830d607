"""TotalSpineSeg from file to files, beside the original package: seconds and memory.

    python benchmarks/totalspineseg_speed.py IMAGE --folder FOLDER [--original COMMAND]

The networks have the size of a release (PlainConvUNet, 32 to 320 features, patches of 256 x 256 x
48) and hold the embedded ones, turned to the axes of the original; the rest of their weights is
random. Turning a strided network is not exact, so that masks are a voxel off: good enough for
discs to be numbered. `--original` is the command `totalspineseg` (20251028) of another environment
with nnU-Net. Both run on one processor, one after the other, pictures included; seconds are those
of all processes. The original needs `--no-stalling`, as its pictures wait for ever otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

import numpy as np

from benchmarks import EMBEDDED_PACKAGES
from benchmarks.many_scans import COMMAND_LINE
from benchmarks.timing.sizes import SEED
from benchmarks.timing.widened import FEATURES, widen_semantic
from spineps_nipype.bids.made_datasets import describe_made

DATASETS: Final = {
    "Dataset101_TotalSpineSeg_step1": ("MRI",),
    "Dataset102_TotalSpineSeg_step2": ("MRI", "noNorm"),
}
"""Folders of both steps, and their channels."""
PATCH: Final = (256, 256, 48)
"""Tile in the axes of the original (S, A, R); that of the release r20251124."""
TURNED: Final = (1, 2, 0)
"""Axes of the embedded networks (R, I, P) in the order of those of the original."""
CASE: Final = "sub-x_T2w"


@dataclass(frozen=True)
class Spent:
    """Cost of a command: seconds by the clock and of all processors, and the largest process."""

    wall: float
    cpu: float
    gb: float


def write_packages(results: Path) -> None:
    """Write both packages; those that are there are kept."""
    for name, channels in DATASETS.items():
        if not (results / name).is_dir():
            _write_package(results / name, channels)


def _write_package(folder: Path, channels: Sequence[str]) -> None:
    """The embedded package with a larger, turned network and larger tiles."""
    import torch

    from spineps_nipype.models.export import write_semantic_package
    from spineps_nipype.models.networks.semantic_unet import build_semantic_unet
    from spineps_nipype.models.safe_load import load_checkpoint

    (home,) = (EMBEDDED_PACKAGES.parent / "compact-totalspineseg" / folder.name).iterdir()
    plans = json.loads((home / "plans.json").read_text(encoding="utf-8"))
    dataset = json.loads((home / "dataset.json").read_text(encoding="utf-8"))
    configuration = plans["configurations"]["3d_fullres"]
    described: dict[str, Any] = deepcopy(configuration["architecture"])
    sizes = described["arch_kwargs"]
    sizes["features_per_stage"] = list(FEATURES)
    for key in ("kernel_sizes", "strides"):
        sizes[key] = [[values[axis] for axis in TURNED] for values in sizes[key]]
    trained = load_checkpoint(home / "fold_0" / "checkpoint_final.pth")["network_weights"]
    turned = {name: _turned(value) for name, value in trained.items()}
    torch.manual_seed(SEED)
    outputs = len(dataset["regions_class_order"])
    network = build_semantic_unet({"architecture": described}, len(channels), outputs, "speed")
    widen_semantic(network.eval(), turned)
    target = folder / home.name
    write_semantic_package(
        target,
        [network],
        config={},
        architecture=described,
        patch_size=PATCH,
        spacing=(1.0, 1.0, 1.0),
        class_names=list(dataset["labels"]),
        channels=len(channels),
    )
    (target / "inference_config.json").unlink()  # as in a release: axes are those of the original
    configuration.update(architecture=described, patch_size=list(PATCH))
    key = "foreground_intensity_properties_per_channel"
    plans[key] = json.loads((target / "plans.json").read_text(encoding="utf-8"))[key]
    for name, content in (("plans.json", plans), ("dataset.json", dataset)):
        (target / name).write_text(json.dumps(content, indent=2), encoding="utf-8")


def _turned(value: Any) -> Any:
    """Weights for the axes S, A, R instead of R, I, P."""
    if value.dim() != 5:
        return value
    return value.float().permute(0, 1, *(2 + axis for axis in TURNED)).flip(2, 3)


def run(command: Sequence[str], log: Path) -> Spent:
    """Run a command on one processor.

    Raises
    ------
    SystemExit
        If it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    processor = {max(os.sched_getaffinity(0))}
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "nnUNet_n_proc_DA": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, processor),
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed; see {log}.")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(time.monotonic() - start, cpu, after.ru_maxrss * 1024 / 1e9)


def labels_of(folder: Path) -> np.ndarray | None:
    """Label map of step 2 in the folders of a run."""
    import nibabel as nib

    found = sorted((folder / "step2_output").glob(f"{CASE}*.nii.gz"))
    return np.asarray(nib.load(found[0]).dataobj) if found else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="for networks and results")
    parser.add_argument("--original", metavar="COMMAND")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    data, bids = folder / "data", folder / "bids"
    write_packages(data / "nnUNet" / "results")
    scan = bids / "sub-x" / "anat" / f"{CASE}.nii.gz"
    scan.parent.mkdir(parents=True, exist_ok=True)
    describe_made(bids, "One scan")
    shutil.copyfile(options.image, scan)

    def original(out: Path) -> list[str]:
        words = [str(scan), str(out), "-d", str(data), "--device", "cpu", "--no-stalling"]
        return [options.original, *words, "-w", "1", "--max-workers-nnunet", "1"]

    def ours(engine: str, numerics: str) -> Callable[[Path], list[str]]:
        def command(out: Path) -> list[str]:
            words = ["--tss-data", str(data), "--engine", engine, "-w", f"{out}-work"]
            words += ["--totalspineseg-numerics", numerics, "--plugin", "Linear"]
            start = [sys.executable, "-c", COMMAND_LINE, str(bids), str(out), "participant"]
            return [*start, "--pipeline", "totalspineseg", "--omp-nthreads", "1", *words]

        return command

    runs: dict[str, Callable[[Path], list[str]]] = {
        f"ours, {engine}, {numerics}": ours(engine, numerics)
        for engine, numerics in (
            ("torch", "original"),
            ("torch", "corrected"),
            ("openvino", "corrected"),
        )
    }
    if options.original:
        runs = {"totalspineseg": original, **runs}
    print("| program | CPU s | wall s | first CPU / CPU | peak GB | same labels |")
    print("|---|---|---|---|---|---|", flush=True)
    first: tuple[Spent, np.ndarray | None] | None = None
    for number, (name, command) in enumerate(runs.items()):
        out = folder / f"out-{number}"
        for old in (out, Path(f"{out}-work")):
            shutil.rmtree(old, ignore_errors=True)
        spent = run(command(out), folder / f"out-{number}.log")
        below = out / "totalspineseg"
        labels = labels_of(below if below.is_dir() else out)
        first = first or (spent, labels)
        same = "–"
        if first[1] is not None and labels is not None:
            same = f"{np.mean(first[1] == labels):.6f}"
        print(
            f"| {name} | {spent.cpu:.1f} | {spent.wall:.1f} | {first[0].cpu / spent.cpu:.2f} × "
            f"| {spent.gb:.2f} | {same} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
