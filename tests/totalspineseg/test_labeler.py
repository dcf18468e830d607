"""The labeller on spines of blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spineps_nipype.errors import EmptyResultError
from spineps_nipype.totalspineseg.labeler import label_spine
from spineps_nipype.totalspineseg.labels import CANAL as CANAL_LABEL
from spineps_nipype.totalspineseg.labels import SACRUM as SACRUM_LABEL
from spineps_nipype.totalspineseg.profiles import PROFILES
from spineps_nipype.totalspineseg.settings import LABELER_STEP1, LABELER_STEP2, Numerics

from .block_spine import (
    CANAL,
    CORD,
    DISC,
    DISCS,
    FRONT,
    RIGHT,
    SACRUM,
    VERTEBRAE,
    disc_slice,
    found_discs,
    found_vertebrae,
    raw_spine,
    repainted,
    vertebra_slice,
)

BOTH: tuple[Numerics, ...] = ("corrected", "original")


@pytest.mark.parametrize("numerics", BOTH)
def test_whole_spine(numerics: Numerics) -> None:
    out = label_spine(raw_spine(DISCS), LABELER_STEP2, numerics=numerics)
    assert out.dtype == np.uint8
    assert found_discs(out, 23) == list(DISCS)
    assert found_vertebrae(out, 23) == list(VERTEBRAE)
    assert out[10, 28, 5] == 50
    assert out[8, 11, 100] == 2
    assert out[9, 12, 100] == 1


def test_specks_take_no_number() -> None:
    """Disc and bone of a few voxels below T12-L1; the original counts them."""
    seg = raw_spine(DISCS[-8:], (91,))
    seg[10, 37, vertebra_slice(5).start + 2] = 1
    seg[5:7, 24:26, disc_slice(4).start] = 8
    out = label_spine(seg, LABELER_STEP2)
    assert found_discs(out, 8) == list(DISCS[-8:])
    assert found_vertebrae(out, 8) == list(VERTEBRAE[-8:])
    assert out[10, 37, vertebra_slice(5).start + 2] == 0
    original = label_spine(seg, LABELER_STEP2, numerics="original")
    assert found_discs(original, 8) != list(DISCS[-8:])


def test_a_vertebra_of_both_raw_labels_is_one() -> None:
    """The top vertebra, half odd and half even."""
    seg = raw_spine(DISCS[-6:])
    top = seg[RIGHT, FRONT, vertebra_slice(5)]
    top[:7] = 15 - top[:7]
    out = label_spine(seg, LABELER_STEP2)
    assert np.unique(out[RIGHT, FRONT, vertebra_slice(5)]).tolist() == [VERTEBRAE[-6]]
    assert found_vertebrae(out, 6) == list(VERTEBRAE[-6:])


def test_discs_part_what_raw_labels_join() -> None:
    """All vertebrae with one raw label."""
    seg = raw_spine(DISCS[-6:])
    seg[seg == 7] = 8
    assert found_vertebrae(label_spine(seg, LABELER_STEP2), 6) == list(VERTEBRAE[-6:])


@pytest.mark.parametrize("bridged", [(3, 2), (4, 3, 2, 1)])
def test_discs_part_fused_vertebrae(bridged: tuple[int, ...]) -> None:
    """Some vertebrae have one raw label, and bone in front of the discs joins them."""
    seg = raw_spine(DISCS[-6:])
    for place in bridged:
        seg[RIGHT, FRONT, vertebra_slice(place)] = 8
    span = slice(vertebra_slice(bridged[-1]).start, vertebra_slice(bridged[0]).stop)
    bridge = np.s_[RIGHT, FRONT.stop : FRONT.stop + 2, span]
    seg[bridge] = 8
    out = label_spine(seg, LABELER_STEP2)
    assert found_vertebrae(out, 6) == list(VERTEBRAE[-6:])
    found = np.unique(out[bridge]).tolist()
    assert found == sorted(VERTEBRAE[-1 - place] for place in bridged)
    whole = label_spine(seg, LABELER_STEP2, numerics="corrected,fused_whole")
    names = {found_vertebrae(whole, 6)[5 - place] for place in bridged}
    assert len(names) == 1


def test_skin_that_is_called_canal_is_none() -> None:
    """It lies before a spine, is larger than the canal and has a speck of disc beside it."""
    seg = raw_spine(DISCS[-8:])
    clean = label_spine(seg, LABELER_STEP2)
    wide = np.pad(seg, ((0, 0), (0, 60), (0, 0)))
    wide[:, -6:, vertebra_slice(1).start : vertebra_slice(6).stop] = 10
    wide[8:10, -10:-6, disc_slice(4)] = 1
    assert np.count_nonzero(wide == 10) > 2 * np.count_nonzero(seg >= 10)
    found = label_spine(wide, LABELER_STEP2)
    assert np.array_equal(found[:, : seg.shape[1]], clean)
    assert not (found[:, -6:] == CANAL_LABEL).any()
    kept = label_spine(wide, LABELER_STEP2, numerics="corrected,false_canal_kept")
    assert found_vertebrae(kept, 8) != list(VERTEBRAE[-8:])


def test_specks_of_sacrum_are_none() -> None:
    seg = np.pad(raw_spine(DISCS[-8:]), ((0, 0), (0, 60), (0, 0)))
    clean = label_spine(seg, LABELER_STEP2)
    speck = np.s_[4:12, -9:-2, 2:9]
    seg[speck] = 9
    assert np.array_equal(label_spine(seg, LABELER_STEP2), clean)
    kept = label_spine(seg, LABELER_STEP2, numerics="corrected,sacrum_specks_kept")
    assert (kept[speck] == SACRUM_LABEL).all()


def test_what_is_called_disc_far_from_the_canal_is_none() -> None:
    seg = np.pad(raw_spine(DISCS[-8:]), ((0, 0), (0, 60), (0, 0)))
    clean = label_spine(seg, LABELER_STEP2)
    far = np.s_[RIGHT, -20:-8, vertebra_slice(3).start : vertebra_slice(3).start + DISC]
    seg[far] = 1
    assert np.array_equal(label_spine(seg, LABELER_STEP2), clean)
    kept = label_spine(seg, LABELER_STEP2, numerics="corrected,far_parts_kept")
    assert kept[far].all()


def test_the_line_goes_through_slices_in_which_the_canal_is_bent() -> None:
    """A strip of canal beside it moves the middle between its borders out of it."""
    seg = raw_spine(DISCS[-8:])
    clean = label_spine(seg, LABELER_STEP2)
    bent = np.s_[7:9, 2 : CANAL[1].start, vertebra_slice(1).start : vertebra_slice(6).stop]
    seg[bent] = 10
    numbers = (*VERTEBRAE, *DISCS)
    found = label_spine(seg, LABELER_STEP2)
    assert np.array_equal(found * np.isin(found, numbers), clean * np.isin(clean, numbers))
    kept = label_spine(seg, LABELER_STEP2, numerics="corrected,centres_of_boxes")
    assert found_vertebrae(kept, 8) != list(VERTEBRAE[-8:])


def test_a_canal_in_two_pieces_is_one() -> None:
    seg = raw_spine(DISCS)
    whole = label_spine(seg, LABELER_STEP2)
    gap = slice(vertebra_slice(17).start, vertebra_slice(18).start)
    seg[:, : CANAL[1].stop, gap] = 0
    whole[:, : CANAL[1].stop, gap] = 0
    assert np.array_equal(label_spine(seg, LABELER_STEP2), whole)


def test_bone_that_hardly_reaches_beyond_a_disc_is_not_cut() -> None:
    seg = raw_spine(DISCS[-6:])
    spur = np.s_[
        8:12,
        FRONT.stop : FRONT.stop + 2,
        vertebra_slice(2).start - DISC - 3 : vertebra_slice(2).start,
    ]
    seg[spur] = seg[10, 28, vertebra_slice(2).start]
    out = label_spine(seg, LABELER_STEP2)
    assert np.unique(out[spur]).tolist() == [VERTEBRAE[-3]]
    assert found_vertebrae(out, 6) == list(VERTEBRAE[-6:])


@pytest.mark.parametrize("numerics", BOTH)
def test_step_1_knows_no_vertebrae_but_c1(numerics: Numerics) -> None:
    seg = raw_spine(DISCS[:8], (63,), step=1)
    seg[RIGHT, FRONT, vertebra_slice(7)] = 7
    out = label_spine(seg, LABELER_STEP1, numerics=numerics)
    assert found_discs(out, 8) == list(DISCS[:8])
    assert found_vertebrae(out, 8) == [11, *([50] * 7)]


@pytest.mark.parametrize("numerics", BOTH)
@pytest.mark.parametrize("landmark", [63, 71, 91, 100])
def test_one_landmark_names_a_spine(numerics: Numerics, landmark: int) -> None:
    start = min(DISCS.index(landmark), len(DISCS) - 4)
    discs = DISCS[max(0, start - 2) : start + 4]
    out = label_spine(raw_spine(discs, (landmark,)), LABELER_STEP2, numerics=numerics)
    assert found_discs(out, len(discs)) == list(discs)


@settings(max_examples=25, deadline=None)
@given(
    first=st.integers(0, 18),
    count=st.integers(3, 8),
    numerics=st.sampled_from(BOTH),
    pad=st.tuples(*[st.integers(0, 3)] * 6),
)
def test_any_part_of_a_spine_in_any_image(
    first: int, count: int, numerics: Numerics, pad: tuple[int, ...]
) -> None:
    discs = DISCS[first : first + count]
    known = [d for d in (63, 71, 91, 100) if d in discs]
    seg = np.pad(raw_spine(discs, known), list(zip(pad[::2], pad[1::2], strict=True)))
    if not known:
        with pytest.raises(EmptyResultError, match="landmarks"):
            label_spine(seg, LABELER_STEP2, numerics=numerics)
        return
    out = label_spine(seg, LABELER_STEP2, numerics=numerics)
    stops = [n - after for n, after in zip(seg.shape, pad[1::2], strict=True)]
    inner = out[pad[0] : stops[0], pad[2] : stops[1], pad[4] : stops[2]]
    assert found_discs(inner, len(discs)) == list(discs)
    assert not out[seg == 0].any()


def test_layout_in_memory_does_not_matter() -> None:
    seg = raw_spine(DISCS[10:])
    one = label_spine(seg, LABELER_STEP2)
    assert np.array_equal(one, label_spine(np.asfortranarray(seg), LABELER_STEP2))


def test_last_disc_is_on_the_sacrum_when_only_c2_c3_is_known() -> None:
    seg = raw_spine(DISCS, (63,))
    assert found_discs(label_spine(seg, LABELER_STEP2), 23)[-1] == 100
    assert found_discs(label_spine(seg, LABELER_STEP2, numerics="original"), 23)[-1] == 96


@pytest.mark.parametrize("numerics", BOTH)
@pytest.mark.parametrize(
    ("discs", "vertebra"),
    [
        ((*DISCS[:-1], 96, 100), 46),
        ((*DISCS[:-2], 100), 44),
    ],
    ids=["six lumbar", "four lumbar"],
)
def test_lumbar_variants(numerics: Numerics, discs: tuple[int, ...], vertebra: int) -> None:
    seg = raw_spine(discs, (63, 100))
    out = label_spine(seg, LABELER_STEP2, numerics=numerics)
    assert found_discs(out, len(discs)) == list(discs)
    assert found_vertebrae(out, len(discs))[-1] == vertebra


def test_missed_disc_shifts_no_number_below_it() -> None:
    seg = raw_spine(DISCS, (63, 71, 91, 100))
    place = 22 - DISCS.index(76)
    seg[RIGHT, FRONT, disc_slice(place)] = 0
    want = [0 if d == 76 else d for d in DISCS]
    out = label_spine(seg, LABELER_STEP2)
    assert found_discs(out, 23) == want
    assert found_vertebrae(out, 23) == list(VERTEBRAE)
    shifted = found_discs(label_spine(seg, LABELER_STEP2, numerics="original"), 23)
    assert shifted[DISCS.index(77)] == 76


def test_a_wrong_landmark_is_outvoted() -> None:
    seg = raw_spine(DISCS, (71, 91, 100))
    seg[RIGHT, FRONT, disc_slice(22 - 3)] = 2
    assert found_discs(label_spine(seg, LABELER_STEP2), 23)[4:] == list(DISCS[4:])
    assert found_discs(label_spine(seg, LABELER_STEP2, numerics="original"), 23)[3] == 63


def test_arches_do_not_change_the_order() -> None:
    discs = DISCS[-5:]
    seg = raw_spine(discs, (100,))
    # A spinous process that hangs low takes the centre of the second vertebra with it.
    body = vertebra_slice(3)
    raw = seg[10, 28, body.start]
    seg[4:16, 0:9, vertebra_slice(0).start : body.stop] = raw
    seg[4:6, 0:22, body.start] = raw
    out = label_spine(seg, LABELER_STEP2)
    assert found_vertebrae(out, 5) == [41, 42, 43, 44, 45]
    original = label_spine(seg, LABELER_STEP2, numerics="original")
    assert found_vertebrae(original, 5) != [41, 42, 43, 44, 45]


def test_split_vertebra_is_one() -> None:
    discs = DISCS[-4:]
    seg = raw_spine(discs, (100,))
    seg[RIGHT, FRONT, vertebra_slice(1).start + 2] = 0
    seg[RIGHT, FRONT, vertebra_slice(1).start + 3] = 0
    out = label_spine(seg, LABELER_STEP2)
    part = out[10, 28, vertebra_slice(1)]
    assert set(part[part > 0].tolist()) == {44}


def test_vertebra_voxels_without_a_side_join_the_upper_neighbour() -> None:
    discs = DISCS[-4:]
    seg = raw_spine(discs, (100,))
    inside = vertebra_slice(2)
    seg[8:12, 25:30, inside] = 6
    seg[5, 21, inside.start + 1] = 6
    seg[5, 5, inside.start + 1] = 6
    out = label_spine(seg, LABELER_STEP2)
    assert set(np.unique(out[8:12, 25:30, inside])) == {43}
    assert out[5, 21, inside.start + 1] == 43
    assert out[5, 5, inside.start + 1] == 0


def test_no_canal() -> None:
    seg = repainted(raw_spine(DISCS[:5]), {10: 0, 11: 0})
    with pytest.raises(EmptyResultError, match=r"No canal found .* \[10, 11\]"):
        label_spine(seg, LABELER_STEP2)


def test_nothing_but_a_canal() -> None:
    seg = np.zeros((10, 10, 10), dtype=np.uint8)
    seg[4:6, 4:6] = 10
    with pytest.raises(EmptyResultError, match="Some label must be"):
        label_spine(seg, LABELER_STEP2)


def test_empty_map() -> None:
    with pytest.raises(EmptyResultError, match="No canal"):
        label_spine(np.zeros((5, 5, 5), dtype=np.uint8), LABELER_STEP2)


@pytest.mark.parametrize("numerics", BOTH)
def test_default_superior_disc(numerics: Numerics) -> None:
    seg = raw_spine(DISCS[3:8], ())
    labeler = replace(LABELER_STEP2, default_superior_disc=66)
    out = label_spine(seg, labeler, numerics=numerics)
    assert found_discs(out, 5) == list(DISCS[3:8])


@pytest.mark.parametrize("numerics", BOTH)
def test_localizer_with_landmark_disc(numerics: Numerics) -> None:
    discs = DISCS[-5:]
    seg = raw_spine(discs, ())
    localizer = np.zeros_like(seg)
    localizer[RIGHT, FRONT, disc_slice(0)] = 100
    out = label_spine(seg, LABELER_STEP2, localizer=localizer, numerics=numerics)
    assert found_discs(out, 5) == list(discs)


def test_localizer_without_landmark_disc() -> None:
    seg = raw_spine(DISCS[-5:], ())
    localizer = np.zeros_like(seg)
    localizer[RIGHT, FRONT, disc_slice(3)] = 93
    localizer[RIGHT, FRONT, disc_slice(3).start] = 94
    original = label_spine(seg, LABELER_STEP2, localizer=localizer, numerics="original")
    assert found_discs(original, 5) == [92, 93, 94, 95, 96]
    assert found_discs(label_spine(seg, LABELER_STEP2, localizer=localizer), 5) == [
        92,
        93,
        94,
        95,
        100,
    ]


def test_localizer_that_knows_only_the_disc_below_l5() -> None:
    seg = raw_spine((95, 96, 100), ())
    localizer = np.zeros_like(seg)
    localizer[RIGHT, FRONT, disc_slice(1)] = 96
    with pytest.raises(EmptyResultError, match="label 96"):
        label_spine(seg, LABELER_STEP2, localizer=localizer, numerics="original")
    out = label_spine(seg, LABELER_STEP2, localizer=localizer)
    assert found_discs(out, 3) == [95, 96, 100]
    assert found_vertebrae(out, 3) == [44, 45, 46]


def test_localizer_elsewhere_says_so() -> None:
    seg = raw_spine(DISCS[-3:], ())
    with pytest.raises(EmptyResultError, match="same space"):
        label_spine(seg, LABELER_STEP2, localizer=np.zeros_like(seg))


@pytest.mark.parametrize(("release", "kept"), [("r20241115", 1), ("r20251124", 0)])
def test_small_components_of_later_releases(release: str, kept: int) -> None:
    seg = raw_spine(DISCS[-4:], (100,))
    top = seg.shape[2] - 2
    seg[10, 30, top] = 1
    out = label_spine(seg, LABELER_STEP2, profile=PROFILES[release], numerics="original")
    assert int(out[10, 30, top] != 0) == kept


def test_a_small_landmark_does_not_count_for_later_releases() -> None:
    seg = raw_spine(DISCS[-4:], ())
    seg[RIGHT, FRONT, disc_slice(0)] = 5
    seg[RIGHT, FRONT, disc_slice(0).start] = 1
    seg[RIGHT, 22:28, disc_slice(0)] = 1
    assert 100 < np.count_nonzero(seg == 5) <= 200
    label_spine(seg, replace(LABELER_STEP2, disc_landmark_labels=(2, 3, 4, 5)))
    with pytest.raises(EmptyResultError, match="landmarks"):
        label_spine(seg, LABELER_STEP2, profile=PROFILES["r20251124"])


def test_canal_overwrites_bone_and_sacrum_overwrites_all() -> None:
    labeler = replace(LABELER_STEP2, map_input=((11, 99),))
    out = label_spine(raw_spine(DISCS[-4:]), labeler)
    assert out[CORD].min() == 99
    assert (out[RIGHT, FRONT, : SACRUM - 1] == 50).all()
    assert out[CANAL].max() == 99


def test_outputs_that_are_off_are_not_painted() -> None:
    labeler = replace(LABELER_STEP2, canal_output_label=0, cord_output_label=0)
    out = label_spine(raw_spine(DISCS[-4:]), labeler)
    assert not out[CANAL].any()
