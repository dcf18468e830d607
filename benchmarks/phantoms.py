"""Make a dataset of synthetic spines with truth masks, for the benchmarks that need one.

    python benchmarks/phantoms.py OUT [--kinds lumbar whole ...] [--count N] [--first SEED]

Every kind gets `--count` scans, sagittal T2w of 1 x 1 x 3.3 mm (T1w every third), with masks in
`OUT/derivatives/phantom` (`--derivative phantom` of `accuracy.py`). Equal arguments make equal
bytes. Seeds from 2000 on are never used by training. Exit status: 0 written; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from spineps_nipype.phantom import (
    Anomalies,
    FieldOfView,
    Phantom,
    draw_plan,
    generate,
    join_slices,
    render,
    write_scan,
)

FIRST: Final = 2000
"""First seed that training leaves out."""
SPACING: Final = (1.0, 1.0, 1.1)
JOINED: Final = 3
CONTRASTS: Final = ("T2w", "T2w", "T1w")


def lumbar(seed: int, anomalies: Anomalies | None = None) -> Phantom:
    """Seven vertebrae above the sacrum, with it."""
    top = draw_plan(seed, anomalies).levels[-7]
    fov = FieldOfView(top=top, bottom="sacrum", width=70.0)
    return generate(seed, spacing=SPACING, fov=fov, anomalies=anomalies)


def whole(seed: int) -> Phantom:
    """From C1 with some of the head to the sacrum."""
    return generate(seed, spacing=SPACING, fov=FieldOfView(width=80.0))


def neck(seed: int) -> Phantom:
    """C1 to T3."""
    return generate(seed, spacing=SPACING, fov=FieldOfView(bottom="T3", width=70.0))


def fractures(seed: int) -> Phantom:
    """Lumbar, three bodies compressed."""
    return lumbar(seed, Anomalies(fractures=3))


def scoliosis(seed: int) -> Phantom:
    """Lumbar, tilted by up to 25 degrees, seen through a slab that is wide enough."""
    anomalies = Anomalies(scoliosis_deg=25.0)
    top = draw_plan(seed, anomalies).levels[-9]
    fov = FieldOfView(top=top, bottom="sacrum", width=100.0)
    return generate(seed, spacing=SPACING, fov=fov, anomalies=anomalies)


KINDS: Final[dict[str, Callable[[int], Phantom]]] = {
    made.__name__: made for made in (lumbar, whole, neck, fractures, scoliosis)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the dataset; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="phantoms.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--count", type=int, default=3, metavar="N")
    parser.add_argument("--first", type=int, default=FIRST, metavar="SEED")
    own = parser.parse_args(arguments)
    for kind in own.kinds:
        for number, seed in enumerate(range(own.first, own.first + own.count)):
            contrast = CONTRASTS[number % len(CONTRASTS)]
            thin = KINDS[kind](seed)
            image = render(thin, contrast=contrast, seed=seed, joined=JOINED)
            thick = join_slices(thin, JOINED)
            write_scan(own.out, f"{kind}{seed}", thick, image, suffix=contrast)
    print(f"{len(own.kinds) * own.count} scans: {own.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
