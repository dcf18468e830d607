"""Make a dataset of synthetic spines with truth masks, for the benchmarks that need one.

    python benchmarks/phantoms.py OUT [--kinds lumbar whole ...] [--count N] [--first SEED]

Every kind gets `--count` scans, sagittal T2w of 1 x 1 x 3.3 mm (T1w every third), with masks in
`OUT/derivatives/phantom` (`--derivative phantom` of `accuracy.py`). Equal arguments make equal
bytes. Seeds from 2000 on are never used by training. Exit status: 0 written; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from spineps_nipype.phantom import join_slices, phantom_in_view, render, write_scan
from spineps_nipype.phantom.views import KINDS

FIRST: Final = 2000
"""First seed that training leaves out."""
SPACING: Final = (1.0, 1.0, 1.1)
JOINED: Final = 3
CONTRASTS: Final = ("T2w", "T2w", "T1w")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the dataset; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="phantoms.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--count", type=int, default=3, metavar="N")
    parser.add_argument("--first", type=int, default=FIRST, metavar="SEED")
    own = parser.parse_args(arguments)
    for kind in own.kinds:
        for number, seed in enumerate(range(own.first, own.first + own.count)):
            contrast = CONTRASTS[number % len(CONTRASTS)]
            thin = phantom_in_view(seed, kind, SPACING)
            image = render(thin, contrast=contrast, seed=seed, joined=JOINED)
            thick = join_slices(thin, JOINED)
            write_scan(own.out, f"{kind}{seed}", thick, image, suffix=contrast)
    print(f"{len(own.kinds) * own.count} scans: {own.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
