"""Measure how results fall with damage: noise, blur, motion, thick slices, crops, metal.

    python benchmarks/robustness.py BIDS_WITH_MASKS --out DIR [options of spineps-wf]
    python benchmarks/robustness.py SPIDER --out DIR --held-out --grades 2 4
    python benchmarks/robustness.py SPIDER --out DIR --subjects 007 --damages noise thick

Each scan that has a truth mask is damaged in each way and grade (`phantom/damage.py`), with its
mask; the new scans are a dataset of their own in DIR/scans, a session each, which goes through
the pipeline as for `accuracy.py`. What is there is reused. DIR gets the tables of
`accuracy.py`, and

- `robustness.tsv`: every scan, damage, grade and measure: Dice of vertebra, disc and canal, share
  of the vertebrae that are found, and of those that have their right name,
- `robustness.md`: means,
- `robustness.png`: a curve for each damage.

`python benchmarks/trust.py DIR/scans --out DIR` says whether the results know how bad they are.

Exit status as of `accuracy.py`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.damaged_dataset import MASKS, WHOLE, Wish, write_damaged
from benchmarks.against_truth.dataset import (
    WRONG_USAGE,
    dataset_parser,
    measure_dataset,
    pipeline_options,
)
from benchmarks.against_truth.label_sets import find_sets
from benchmarks.against_truth.robustness import points_of, write_robustness
from benchmarks.against_truth.selection import choose_scans
from benchmarks.against_truth.summary import write_tables
from spineps_nipype.errors import SpinepsError
from spineps_nipype.phantom.damage import DAMAGES

SCANS = "scans"
"""Folder of the damaged dataset."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Damage, run the pipeline, measure, write; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = dataset_parser("robustness.py", __doc__, Path("robustness"))
    parser.add_argument("--damages", nargs="+", choices=DAMAGES, default=list(DAMAGES))
    parser.add_argument(
        "--grades",
        nargs="+",
        type=int,
        default=[1, 2, 3, 4],
        metavar="N",
        help="which of the usual grades of each damage, from 1, the mildest (default: all)",
    )
    own, rest = parser.parse_known_args(given)
    try:
        wishes = wishes_of(own.damages, own.grades)
        options = pipeline_options(own, rest)
        pairs, _ = choose_scans(options, own.derivative)
        root = own.out.expanduser().absolute() / SCANS
        left = write_damaged(pairs, find_sets(own.label_sets), wishes, own.bids, root)
        damaged = argparse.Namespace(
            **{**vars(own), "bids": root, "derivative": MASKS, "held_out": False}
        )
        found = measure_dataset(damaged, rest)
    except SpinepsError as fault:
        print(f"Nothing was measured: {fault}", file=sys.stderr)
        return WRONG_USAGE
    if found.dry is not None:
        return found.dry
    command = shlex.join(["benchmarks/robustness.py", *given])
    write_tables(own.out, [*found.measured, *found.skipped], command)
    write_robustness(own.out, points_of(found.measured, wishes), left, command)
    print(f"{len(found.measured)} scans are measured: {own.out / 'robustness.md'}")
    return found.exit_status


def wishes_of(kinds: Sequence[str], numbers: Sequence[int]) -> list[Wish]:
    """The whole scan, and each kind of damage in the grades of these numbers."""
    wishes = [Wish(WHOLE, 0, 0.0)]
    for kind in kinds:
        grades = DAMAGES[kind].grades
        wishes += [
            Wish(kind, number, grades[number - 1])
            for number in sorted(set(numbers))
            if 0 < number <= len(grades)
        ]
    return wishes


if __name__ == "__main__":
    raise SystemExit(main())
