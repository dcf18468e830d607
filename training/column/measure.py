"""Measure the constants of `spineps_nipype/core/spine_column.py` on columns that are known.

    python -m training.column.measure SPIDER [--phantoms N]

Columns are bodies and discs in the truth masks of the SPIDER scans that training may see, and in
phantoms of five kinds: lumbar, whole, neck, fractures, scoliosis. Prints the middle and half the
width of the range of 95 % of the values as that of a normal distribution, for both and together.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from spineps_nipype.core.anatomy import BODY_PARTS, CANAL, CORD, DISC
from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_mask
from spineps_nipype.core.spine_pieces import (
    CanalLine,
    Pieces,
    canal_line,
    find_pieces,
    places_of,
    steps_between,
)
from spineps_nipype.phantom.views import KINDS, phantom_in_view
from training.common import spider_masks
from training.common.phantom_seeds import HELD_OUT_SEEDS
from training.common.real_scans import kept_from_training, scan_pairs

SPACING: Final = (1.5, 1.5, 2.0)
LEAST_MM3: Final = 200.0
"""Smaller pieces of masks are crumbs."""
WITHIN: Final = (2.5, 97.5)
SDS: Final = 3.92
"""A normal distribution has 95 % of its values in so many standard deviations."""
WIDTH: Final = 100.0
"""Extent of phantoms across the slices [mm]: every piece is whole."""

Values = dict[str, list[float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the constants; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spider", type=Path, help="BIDS folder with masks in derivatives/manual")
    parser.add_argument("--phantoms", type=int, default=12, help="of each kind")
    own = parser.parse_args(arguments)
    spider = measured(spider_columns(own.spider))
    phantoms = measured(phantom_columns(own.phantoms))
    both = {name: [*spider[name], *phantoms[name]] for name in spider}
    for title, values in (("SPIDER", spider), ("phantoms", phantoms), ("both", both)):
        print(title)
        for name, found in values.items():
            low, high = np.percentile(found, WITHIN)
            middle, spread = np.median(found), (high - low) / SDS
            print(f"  {name:12} {middle:8.3f} +- {spread:.3f}  ({len(found)})")
    return 0


def spider_columns(root: Path) -> Iterator[tuple[Pieces, CanalLine | None]]:
    """Columns of the truth masks that training may see."""
    for subject, _, path in scan_pairs(root):
        if subject in kept_from_training():
            continue
        mask = load_mask(path).reorient(PIR)
        array, zoom = mask.get_array(), [float(z) for z in mask.zoom]
        bodies = spider_masks.number_bodies(array, zoom)
        yield (
            find_pieces(bodies, array == spider_masks.DISC, zoom),
            canal_line(array == spider_masks.CANAL, zoom),
        )


def phantom_columns(count: int) -> Iterator[tuple[Pieces, CanalLine | None]]:
    """Columns of the first phantoms of each kind that training may see."""
    first = HELD_OUT_SEEDS.stop
    for kind in KINDS:
        for seed in range(first, first + count):
            phantom = phantom_in_view(seed, kind, SPACING, WIDTH)
            spine = phantom.spine
            bodies = np.where(np.isin(spine, BODY_PARTS), phantom.vert, 0)
            yield (
                find_pieces(bodies, spine == DISC, SPACING),
                canal_line(np.isin(spine, (CANAL, CORD)), SPACING),
            )


def measured(columns: Iterable[tuple[Pieces, CanalLine | None]]) -> Values:
    """What `spine_column` compares, of all pieces of columns and of their steps."""
    found: Values = defaultdict(list)
    for pieces, canal in columns:
        _add(found, pieces, canal)
    return dict(found)


def _add(found: Values, pieces: Pieces, canal: CanalLine | None) -> None:
    places, steps = places_of(pieces, canal), steps_between(pieces)
    whole = np.flatnonzero((pieces.volumes >= LEAST_MM3) & ~pieces.is_cut)
    row = whole[np.argsort(places.heights[whole])]
    down = np.array([0.0, 1.0, 0.0])
    heights = pieces.lengths(np.tile(down, (len(pieces), 1))) / places.depths
    known = row[np.isfinite(places.rear[row])]
    found["rear"] += places.rear[known].tolist()
    found["aside"] += places.aside[known].tolist()
    for name, kind in (("body", ~pieces.is_disc), ("disc", pieces.is_disc)):
        found[name] += heights[row[kind[row]]].tolist()
    # neighbours of one kind have lost what was between them
    pairs = [(j, k) for j, k in pairwise(row) if pieces.is_disc[j] != pieces.is_disc[k]]
    for j, k in pairs:
        found["gap"].append(steps.gaps[j, k] / (places.depths[j] + places.depths[k]) * 2)
        found["size"].append(float(np.log(places.depths[j] / places.depths[k])))
    for (i, j), (_, k) in pairwise(pairs):
        cosine = float(np.clip(steps.directions[i, j] @ steps.directions[j, k], -1, 1))
        closeness = 1 / steps.distances[i, j] + 1 / steps.distances[j, k]
        # one of both axes across the column has 1/sqrt(2) of the angle
        found["bend"].append(float(np.arccos(cosine)) / np.sqrt(2))
        found["shift"].append(found["bend"][-1] / closeness)


if __name__ == "__main__":
    raise SystemExit(main())
