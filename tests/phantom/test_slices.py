"""Thick slices joined of thin ones: geometry, labels, bone that stays visible."""

from __future__ import annotations

import numpy as np
import pytest

from spineps_nipype.phantom import FieldOfView, Phantom, generate, join_slices, render
from spineps_nipype.phantom.slices import mean_slices
from spineps_nipype.phantom.tissues import Tissue

COUNT = 3
FOV = FieldOfView(top="L2", bottom="L4", width=50.0)


@pytest.fixture(scope="module")
def thin() -> Phantom:
    return generate(3, spacing=(1.0, 1.0, 1.1), fov=FOV)


def test_a_thick_slice_lies_where_its_thin_ones_do(thin: Phantom) -> None:
    thick = join_slices(thin, COUNT)
    slices = thin.spine.shape[2] // COUNT
    assert thick.spine.shape == (*thin.spine.shape[:2], slices)
    assert thick.spacing == pytest.approx((1.0, 1.0, 3.3))
    middle_of_last = (0, 0, (slices - 1) * COUNT + 1, 1)
    assert thick.affine @ (0, 0, slices - 1, 1) == pytest.approx(thin.affine @ middle_of_last)
    for name, centre in thick.centres.items():
        there = thin.affine @ (*thin.centres[name], 1)
        assert thick.affine @ (*centre, 1) == pytest.approx(there, abs=1e-3)


def test_a_voxel_has_the_label_that_fills_most_of_it(thin: Phantom) -> None:
    thick = join_slices(thin, COUNT)
    groups = thin.spine[..., : thick.spine.shape[2] * COUNT].reshape(*thick.spine.shape, COUNT)
    own = (groups == thick.spine[..., None]).sum(-1)
    for k in range(COUNT):
        assert (own >= (groups == groups[..., k : k + 1]).sum(-1)).all()
    assert (thick.spine[own == 1] == groups[own == 1][:, 1]).all()  # all differ: the middle one
    assert ((thick.vert > 0) == np.isin(thick.spine, (26, *range(41, 51), 62, 100))).all()


def test_one_slice_changes_nothing(thin: Phantom) -> None:
    same = join_slices(thin, 1)
    assert np.array_equal(same.spine, thin.spine)
    assert np.array_equal(render(thin, seed=2, joined=1), render(thin, seed=2))


def test_processes_stay_brighter_than_if_drawn_in_thick_slices(thin: Phantom) -> None:
    """Drawn in thick slices a spinous process is cortex almost everywhere."""

    def process(phantom: Phantom, image: np.ndarray) -> float:
        muscle = np.median(image[phantom.tissue == Tissue.MUSCLE])
        return float(np.median(image[phantom.spine == Tissue.SPINOUS]) / muscle)

    drawn = generate(3, spacing=(1.0, 1.0, 3.3), fov=FOV)
    joined = process(join_slices(thin, COUNT), render(thin, seed=2, noise=0.01, joined=COUNT))
    assert joined > 1.1 * process(drawn, render(drawn, seed=2, noise=0.01))


def test_noise_does_not_fade_with_the_number_of_slices(thin: Phantom) -> None:
    quiet, loud = (render(thin, seed=2, noise=n, joined=COUNT) for n in (0.0, 0.05))
    air_like = mean_slices(thin.tissue == Tissue.MUSCLE, COUNT) == 1
    assert np.std((loud - quiet)[air_like]) == pytest.approx(50, rel=0.5)


@pytest.mark.parametrize("count", [0, 1000])
def test_impossible_counts_are_refused(thin: Phantom, count: int) -> None:
    with pytest.raises(ValueError, match="cannot be joined"):
        join_slices(thin, count)


def test_slices_are_not_both_joined_and_blurred(thin: Phantom) -> None:
    with pytest.raises(ValueError, match="joined or slice_thickness"):
        render(thin, joined=COUNT, slice_thickness=5.0)
