"""Seconds, memory and labels of the phases beside SPINEPS 2.1.3 and stock nnU-Net.

    python benchmarks/speed.py FOLDER [--case small lumbar spine] [--phase ...] [--tta]
                               [--packages sized widened compact] [--program ...] [--again]
                               [--masks SPINE VERT] [--threads 2] [--write table.md]
    python benchmarks/speed.py FOLDER --dataset 4

Both programs read the same files and the same packages: networks of the released sizes with
seeded random weights (sized) or with those of the embedded networks inside (widened), or the
embedded ones (compact). Each phase runs in a process of its own, one after the other, so that
both see the same machine; SPINEPS runs in an environment that this script makes. What is measured
is kept and not measured again. CPU seconds depend less on other load than wall seconds do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

import numpy as np

from benchmarks.speed_dataset import dataset_table, measure_dataset
from benchmarks.speed_packages import (
    CASES,
    PACKAGES,
    write_faulty,
    write_inputs,
    write_packages,
)
from benchmarks.spineps_env import FOLDER, reference_python

HERE: Final = Path(__file__).resolve().parent
PHASES: Final = ("semantic", "instance", "labeling", "post", "whole")
REFERENCE: Final = "SPINEPS 2.1.3"
NNUNET: Final = "nnU-Net"
NETWORKS: Final = {
    "torch float32": ("torch", "float32"),
    "openvino float32": ("openvino", "float32"),
    "torch bfloat16": ("torch", "bfloat16"),
    "openvino bfloat16": ("openvino", "bfloat16"),
}
CASE_OF_MASKS: Final = "given masks"
LIBRARIES: Final = ("torch", "openvino", "nnunetv2", "numpy", "spineps-nipype")


@dataclass(frozen=True)
class Row:
    """One program on one phase; `agreement` is the share of voxels labelled as SPINEPS does."""

    case: str
    phase: str
    program: str
    wall: float = 0.0
    cpu: float = 0.0
    load: float = 0.0
    peak_gb: float = 0.0
    agreement: float | None = None
    fault: str = ""


@dataclass(frozen=True)
class Plan:
    """What is measured on one case.

    Parameters
    ----------
    folder
        Inputs of the case; results are kept in it.
    packages
        Folder with a package of each phase.
    python
        Python that has SPINEPS.
    programs
        Names of those that run, all when empty.
    """

    folder: Path
    case: str
    packages: Path
    python: Path
    threads: int
    tta: bool = False
    programs: Sequence[str] = ()
    again: bool = False

    def commands(self, phase: str) -> dict[str, list[str]]:
        """Command of each program for a phase."""
        found = {REFERENCE: [str(self.python), str(HERE / "speed_reference.py")]}
        own = [sys.executable, str(HERE / "speed_ours.py")]
        if phase == "post":
            return {**found, "ours": own}
        if phase == "semantic":
            found[NNUNET] = [*own, "--engine", "nnunet"]
        for name, (engine, precision) in NETWORKS.items():
            found[name] = [*own, "--engine", engine, "--precision", precision]
        return {n: c for n, c in found.items() if not self.programs or n in self.programs}


def measure(plan: Plan, phases: Sequence[str]) -> list[Row]:
    """All programs on the phases of one case."""
    rows: list[Row] = []
    for phase in phases:
        reference: list[np.ndarray] | None = None
        for name, command in plan.commands(phase).items():
            word = f"{plan.packages.name}_{phase}{'_tta' if plan.tta else ''}"
            out = plan.folder / f"{word}_{name.replace(' ', '_')}.npz"
            spent = _stored(out) if not plan.again else None
            if spent is None:
                spent = _run(plan, command, phase, out)
            masks = _masks(out)
            if name == REFERENCE:
                reference = masks
            title = phase + (" tta" if plan.tta else "")
            case = plan.case if phase == "post" else f"{plan.case}, {plan.packages.name}"
            rows.append(Row(case, title, name, **spent, agreement=_same(masks, reference)))
            print(_line(rows[-1], rows), flush=True)
    return rows


def _stored(out: Path) -> dict[str, Any] | None:
    """Seconds and memory of an earlier run that went well."""
    try:
        found: dict[str, Any] = json.loads(out.with_suffix(".json").read_text())
    except (OSError, ValueError):
        return None
    return found if out.is_file() else None


def _masks(out: Path) -> list[np.ndarray] | None:
    if not out.is_file():
        return None
    with np.load(out) as stored:
        return [stored[name] for name in stored.files]


def _run(plan: Plan, command: list[str], phase: str, out: Path) -> dict[str, Any]:
    """Run a program; seconds and memory, and the last line of its message if it failed."""
    for old in (out, out.with_suffix(".json")):
        old.unlink(missing_ok=True)
    extra = ["--tta"] if plan.tta and phase == "semantic" else []
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(plan.threads),
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(plan.threads),
        "SPINEPS_NIPYPE_CACHE": str(plan.folder.parent / "cache"),
        "nnUNet_n_proc_DA": "1",
    }
    done = subprocess.run(
        [*command, phase, str(plan.folder), str(plan.packages), str(out), *extra],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        fault = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"fault": fault}
    spent = json.loads(done.stdout.strip().splitlines()[-1])
    out.with_suffix(".json").write_text(json.dumps(spent))
    return dict(spent)


def _same(masks: list[np.ndarray] | None, reference: list[np.ndarray] | None) -> float | None:
    """Share of equal voxels, None where the masks cannot be compared."""
    if masks is None or reference is None:
        return None
    pairs = list(zip(masks, reference, strict=True))
    if any(a.shape != b.shape or a.size == 0 for a, b in pairs):
        return None
    return float(np.mean([(a == b).mean() for a, b in pairs]))


def _line(row: Row, rows: Sequence[Row]) -> str:
    """Row of the table; the ratio is that of CPU seconds."""
    if row.fault:
        return f"| {row.case} | {row.phase} | {row.program} | failed: {row.fault} | | | | |"
    base = next(
        (r for r in rows if (r.case, r.phase, r.program) == (row.case, row.phase, REFERENCE)), None
    )
    ratio = f"{base.cpu / row.cpu:.2f} ×" if base and base.cpu and row.cpu else ""
    same = "" if row.agreement is None else f"{row.agreement:.6f}"
    return (
        f"| {row.case} | {row.phase} | {row.program} | {row.cpu:.2f} | {row.wall:.1f} | {ratio} "
        f"| {row.peak_gb:.2f} | {same} |"
    )


def table(rows: Sequence[Row]) -> str:
    """Markdown table of all rows, with the machine and versions above it."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    head = (
        f"{date.today()}, {_processor()}, {os.cpu_count()} processors, load "
        f"{os.getloadavg()[0]:.0f} at the end; Python {platform.python_version()}, {versions}.\n\n"
        "| case | phase | program | CPU s | wall s | SPINEPS CPU / CPU | peak GB | same labels |"
        "\n|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(_line(row, rows) for row in rows) + "\n"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 1 if a program failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where packages, inputs and results go")
    parser.add_argument("--case", nargs="*", choices=list(CASES), default=["lumbar"])
    parser.add_argument("--phase", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--packages", nargs="+", choices=list(PACKAGES), default=["sized"])
    parser.add_argument("--program", nargs="+", default=[], help="only these (default: all)")
    parser.add_argument("--again", action="store_true", help="measure what is there again")
    parser.add_argument("--dataset", type=int, metavar="N", help="N scans with 2 workers")
    parser.add_argument("--tta", action="store_true", help="average over mirrored inputs")
    parser.add_argument(
        "--masks", nargs=2, type=Path, metavar=("SPINE", "VERT"), help="also clean these masks up"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--spineps-env", type=Path, default=FOLDER, help="environment of SPINEPS; made when absent"
    )
    parser.add_argument("--write", type=Path, help="file for the table (Markdown)")
    options = parser.parse_args(arguments)
    root = options.folder.absolute()
    if options.dataset:
        text = dataset_table(measure_dataset(root, options.dataset))
        print(text)
        return 0
    python = reference_python(options.spineps_env.absolute())
    rows: list[Row] = []
    for kind in options.packages:
        write_packages(kind, root / kind)
        for case in options.case:
            folder = root / case
            if not (folder / "vert.nii.gz").is_file():
                write_inputs(folder, case)
            plan = Plan(
                folder,
                case,
                root / kind,
                python,
                options.threads,
                options.tta,
                options.program,
                options.again,
            )
            rows += measure(plan, options.phase)
    if options.masks:
        import nibabel as nib

        images = [nib.load(path) for path in options.masks]
        spine, vert = (np.asarray(image.dataobj) for image in images)
        write_faulty(spine, vert, images[0].affine, root / "masks")
        plan = Plan(root / "masks", CASE_OF_MASKS, root, python, options.threads)
        rows += measure(plan, ["post"])
    text = table(rows)
    if options.write:
        options.write.write_text(text)
    print(text)
    return 1 if any(row.fault for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
