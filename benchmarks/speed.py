"""Seconds, memory and labels of the phases beside SPINEPS 2.1.3 and stock nnU-Net.

    python benchmarks/speed.py FOLDER [--case small lumbar spine] [--phase ...] [--tta]
                               [--packages sized widened compact] [--program ...] [--again]
                               [--masks SPINE VERT] [--threads 2] [--write table.md]
                               [--device cuda] [--isa avx2]
    python benchmarks/speed.py FOLDER --dataset 4

Both programs read the same files and the same packages: networks of the released sizes with
seeded random weights (sized) or with those of the embedded networks inside (widened), or the
embedded ones (compact). Each phase runs in a process of its own, one after another, so that both
programs have the machine for themselves; SPINEPS runs in an environment that this script makes.
Results are kept and not measured again. CPU seconds depend less on other load than wall seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

import numpy as np

from benchmarks.original_spineps.environment import FOLDER, reference_python
from benchmarks.timing.dataset import dataset_table, measure_dataset
from benchmarks.timing.inputs import CASES, VERT, write_faulty, write_inputs
from benchmarks.timing.packages import PACKAGES, write_packages
from benchmarks.timing.phases import INSTRUCTIONS, PHASES, Plan, Row, measure
from benchmarks.timing.table import line, table

CASE_OF_MASKS: Final = "given masks"


def _measured(plan: Plan, phases: Sequence[str]) -> list[Row]:
    """Rows of a plan, each printed as soon as it is measured."""
    rows: list[Row] = []
    for row in measure(plan, phases):
        rows.append(row)
        print(line(row, rows), flush=True)
    return rows


def _masks_plan(root: Path, masks: Sequence[Path], python: Path, threads: int) -> Plan:
    """Plan of the clean-up of given masks, which are made faulty first."""
    import nibabel as nib

    images = [nib.load(path) for path in masks]
    spine, vert = (np.asarray(image.dataobj) for image in images)
    write_faulty(spine, vert, images[0].affine, root / "masks")
    return Plan(root / "masks", CASE_OF_MASKS, root, python, threads)


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
    parser.add_argument("--again", action="store_true", help="measure again what is stored")
    parser.add_argument(
        "--dataset", type=int, metavar="N", help="N scans with 2 workers, and one by one"
    )
    parser.add_argument("--tta", action="store_true", help="average over mirrored inputs")
    parser.add_argument(
        "--masks", nargs=2, type=Path, metavar=("SPINE", "VERT"), help="also clean these masks up"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--device", default="cpu", help="cpu, or cuda: float32 and bfloat16 by torch, wall seconds"
    )
    parser.add_argument(
        "--isa", choices=list(INSTRUCTIONS), default="", help="leave out newer instructions"
    )
    parser.add_argument(
        "--spineps-env", type=Path, default=FOLDER, help="environment of SPINEPS; made if absent"
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
            if not (folder / VERT).is_file():
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
                options.device,
                options.isa,
            )
            rows += _measured(plan, options.phase)
    if options.masks:
        rows += _measured(_masks_plan(root, options.masks, python, options.threads), ["post"])
    text = table(rows)
    if options.write:
        options.write.write_text(text)
    print(text)
    return 1 if any(row.fault for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
