"""Strays put beside spines, and spines damaged, to count what `core.spine_column` decides rightly.

    python benchmarks/column_cases.py [SPIDER] [--phantoms N] [--each K]

Spines are phantoms of each kind (seeds from 2000 on, 1.5 x 1.5 x 2 mm) and, where a dataset is
given, the truth masks of its held-out subjects; none of them set a constant. Each makes K cases.
Prints a table: how many strays are left out and how many pieces of spines are kept.
Exit status: 0 counted; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from benchmarks.against_truth.mask_files import find_masks, mask_entities
from benchmarks.against_truth.selection import held_out_subjects
from benchmarks.against_truth.spider_bodies import number_bodies
from benchmarks.phantoms import FIRST
from benchmarks.phantoms import SPACING as THIN_SPACING
from benchmarks.rules.stray_cases import Case, Spine, make_case, right_decisions
from spineps_nipype.core.anatomy import BODY_PARTS, CANAL, CORD, DISC
from spineps_nipype.core.geometry import PIR, rescale
from spineps_nipype.core.images import load_mask
from spineps_nipype.core.spine_column import find_column
from spineps_nipype.core.spine_pieces import canal_line, find_pieces
from spineps_nipype.core.volume import make_volume
from spineps_nipype.errors import InputError
from spineps_nipype.phantom.views import KINDS, phantom_in_view

SPACING: Final = (1.5, 1.5, 2.0)
LEAST_MM3: Final = 200.0
"""Smaller pieces are crumbs of the masks, of which nothing is asked."""
VERTEBRA, SPIDER_DISC, SPIDER_CANAL = 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Count; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="column_cases.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("spider", type=Path, nargs="?", metavar="SPIDER")
    parser.add_argument("--phantoms", type=int, default=10, metavar="N", help="of each kind")
    parser.add_argument("--each", type=int, default=5, metavar="K", help="cases of each spine")
    own = parser.parse_args(arguments)
    counts: Mapping[str, Counter[str]] = defaultdict(Counter)
    try:
        for number, (kind, spine) in enumerate(_spines(own.spider, own.phantoms)):
            for seed in range(number * own.each, (number + 1) * own.each):
                case = make_case(spine, seed)
                found = judged(case)
                for title in ("all", kind, f"damage: {case.damage}", *_place_of(case)):
                    counts[title].update({**found, "cases": 1})
    except InputError as fault:
        print(f"Nothing was counted: {fault}", file=sys.stderr)
        return 2
    print("| cases of | number | strays left out | pieces of spines kept |\n|---|---|---|---|")
    for title, found in sorted(counts.items()):
        strays = f"{found['strays_dropped']} of {found['strays']}"
        kept = f"{found['true_kept']} of {found['true']}"
        print(f"| {title} | {found['cases']} | {strays} | {kept} |")
    return 0


def judged(case: Case) -> dict[str, int]:
    """Right decisions of the column on a case, see `right_decisions`."""
    seen = case.spine
    pieces = find_pieces(seen.bodies, seen.discs, seen.zoom)
    column = find_column(pieces, canal_line(seen.canal, seen.zoom))
    return right_decisions(case, pieces.components, ~column.strays, least_mm3=LEAST_MM3)


def _place_of(case: Case) -> tuple[str, ...]:
    """Title for cases whose strays all lie in one place."""
    places = set(case.places)
    return tuple(f"strays: {place}" for place in places) if len(places) == 1 else ()


def _spines(spider: Path | None, phantoms: int) -> Iterator[tuple[str, Spine]]:
    for kind in KINDS:
        for seed in range(FIRST, FIRST + phantoms):
            yield kind, phantom_spine(kind, seed)
    if spider is not None:
        held_out = held_out_subjects(spider)
        for path in find_masks(spider, "manual"):
            if mask_entities(path).get("sub") in held_out:
                yield "SPIDER", spider_spine(path)


def phantom_spine(kind: str, seed: int) -> Spine:
    """Spine of a phantom on a coarse grid."""
    phantom = phantom_in_view(seed, kind, THIN_SPACING)
    spine, vert = (
        rescale(make_volume(array, phantom.affine, seg=True), SPACING).get_array()
        for array in (phantom.spine, phantom.vert)
    )
    bodies = np.where(np.isin(spine, BODY_PARTS), vert, 0)
    return Spine(bodies, spine == DISC, np.isin(spine, (CANAL, CORD)), SPACING)


def spider_spine(path: Path) -> Spine:
    """Spine of a truth mask of SPIDER."""
    mask = load_mask(path).reorient(PIR)
    array, zoom = mask.get_array(), tuple(float(z) for z in mask.zoom)
    vertebrae, discs, canal = (array == v for v in (VERTEBRA, SPIDER_DISC, SPIDER_CANAL))
    return Spine(number_bodies(vertebrae, discs, canal, zoom), discs, canal, zoom)


if __name__ == "__main__":
    raise SystemExit(main())
