"""The generator: same seed same bytes, true anatomy in the labels, honest geometry."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from spineps_nipype.core import anatomy
from spineps_nipype.phantom import Anomalies, FieldOfView, Phantom, draw_plan, generate

COARSE = (2.5, 2.5, 3.0)
LUMBAR = FieldOfView(top="L1", bottom="sacrum", width=90.0)


@pytest.fixture(scope="module")
def whole() -> Phantom:
    return generate(3, anomalies=Anomalies(thoracic=12, lumbar=5, fractures=0))


def test_same_seed_gives_the_same_arrays() -> None:
    first, second, other = (generate(s, spacing=COARSE, fov=LUMBAR) for s in (5, 5, 6))
    assert np.array_equal(first.tissue, second.tissue)
    assert np.array_equal(first.vert, second.vert)
    assert first.origin == second.origin
    assert first.tissue.shape != other.tissue.shape or (first.tissue != other.tissue).any()


def test_whole_spine_has_all_labels_and_levels(whole: Phantom) -> None:
    assert set(np.unique(whole.spine)) == {0, *anatomy.MR_LABELS}
    assert whole.levels == whole.plan.levels
    assert whole.levels[0] == "C1"
    assert whole.levels[-1] == "L5"
    vertebrae = set(range(1, 25))
    discs = {anatomy.DISC_OFFSET + v for v in range(2, 25)}
    plates = {anatomy.ENDPLATE_OFFSET + v for v in range(2, 25)}
    assert set(np.unique(whole.vert)) == {0, *vertebrae, 26, *discs, *plates}


def test_instances_follow_the_semantic_labels(whole: Phantom) -> None:
    spine, vert = whole.spine, whole.vert
    assert np.array_equal(np.isin(spine, anatomy.VERTEBRA_PARTS), (vert > 0) & (vert < 26))
    assert np.array_equal(spine == anatomy.DISC, (vert > 100) & (vert < 200))
    assert np.array_equal(spine == anatomy.ENDPLATE, vert > 200)
    assert np.array_equal(spine == anatomy.SACRUM, vert == 26)


def test_bodies_and_discs_alternate_from_top_to_bottom(whole: Phantom) -> None:
    rows = {
        v: np.argwhere((whole.vert == v) & (whole.spine == anatomy.CORPUS_BORDER))[:, 1].mean()
        for v in range(2, 25)
    }
    discs = {v: np.argwhere(whole.vert == 100 + v)[:, 1].mean() for v in range(2, 25)}
    order = [x for v in range(2, 25) for x in (rows[v], discs[v])]
    assert order == sorted(order)


def test_left_has_low_and_right_has_high_r(whole: Phantom) -> None:
    for left, right in ((43, 44), (45, 46), (47, 48)):
        r = [np.argwhere(whole.spine == label)[:, 2].mean() for label in (left, right)]
        assert r[0] + 5 < r[1]


def test_canal_runs_behind_the_bodies_and_before_the_arches(whole: Phantom) -> None:
    p = {label: np.argwhere(whole.spine == label) for label in (49, 61, 42)}
    for row in range(60, whole.spine.shape[1] - 120, 40):
        at = {k: v[v[:, 1] == row][:, 0] for k, v in p.items()}
        assert at[61].size
        if at[49].size:
            assert at[49].mean() < at[61].mean()
        if at[42].size:
            assert at[61].mean() < at[42].mean()


def test_cord_lies_in_the_canal_and_ends_near_l1(whole: Phantom) -> None:
    cord = np.argwhere(whole.spine == anatomy.CORD)[:, 1]
    below_l4 = whole.centres["L4"][1]
    assert cord.min() == 0
    assert whole.centres["T11"][1] < cord.max() < below_l4


def test_bodies_are_one_piece_around_their_centres(whole: Phantom) -> None:
    for name in ("C4", "T6", "L3"):
        p, i, r = (round(x) for x in whole.centres[name])
        label = next(v.label for v in whole.plan.vertebrae if v.name == name)
        assert whole.vert[p, i, r] == label
        assert whole.spine[p, i, r] == anatomy.CORPUS_BORDER


@pytest.mark.parametrize(
    ("thoracic", "lumbar", "last", "absent"),
    [(11, 5, "L5", 19), (13, 5, "L5", 25), (12, 4, "L4", 24), (12, 6, "L6", 28)],
)
def test_numbers_of_vertebrae_are_honoured(thoracic, lumbar, last, absent) -> None:
    phantom = generate(
        1,
        spacing=COARSE,
        fov=FieldOfView(top="T10"),
        anomalies=Anomalies(thoracic=thoracic, lumbar=lumbar),
    )
    assert phantom.levels[-1] == last
    present = set(np.unique(phantom.vert))
    assert absent not in present
    assert (28 in present) == (thoracic == 13)
    assert (25 in present) == (lumbar == 6)


def test_scoliosis_fractures_and_degeneration_are_honoured() -> None:
    straight = draw_plan(4, Anomalies(scoliosis_deg=0.0, fractures=0, degenerated=0.0))
    bent = draw_plan(4, Anomalies(scoliosis_deg=15.0, fractures=2, degenerated=1.0))
    assert np.ptp(straight.points[:, 2]) < 1e-9
    assert np.ptp(bent.points[:, 2]) > 15
    assert sum(v.fractured for v in straight.vertebrae) == 0
    assert sum(v.fractured for v in bent.vertebrae) == 2
    lumbar = [v for v in bent.vertebrae if v.region == "L"]
    healthy = [v for v in straight.vertebrae if v.region == "L"]
    assert min(v.degeneration for v in lumbar) >= 0.35
    assert max(v.degeneration for v in healthy) <= 0.2


def test_impossible_anomaly_is_refused() -> None:
    with pytest.raises(ValueError, match="11 to 13 thoracic"):
        draw_plan(0, Anomalies(thoracic=10))


def test_a_window_shows_the_same_spine(whole: Phantom) -> None:
    window = generate(
        3,
        fov=FieldOfView(top="T12", bottom="L3", width=30.0, anterior=30.0, posterior=60.0),
        anomalies=Anomalies(thoracic=12, lumbar=5, fractures=0),
    )
    start = [
        round((a - b) / step)
        for a, b, step in zip(window.origin, whole.origin, whole.spacing, strict=True)
    ]
    sub = tuple(slice(s, s + n) for s, n in zip(start, window.spine.shape, strict=True))
    same = whole.spine[sub] == window.spine
    assert same.mean() > 0.999
    assert window.spine.shape[2] == 15


def test_window_is_limited_to_the_levels_asked_for() -> None:
    phantom = generate(
        2, spacing=COARSE, fov=FieldOfView(top="T12", bottom="L2", above=14.0, below=14.0)
    )
    assert {"T12", "L1", "L2"} <= set(phantom.levels)
    assert not {"T9", "L5"} & set(phantom.levels)


def test_unknown_or_reversed_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="has no X1"):
        generate(0, fov=FieldOfView(top="X1"))
    with pytest.raises(ValueError, match="lies above"):
        generate(0, fov=FieldOfView(top="L3", bottom="T5"))


def test_affine_is_pir_and_carries_the_origin() -> None:
    phantom = generate(9, spacing=COARSE, fov=LUMBAR)
    assert nib.aff2axcodes(phantom.affine) == ("P", "I", "R")
    assert np.allclose(nib.affines.voxel_sizes(phantom.affine), COARSE)
    centre = phantom.plan.vertebrae[-1].frame.origin
    voxel = np.array([*phantom.centres[phantom.plan.levels[-1]], 1.0])
    p, i, r = centre
    assert np.allclose((phantom.affine @ voxel)[:3], (r, -p, -i), atol=1e-3)


def test_optional_labels() -> None:
    plain, rich = (
        generate(
            8,
            spacing=COARSE,
            fov=FieldOfView(top="C1", bottom="C4"),
            corpus_interior=flag,
            dens=flag,
        )
        for flag in (False, True)
    )
    assert not {anatomy.CORPUS, anatomy.DENS} & set(np.unique(plain.spine))
    assert {anatomy.CORPUS, anatomy.DENS} <= set(np.unique(rich.spine))
    body = np.isin(rich.spine, (49, 50, 51))
    assert np.array_equal(body, plain.spine == 49)


def test_a_thin_slab_at_fine_spacing() -> None:
    fov = FieldOfView(top="L2", bottom="L4", width=14.0, anterior=40.0, posterior=60.0)
    phantom = generate(12, spacing=(1.0, 1.0, 2.0), fov=fov)
    assert phantom.spine.shape[2] in (7, 8)
    assert {49, 61, 100} <= set(np.unique(phantom.spine))
