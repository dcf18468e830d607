"""Scans with graded damage, from which the expected Dice is fitted and with which it is tested.

Both halves have the same kinds of cases: phantoms and SPIDER scans, each whole or with one or two
kinds of damage of any grade. What is for the fit was open to training, what is for the test was
not, and no phantom is in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from spineps_nipype.core.anatomy import SACRUM, VERTEBRA_NAMES
from spineps_nipype.core.geometry import PIR
from spineps_nipype.core.images import load_image, load_mask
from spineps_nipype.phantom import FieldOfView, draw_plan, generate, join_slices, render
from spineps_nipype.phantom.damage import DAMAGES, LEVELS, Scan, damaged
from training.common.held_out_phantoms import THIN_SPACING
from training.common.phantom_seeds import phantom_seed
from training.common.real_scans import held_out_subjects, kept_from_training, scan_pairs
from training.common.spider_masks import number_bodies

FIT, TEST = "fit", "test"
PHANTOM, REAL = "phantom", "spider"
TRUTH: Final = "truth"
"""Mask of the structures."""
WHOLE_SHARE: Final = 0.1
TWICE_SHARE: Final = 0.4
"""Shares of cases without damage, and with two kinds of it."""
FIRST_TEST_SEED: Final = 500
"""Of the held-out phantoms those from here on; other evaluations look at the first of them."""
FIT_SEEDS: Final = 77
"""Names the phantoms of the fit, see `phantom_seed`."""
CONTRASTS: Final = ("T2w", "T2w", "T2w", "T1w", "random")
VIEWS: Final = ("lumbar", "lumbar", "thoracic", "whole")
LONGEST: Final = 9
"""Vertebrae of a whole view that stay, so that all cases cost about the same."""
JOINED: Final = (1, 2, 3, 4)
GRADES: Final = (0.0, 1.3)
"""Grades lie between the mildest and beyond the severest, as shares of the way between both on a
scale of logarithms."""


class Step(NamedTuple):
    """One damage."""

    kind: str
    grade: float


class Case(NamedTuple):
    """What is computed: a half, a scan of a source, and what is done to it.

    Parameters
    ----------
    half
        `FIT` or `TEST`.
    source
        `PHANTOM` or `REAL`.
    scan
        Subject, or the seed of a phantom.
    steps
        Damages in order.
    seed
        Of what is drawn beside that.
    """

    half: str
    source: str
    scan: str
    steps: tuple[Step, ...]
    seed: int

    @property
    def name(self) -> str:
        """File name without extension."""
        done = "+".join(f"{kind}-{grade:.3g}" for kind, grade in self.steps) or "whole"
        return f"{self.half}_{self.source}_{self.scan}_{done}_{self.seed}"


def draw_case(half: str, source: str, number: int, subjects: Sequence[str]) -> Case:
    """The so-manieth case of a half and source.

    Parameters
    ----------
    subjects
        Of the half; they take turns.
    """
    rng = np.random.default_rng((number, half == TEST, source == REAL, 2026))
    if source == REAL:
        scan = subjects[number % len(subjects)]
    else:
        held_out = half == TEST
        scan = str(FIRST_TEST_SEED + number if held_out else phantom_seed(FIT_SEEDS, number))
    draw = rng.random()
    count = 0 if draw < WHOLE_SHARE else 2 if draw > 1 - TWICE_SHARE else 1
    kinds = rng.permutation(list(DAMAGES))[:count]
    # geometry last: the grades of the others are those of the scanner's grid
    steps = sorted(kinds, key=list(DAMAGES).index)
    return Case(half, source, scan, tuple(Step(str(k), draw_grade(k, rng)) for k in steps), number)


def draw_grade(kind: str, rng: np.random.Generator) -> float:
    """A grade of a kind of damage."""
    ends = np.log([DAMAGES[kind].grades[0], DAMAGES[kind].grades[-1]])
    share = rng.uniform(*GRADES)
    return float(np.exp(ends[0] + share * (ends[1] - ends[0])))


def subjects_of(half: str, root: Path) -> list[str]:
    """SPIDER subjects of a half that a folder holds."""
    there = sorted({subject for subject, _, _ in scan_pairs(root)})
    wanted = held_out_subjects()
    if half == TEST:
        return [subject for subject in there if subject in wanted]
    return [subject for subject in there if subject not in kept_from_training()]


def make_case(case: Case, root: Path | None) -> Scan:
    """Image and masks of a case.

    Raises
    ------
    ValueError
        If the damages leave nothing of the scan.
    """
    scan = _phantom(case) if case.source == PHANTOM else _real(case, root)
    for kind, grade in case.steps:
        scan = damaged(scan, kind, grade, case.seed)
    return scan


def _real(case: Case, root: Path | None) -> Scan:
    assert root is not None
    _, image, mask = next(pair for pair in scan_pairs(root) if pair[0] == case.scan)
    grey, labels = load_image(image).reorient(PIR), load_mask(mask).reorient(PIR)
    truth = np.asarray(labels.get_array()).astype(np.uint8)
    spacing = [float(z) for z in grey.zoom]
    levels = number_bodies(truth, spacing).astype(np.uint8)
    masks = {TRUTH: truth, LEVELS: levels}
    return Scan(np.asarray(grey.get_array(), np.float32), np.asarray(grey.affine, float), masks)


def _phantom(case: Case) -> Scan:
    rng = np.random.default_rng((case.seed, case.half == TEST, 4))
    seed, view = int(case.scan), VIEWS[rng.integers(len(VIEWS))]
    names, width = draw_plan(seed).levels, float(rng.uniform(20, 80))
    first = {"lumbar": len(names) - 7, "thoracic": 8}.get(view)
    if first is None:
        first = int(rng.integers(1, len(names) - LONGEST))
    last = first + LONGEST - 1
    bottom = "sacrum" if view == "lumbar" or last >= len(names) else names[last]
    fov = FieldOfView(top=names[first], bottom=bottom, width=width)
    thin = generate(seed, spacing=THIN_SPACING, fov=fov)
    joined = int(rng.choice(JOINED))
    image = render(
        thin, contrast=CONTRASTS[rng.integers(len(CONTRASTS))], seed=case.seed, joined=joined
    )
    phantom = join_slices(thin, joined)
    vertebrae = [n for n in VERTEBRA_NAMES if n != SACRUM]
    levels = np.where(np.isin(phantom.vert, vertebrae), phantom.vert, 0).astype(np.uint8)
    return Scan(image, phantom.affine, {TRUTH: phantom.spine, LEVELS: levels})
