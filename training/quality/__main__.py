"""Compute the cases of the expected Dice.

    python -m training.quality PACKAGE --real BIDS_WITH_MASKS --rounds 60 --out DIR

A round is a SPIDER scan of each half, every second one a phantom of each half as well. DIR/cases
keeps what is computed, and a second run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from spineps_nipype.models.engine_choice import choose_engine
from spineps_nipype.models.loading import load_semantic
from spineps_nipype.models.package import load_package
from spineps_nipype.models.spineps_packages import scout_package
from spineps_nipype.settings import EngineSettings
from training.common.options import add_real_scans, add_threads
from training.quality.cases import FIT, PHANTOM, REAL, TEST, draw_case, subjects_of
from training.quality.collect import compute

PHANTOM_ROUNDS = 2
"""Phantoms, which take twice as long as scans, come in every so-manieth round."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path)
    add_real_scans(parser)
    add_threads(parser)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--halves", nargs="+", choices=(FIT, TEST), default=(FIT, TEST))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    folder = options.out / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    engine = choose_engine(EngineSettings(), "cpu")
    network = load_semantic(load_package(options.package), engine=engine)
    scout = load_semantic(scout_package())
    subjects = {half: subjects_of(half, options.real) for half in (FIT, TEST)}
    for number in range(options.rounds):
        for source in (REAL,) if number % PHANTOM_ROUNDS else (REAL, PHANTOM):
            for half in options.halves:
                case = draw_case(half, source, number, subjects[half])
                if (folder / f"{case.name}.npz").is_file():
                    continue
                said = compute(case, options.real, network, scout, folder)
                print(case.name, json.dumps(said["dice"]), said.get("fault", ""), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
