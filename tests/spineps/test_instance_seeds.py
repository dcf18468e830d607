"""One point a vertebral body, and bodies that have grown together."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.errors import EmptyResultError, ErrCode, NoSeedError
from spineps_nipype.spineps.instance_seeds import find_seeds
from spineps_nipype.spineps.settings import InstanceSettings

SETTINGS = InstanceSettings()
PITCH, BODY, FIRST = 14, 10, 4
"""Rows from one body to the next, height of a body, upper edge of the first."""


def spine(count: int) -> np.ndarray:
    """Bodies with discs between."""
    labels = np.zeros((16, FIRST + PITCH * count + 6, 16), np.uint8)
    for k in range(count):
        top = FIRST + PITCH * k
        labels[3:13, top : top + BODY, 3:13] = 49
        if k < count - 1:
            labels[3:13, top + BODY + 1 : top + PITCH - 1, 3:13] = 100
    return labels


def heights(seeds: list[tuple[float, float, float]]) -> list[float]:
    return [point[1] for point in seeds]


def test_seeds_run_from_the_lowest_body_to_the_highest() -> None:
    seeds = find_seeds(spine(3), 1.0, 10, SETTINGS)
    middle = FIRST + (BODY - 1) / 2
    assert heights(seeds) == [middle + 2 * PITCH, middle + PITCH, middle]
    assert all(p == r == 7.5 for p, _, r in seeds)


def test_no_body_is_empty_and_a_thin_one_is_no_seed() -> None:
    with pytest.raises(EmptyResultError) as empty:
        find_seeds(np.full((9, 9, 9), 41, np.uint8), 1.0, 1, SETTINGS)
    assert empty.value.code is ErrCode.EMPTY
    thin = np.zeros((9, 9, 9), np.uint8)
    thin[3:6, 3:6, 3:6] = 49
    with pytest.raises(NoSeedError) as none:
        find_seeds(thin, 1.0, 1, SETTINGS)
    assert none.value.code is ErrCode.UNKNOWN
    assert "--no-proc-inst-corpus-clean" not in none.value.remedy  # nothing is left to keep
    assert len(find_seeds(thin, 1.0, 1, SETTINGS, erosion=1)) == 1


def test_small_components_are_no_seeds_unless_they_are_kept() -> None:
    labels = spine(2)
    labels[4:9, 30:35, 4:9] = 49  # one voxel is left of it
    assert len(find_seeds(labels, 1.0, 10, SETTINGS)) == 2
    kept = InstanceSettings(proc_inst_corpus_clean=False)
    with pytest.raises(NoSeedError) as none:
        find_seeds(np.where(labels == 49, labels, 0)[:, 28:], 1.0, 10**6, SETTINGS)
    assert "--no-proc-inst-corpus-clean" in none.value.remedy
    assert len(find_seeds(labels, 1.0, 10, kept)) == 3


def bridged() -> np.ndarray:
    """Six bodies; the third and fourth are joined through the disc between them."""
    labels = spine(6)
    top = FIRST + PITCH * 2 + BODY
    labels[4:12, top : top + PITCH - BODY, 4:12] = 49
    return labels


@pytest.mark.parametrize(("split", "count"), [(True, 6), (False, 5)])
def test_bodies_that_have_grown_together_are_split(split: bool, count: int) -> None:
    """A bridge through the disc makes one seed of two, far larger than the others."""
    labels = bridged()
    settings = InstanceSettings(proc_inst_detect_and_solve_merged_corpi=split)
    seeds = find_seeds(labels, 1.0, 10, settings)
    assert len(seeds) == count
    if split:
        middle = FIRST + (BODY - 1) / 2
        expected = [middle + PITCH * k for k in reversed(range(6))]
        np.testing.assert_allclose(heights(seeds), expected, atol=1.5)


def test_without_any_disc_nothing_is_split() -> None:
    labels = bridged()
    labels[labels == 100] = 0
    assert len(find_seeds(labels, 1.0, 10, SETTINGS)) == 5


def test_labelled_interiors_are_seeds_as_they_are_and_the_dens_comes_first() -> None:
    labels = spine(3)
    labels[7, FIRST + 4, 7] = 50
    labels[7, FIRST + PITCH + 4, 7] = 50
    labels[2, 1, 2] = 51
    assert find_seeds(labels, 1.0, 100, SETTINGS) == [
        (2.0, 1.0, 2.0),
        (7.0, FIRST + PITCH + 4.0, 7.0),
        (7.0, FIRST + 4.0, 7.0),
    ]
