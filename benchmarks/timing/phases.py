"""Runs of the programs on the phases of a case, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import ROOT
from benchmarks.original_spineps import timed_phase
from benchmarks.timing import ours
from spineps_nipype.models.engine_choice import has_bfloat16

PHASES: Final = tuple(timed_phase.RUNS)
REFERENCE: Final = "SPINEPS 2.1.3"
NNUNET: Final = "nnU-Net"
NETWORKS: Final = {
    "torch float32": ("torch", "float32", "all"),
    "openvino float32": ("openvino", "float32", "all"),
    "torch float32 at the spine": ("torch", "float32", "spine"),
    "openvino float32 at the spine": ("openvino", "float32", "spine"),
    "torch bfloat16": ("torch", "bfloat16", "all"),
    "openvino bfloat16": ("openvino", "bfloat16", "all"),
}
"""Engine, precision and tiles of our programs, by name."""
WITH_TILES: Final = ("semantic", "whole")
"""Phases for which tiles make a difference."""
INSTRUCTIONS: Final = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    }
}
"""Variables by which libraries leave out what a processor has beyond some instructions."""


@dataclass(frozen=True)
class Row:
    """One program on one phase.

    Parameters
    ----------
    wall, cpu, load
        Seconds of the phase by the clock and of all processors, and of loading the package.
    agreement
        Share of voxels that have the label which SPINEPS gives them.
    fault
        Why it failed; empty if it did not.
    """

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
        Folder with a package for each phase.
    python
        Python that has SPINEPS.
    tta
        Average the semantic network over mirrored inputs.
    programs
        Names of those that run; all if empty.
    again
        Measure again what is stored.
    device
        Where networks run.
    isa
        Instructions that the libraries may use, one of `INSTRUCTIONS`; empty for all.
    """

    folder: Path
    case: str
    packages: Path
    python: Path
    threads: int
    tta: bool = False
    programs: Sequence[str] = ()
    again: bool = False
    device: str = "cpu"
    isa: str = ""

    def commands(self, phase: str) -> dict[str, list[str]]:
        """Command of each program for a phase."""
        device = ["--device", self.device]
        found = {REFERENCE: [str(self.python), timed_phase.__file__, *device]}
        own = [sys.executable, "-m", ours.__name__]
        if phase == "post":
            return {**found, "ours": own}
        if phase == "semantic":
            found[NNUNET] = [*own, "--engine", "nnunet"]
        for name, (engine, precision, tiles) in NETWORKS.items():
            if engine == "openvino" and self.device != "cpu":
                continue
            if tiles == "spine" and phase not in WITH_TILES:
                continue
            if precision == "bfloat16" and (self.isa or not has_bfloat16(self.device)):
                continue
            words = ["--engine", engine, "--precision", precision, "--tiles", tiles]
            found[name] = [*own, *words, *device]
        return {n: c for n, c in found.items() if not self.programs or n in self.programs}


def measure(plan: Plan, phases: Sequence[str]) -> Iterator[Row]:
    """All programs on the phases of one case, one after another."""
    for phase in phases:
        reference: list[np.ndarray] | None = None
        for name, command in plan.commands(phase).items():
            marks = ["tta"] * plan.tta + [plan.isa] * bool(plan.isa)
            marks += [plan.device] * (plan.device != "cpu")
            kind = "_".join((plan.packages.name, phase, *marks))
            out = plan.folder / f"{kind}_{name.replace(' ', '_')}.npz"
            spent = stored(out) if not plan.again else None
            if spent is None:
                spent = _run(plan, command, phase, out)
            masks = _masks(out)
            if name == REFERENCE:
                reference = masks
            title = " ".join((phase, *marks))
            case = plan.case if phase == "post" else f"{plan.case}, {plan.packages.name}"
            yield Row(case, title, name, **spent, agreement=_agreement(masks, reference))


def stored(out: Path) -> dict[str, Any] | None:
    """Seconds and memory of an earlier run that ended well."""
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
    """Run a program; its seconds and memory, or the last line of its message if it failed."""
    for old in (out, out.with_suffix(".json")):
        old.unlink(missing_ok=True)
    extra = ["--tta"] if plan.tta and phase == "semantic" else []
    environment = {
        **os.environ,
        **INSTRUCTIONS.get(plan.isa, {}),
        "OMP_NUM_THREADS": str(plan.threads),
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(plan.threads),
        "SPINEPS_NIPYPE_CACHE": str(plan.folder.parent / "cache"),
        "nnUNet_n_proc_DA": "1",
    }
    done = subprocess.run(
        [*command, phase, str(plan.folder), str(plan.packages), str(out), *extra],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        fault = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"fault": fault}
    spent = json.loads(done.stdout.strip().splitlines()[-1])
    out.with_suffix(".json").write_text(json.dumps(spent))
    return dict(spent)


def _agreement(masks: list[np.ndarray] | None, reference: list[np.ndarray] | None) -> float | None:
    """Share of equal voxels, None where the masks cannot be compared."""
    if masks is None or reference is None:
        return None
    pairs = list(zip(masks, reference, strict=True))
    if any(a.shape != b.shape or a.size == 0 for a, b in pairs):
        return None
    return float(np.mean([(a == b).mean() for a, b in pairs]))
