"""What holds for every input of the rules that other files check by example."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spineps_nipype.totalspineseg.alternate import extract_alternate
from spineps_nipype.totalspineseg.labels import LOCALIZER_DISCS
from spineps_nipype.totalspineseg.levels import extract_levels
from spineps_nipype.totalspineseg.localizers import case_name, match_localizers
from spineps_nipype.totalspineseg.soft import extract_soft

from .block_spine import level_points

QUICK = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
NUMBERS = (63, 64, 65, 66, 67, 71, 72, 73)
"""Discs with the levels 3 to 10."""


def spine(present: list[bool]) -> np.ndarray:
    """Discs in front of a straight canal, uppermost first; some of them missing."""
    out = np.zeros((9, 16, 8 * len(NUMBERS)), np.uint8)
    out[3:6, 3:6] = 2
    for place, number in enumerate(reversed(NUMBERS)):
        if present[len(NUMBERS) - 1 - place]:
            out[2:7, 7:13, 8 * place + 2 : 8 * place + 5] = number
    return out


@QUICK
@given(st.lists(st.booleans(), min_size=8, max_size=8).filter(any))
def test_a_level_belongs_to_its_disc(present: list[bool]) -> None:
    """Also when discs are missing: then their levels are, and no other moves."""
    points = level_points(extract_levels(spine(present)))
    assert set(points) == {3 + i for i, here in enumerate(present) if here}
    heights = [points[level][2] for level in sorted(points)]
    assert heights == sorted(heights, reverse=True)


@QUICK
@given(seeds)
def test_every_second_disc(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seg = rng.choice([0, 1, 50, *LOCALIZER_DISCS[:6]], size=(4, 4, 4)).astype(np.uint8)
    present = [n for n in LOCALIZER_DISCS if (seg == n).any()]
    marked = extract_alternate(seg) > 0
    assert set(np.unique(seg[marked]).tolist()) == set(present[::2])
    if len(present) > 1:
        other = extract_alternate(seg, prioritized=[present[1]]) > 0
        assert not (marked & other).any()
        assert ((marked | other) == np.isin(seg, present)).all()


@QUICK
@given(seeds, st.integers(0, 2))
def test_soft_maps_end_where_the_labels_do(seed: int, reach: int) -> None:
    rng = np.random.default_rng(seed)
    soft = rng.random((6, 5, 7)).astype(np.float32)
    seg = (rng.random(soft.shape) < 0.05).astype(np.uint8)
    out = extract_soft(soft, seg, (1,), dilation=reach)
    near = ndimage.distance_transform_cdt(seg == 0, "taxicab") <= reach if seg.any() else seg > 0
    assert (out[near] == soft[near]).all()
    assert (out[~near] == 0).all()


@QUICK
@given(st.sets(st.from_regex(r"sub-[a-z]{1,3}", fullmatch=True), min_size=1, max_size=5), seeds)
def test_localizers_go_to_their_own_image(subjects: set[str], seed: int) -> None:
    import tempfile
    from pathlib import Path

    rng = np.random.default_rng(seed)
    names = sorted(subjects)
    some = [name for name in names if rng.random() < 0.5]
    with tempfile.TemporaryDirectory() as folder:
        for name in some:
            (Path(folder) / f"{name}_loc.nii.gz").touch()
        images = [f"{name}_T2w.nii.gz" for name in names]
        found = match_localizers(images, folder, suffixes=["_T2w"], loc_suffix="_loc")
    assert {case: case_name(path) for case, path in found.items()} == {
        f"{name}_T2w": f"{name}_loc" for name in some
    }
